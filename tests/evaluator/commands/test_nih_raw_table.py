"""The NIH's own table: its images imported twice, and a benchmark by 'Finding Labels'."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest

from tests.support.commands import refused, succeed
from tests.support.walkthrough import always_the_same_draw

pytestmark = pytest.mark.realdata

# The header of Data_Entry_2017.csv, in which two names hold a comma and the last column has none.
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
BENCHMARK = """
[benchmark]
name = "nih-infiltration"

[cohort]
label = {{ column = "Finding Labels", contains = {contains} }}
attributes = ["sex", "age_group", "view"]
sequestered_share = 0.5
size = 100
seed = 4

[cohort.target.sex]
F = 0.5
M = 0.5
"""


def rows_of(images: Path) -> list[dict[str, str]]:
    with (images / "metadata.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def raw_table(path: Path, rows: list[dict[str, str]]) -> Path:
    lines = [HEADER]
    for row in rows:
        cells = [row["file"], row["finding_labels"], row["follow_up"], row["patient_id"]]
        cells += [row["age"], row["sex"], row["view"], row["original_width"]]
        cells += [row["original_height"], row["pixel_spacing_x_mm"], row["pixel_spacing_y_mm"], ""]
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("nih")
    images = shared_data / "images" / "nih_cxr"
    table = raw_table(folder / "Data_Entry_2017.csv", rows_of(images))
    printed = succeed("import-images", images, "--metadata", table, "--output", folder / "commons")
    assert "824 images of 735 patients written" in printed
    return folder


def test_a_second_import_of_the_raw_table_writes_the_same_bytes(
    imported: Path, shared_data: Path
) -> None:
    images = shared_data / "images" / "nih_cxr"
    table = raw_table(imported / "turned.csv", rows_of(images)[::-1])
    succeed("import-images", images, "--metadata", table, "--output", imported / "again")
    assert contents(imported / "again") == contents(imported / "commons")


def test_a_benchmark_by_finding_labels_is_sequestered_and_matched(
    imported: Path, shared_data: Path
) -> None:
    rows = rows_of(shared_data / "images" / "nih_cxr")
    counted = sum("Infiltration" in row["finding_labels"].split("|") for row in rows)
    assert 100 < counted < 400
    path = imported / "nih-infiltration.toml"
    path.write_text(BENCHMARK.format(contains='"infiltration"'))
    catalog, opened, home = imported / "catalog", imported / "open.csv", imported / "home"
    always_the_same_draw(home)
    commons = imported / "commons"
    given = ("--clinical", commons / "clinical.csv", "--output", catalog)
    assert "824 studies and 824 clinical records" in succeed("index", commons / "dicom", *given)
    at = ("--catalog", catalog, "--home", home)
    printed = succeed("sequester", path, *at, "--open", opened)
    assert "Finding Labels is recorded" in printed
    with opened.open(newline="") as lines:
        split = list(csv.DictReader(lines))
    study_of = {}
    with (commons / "clinical.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            study_of[row["study_uid"]] = "Infiltration" in row["Finding Labels"].split("|")
    assert sum(study_of.values()) == counted
    assert {row["case_id"]: int(row["label"]) for row in split} == {
        row["case_id"]: int(study_of[row["case_id"]]) for row in split
    }
    assert "Matched cohort: 100 cases" in succeed("match", "nih-infiltration", *at)


def test_a_finding_that_no_record_has_names_those_that_there_are(imported: Path) -> None:
    path = imported / "nih-misspelt.toml"
    path.write_text(BENCHMARK.format(contains='"Infiltrate"').replace("nih-inf", "nih-mis"))
    said = refused(
        *("sequester", path, "--catalog", imported / "catalog", "--home", imported / "home"),
        *("--open", imported / "none.csv"),
    )
    assert "contains 'Infiltrate' in no record; its items are No Finding, Infiltration" in said
