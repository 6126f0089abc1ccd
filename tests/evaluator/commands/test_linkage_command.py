"""Two records of one patient under two ids, through index and sequester: never on two sides."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pydicom
import pytest

from tests.support.commands import succeed
from tests.support.repository import REPOSITORY

N_PAIRS = 60
OF_THE_PERSON = ("case_ids", "sex", "race", "ethnicity", "age_at_imaging")


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 patients, of whom the first 60 are the last 60: seen at two sites, under two ids.

    The headers keep the sites' ids; the clinical table, one line a study, names the patient.
    """
    folder = tmp_path_factory.mktemp("linkage") / "commons"
    succeed("simulate", folder, "--patients", str(2 * N_PAIRS))
    path = folder / "clinical.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    patients = sorted({row["case_ids"] for row in rows})
    one = dict(zip(patients[:N_PAIRS], patients[N_PAIRS:], strict=True))
    described = {row["case_ids"]: row for row in rows}
    for row in rows:
        person = described[one.get(row["case_ids"], row["case_ids"])]
        row.update({name: person[name] for name in OF_THE_PERSON})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_no_patient_of_two_ids_is_on_two_sides(commons: Path, tmp_path: Path) -> None:
    catalog, opened = tmp_path / "catalog", tmp_path / "open.csv"
    clinical = commons / "clinical.csv"
    printed = succeed("index", commons / "dicom", "--clinical", clinical, "--output", catalog)
    with clinical.open(encoding="utf-8") as file:
        person = {row["study_uid"]: row["case_ids"] for row in csv.DictReader(file)}
    in_headers = {
        str(header.StudyInstanceUID): str(header.PatientID)
        for header in map(pydicom.dcmread, sorted((commons / "dicom").rglob("*.dcm")))
    }
    differing = sum(person[uid] != name for uid, name in in_headers.items())
    assert len(set(in_headers.values())) == 2 * len(set(person.values())) == 2 * N_PAIRS
    assert f"another patient in {differing}," in printed

    succeed(
        *("sequester", REPOSITORY / "benchmarks" / "simulated-opacity.toml"),
        *("--catalog", catalog, "--open", opened, "--home", tmp_path / "home"),
    )
    with opened.open(encoding="utf-8") as file:
        open_studies = {row["case_id"] for row in csv.DictReader(file)}
    assert open_studies <= set(person)
    sides = Counter(person[uid] for uid in open_studies)
    studies = Counter(person.values())
    # Both of a patient's ids, or neither: half of the people are open, each with every study.
    assert {name: studies[name] for name in sides} == sides
    assert 0.3 * N_PAIRS < len(sides) < 0.7 * N_PAIRS
