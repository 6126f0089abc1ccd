"""Simulated CT has what a reader of volumes must get right, and its truth in its voxels."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.stats import spearmanr

from cohort_selection.clinical import records as clinical
from cohort_selection.commons.simulation import Simulated, expected_auroc, simulate
from cohort_selection.dicom import studies as dicom
from cohort_selection.pixels.series import choose_series
from cohort_selection.pixels.volume import Grid, read_on_grid
from tests.support.made_volumes import at_own_distances
from tests.support.validator import dciodvfy


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("ct") / "c", patients=10, seed=3, modality="CT")


def test_index_and_table_take_every_study(commons: Simulated) -> None:
    studies, quarantined = dicom.index(commons.dicom)
    assert quarantined == []
    assert len(studies) == commons.n_studies
    assert {study.modality for study in studies} == {"CT"}
    records = {record.study_uid: record for record in clinical.read(commons.clinical)}
    assert all(records[study.study_uid].sex == study.sex for study in studies)


def test_each_site_has_its_own_trap(commons: Simulated) -> None:
    tilts: dict[str, float] = {}
    spacings, reversed_numbers, left_out = {}, Counter[str](), Counter[str]()
    for folder in commons.dicom.iterdir():
        headers = [pydicom.dcmread(path) for path in folder.glob("*.dcm")]
        site = str(headers[0].PatientID)[:3]
        kinds = Counter("LOCALIZER" in header.ImageType for header in headers)
        assert kinds[True] == 1
        left_out[site] += any(
            header.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage for header in headers
        )
        series = choose_series(list(folder.glob("*.dcm")))
        tilts[site] = round(np.degrees(np.arcsin(series.slices[0].down[2])), 3)
        spacings[site] = at_own_distances(series).spacing_mm[0]
        main = [header for header in headers if header.SeriesInstanceUID == series.uid]
        assert len(main) == len(series.slices) > 20
        by_number = sorted(main, key=lambda header: header.InstanceNumber)
        heights = [float(header.ImagePositionPatient[2]) for header in by_number]
        reversed_numbers[site] += heights[0] > heights[-1]
    assert set(spacings) == {"101", "102", "103", "104"}
    assert len({round(spacing, 1) for spacing in spacings.values()}) == 4
    assert tilts.pop("104") == 12
    assert set(tilts.values()) == {0}
    assert reversed_numbers["102"]
    assert not reversed_numbers["101"]
    assert left_out["104"]


def test_the_planted_opacity_stands_in_the_voxels(
    commons: Simulated,
) -> None:
    """The share of lung that is dense, of a grid that no scanner's geometry reaches."""
    with commons.truth.open(encoding="utf-8") as table:
        truth = {row["study_uid"]: row for row in csv.DictReader(table)}
    dense, severities, risks = [], [], []
    for folder in sorted(commons.dicom.iterdir()):
        grid = Grid((25, 40, 50), (8.0, 5.0, 5.0))
        values = read_on_grid(choose_series(list(folder.glob("*.dcm"))), grid).values
        dense.append(np.mean((values > -700) & (values < -150)) / np.mean(values < -150))
        severities.append(float(truth[folder.name]["severity"]))
        risks.append(float(truth[folder.name]["risk"]))
    assert spearmanr(dense, severities).statistic > 0.6
    assert commons.achievable_auroc == pytest.approx(expected_auroc(np.array(risks)), abs=1e-6)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate(tmp_path / name, patients=2, seed=2, modality="CT")
    files = [sorted((tmp_path / name).rglob("*.dcm")) for name in ("a", "b")]
    assert len(files[0]) > 40
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_dciodvfy_finds_no_error_in_any_kind_of_file(commons: Simulated) -> None:
    validator = dciodvfy()
    seen = set()
    for path in sorted(commons.dicom.rglob("*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        kind = (header.PatientID[:3], header.SOPClassUID, *header.ImageType[2:])
        if kind in seen:
            continue
        seen.add(kind)
        said = subprocess.run([validator, path], capture_output=True, text=True, check=False)
        errors = [line for line in said.stderr.splitlines() if line.startswith("Error")]
        assert not errors, (kind, errors)
    assert len(seen) >= 9
