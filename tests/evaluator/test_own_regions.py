"""Masks and marks of one's own, on open cases, by the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cohort_selection.cases import Case, Region
from cohort_selection.sequestration.open_list import write_open
from evaluator.case_tables.scoring_input import ScoringInputError
from evaluator.own_regions import score_own
from evaluator.scoring.analysis_plan import AnalysisPlan
from tests.evaluator.tasks.region_cases import UID, value
from tests.support import annotated_pictures
from tests.support.commands import sequestra
from tests.support.installation import one_sentence

PLAN = """
[task]
kind = "segmentation"
both_empty = 1.0
false_mask = 0.0
missed_mask = 0.0
[analysis]
minimum_cases = 2
minimum_per_class = 1
replicates = 100
"""
ANALYSIS = AnalysisPlan(primary="mean_dice", minimum_cases=2, minimum_per_class=1)
HEADER = "case_id,sop_instance_uid,frame,runs\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three open cases of one picture; two have the same lesion."""
    picture = annotated_pictures.radiograph(tmp_path)
    lesion = (Region(UID, 1, 1, runs="51 4 67 4"),)
    cases = [
        Case(name, name, (picture,), int(bool(each)), {"sex": "F"}, {}, each)
        for name, each in (("one", lesion), ("two", lesion), ("three", ()))
    ]
    write_open(tmp_path / "open.csv", cases, ("sex",))
    (tmp_path / "plan.toml").write_text(PLAN)
    rows = f"one,{UID},1,51 4 67 4\ntwo,{UID},1,67 4 83 4\nthree,,,\n"
    (tmp_path / "masks.csv").write_text(HEADER + rows)
    return tmp_path


def test_masks_are_scored_against_the_regions_beside_the_list(folder: Path) -> None:
    (found,) = score_own(
        folder / "masks.csv", folder / "open.csv", ANALYSIS, folder / "plan.toml"
    ).values()
    # Right, half right, and rightly empty.
    assert value(found, "mean_dice") == pytest.approx((1 + 0.5 + 1) / 3)


def test_the_command_prints_them_and_writes_the_same(folder: Path) -> None:
    ended = sequestra(
        *("score", folder / "masks.csv", folder / "open.csv", "--plan", folder / "plan.toml"),
        *("--output", folder / "found.json", "--report", folder / "found.html"),
    )
    assert ended.code == 0, ended.complained
    assert "segmentation: 3 cases, 3 patients, 2 positive" in ended.printed
    assert "0.8333" in ended.printed
    document = json.loads((folder / "found.json").read_text())["segmentation"]
    (dice,) = [
        each["estimate"]["value"]
        for each in document["results"]
        if each["metric"] == "mean_dice" and each["attribute"] == "overall"
    ]
    assert dice == pytest.approx(2.5 / 3)
    assert "Mean Dice" in (folder / "found.html").read_text()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (f"one,{UID},1,1 5\ntwo,,,\n", "2 of 3 cases"),
        (f"one,{UID},1,190 9\ntwo,,,\nthree,,,\n", "ends at pixel 198 and the picture has 192"),
        ("one,2.25.9,1,1 5\ntwo,,,\nthree,,,\n", "the case has no picture '2.25.9'"),
    ],
)
def test_what_a_container_may_not_write_is_refused_here_too(
    folder: Path, rows: str, said: str
) -> None:
    (folder / "masks.csv").write_text(HEADER + rows)
    with pytest.raises(ScoringInputError, match=said):
        score_own(folder / "masks.csv", folder / "open.csv", ANALYSIS, folder / "plan.toml")


def test_a_list_without_regions_is_refused(folder: Path) -> None:
    (folder / "open-regions.csv").unlink()
    said = one_sentence(
        sequestra(
            *("score", folder / "masks.csv", folder / "open.csv"),
            *("--plan", folder / "plan.toml"),
        )
    )
    assert "open.csv has no region beside it" in said
    assert "open-regions.csv" in said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("one,1,9.9,1,51 4,,,,", "frame 1 of picture 9.9"),
        (f"one,1,{UID},7,51 4,,,,", "frame 7 of picture"),
        (f"one,1,{UID},1,51,,,,", "a start without a length"),
        (f"one,1,{UID},1,51 40000,,,,", "the picture has 192"),
        (f"one,1,{UID},1,,1,1,3,3", "give runs"),
    ],
)
def test_a_region_that_no_picture_has_is_told_in_a_sentence(
    folder: Path, row: str, said: str
) -> None:
    columns = "case_id,lesion,sop_instance_uid,frame,runs,x,y,width,height"
    (folder / "open-regions.csv").write_text(f"{columns}\n{row}\n")
    with pytest.raises(ScoringInputError, match=said):
        score_own(folder / "masks.csv", folder / "open.csv", ANALYSIS, folder / "plan.toml")
