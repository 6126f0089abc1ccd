"""Masks of a few cases, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cohort_selection.cases import Region
from cohort_selection.task.declaration import LEFT_OUT, SEGMENTATION, Task
from evaluator.tasks import segmentation
from tests.evaluator.tasks.region_cases import UID, by, given, value
from tests.support import annotated_pictures

TASK = Task(SEGMENTATION, both_empty=1.0, false_mask=0.0, missed_mask=0.0)
# Of 16 columns: columns 2 to 5 of the rows 3 and 4, counted from 0.
SQUARE = "51 4 67 4"
LOWER = "67 4 83 4"
"""The same one row below."""


def lesion(runs: str, source: str = UID) -> tuple[Region, ...]:
    return (Region(source, 1, 1, runs=runs),)


@pytest.fixture
def picture(tmp_path: Path) -> list[Path]:
    return [annotated_pictures.radiograph(tmp_path)]


def test_overlap_and_distance_are_in_the_picture_s_own_millimetres(picture: list[Path]) -> None:
    cases = given(picture, [lesion(SQUARE), lesion(SQUARE), ()], [f"{UID},1,{LOWER}"] * 2 + [""])
    found = segmentation.top(cases, by(TASK))
    # Half of each mask is shared: Dice 1/2, IoU 1/3; the third case counts 1.
    assert value(found, "mean_dice") == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert value(found, "mean_iou") == pytest.approx((1 / 3 + 1 / 3 + 1) / 3)
    # Borders are at most a row apart, 0.2 mm; the empty case has no distance.
    assert value(found, "mean_hd95") == pytest.approx(0.2)
    assert value(found, "mean_volume_difference") == pytest.approx(0.0)
    assert "mean_hd" not in {result.metric for result in found.results}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Cases: half right, a false mask, a missed one, both empty.
        ((1.0, 0.0, 0.0), (0.5 + 0 + 0 + 1) / 4),
        ((LEFT_OUT, 0.0, 0.0), 0.5 / 3),
        ((LEFT_OUT, LEFT_OUT, LEFT_OUT), 0.5),
        ((0.25, 0.5, 0.75), (0.5 + 0.5 + 0.75 + 0.25) / 4),
    ],
)
def test_empty_masks_count_what_the_file_says(
    picture: list[Path], rules: tuple[float | str, float | str, float | str], expected: float
) -> None:
    task = replace(TASK, both_empty=rules[0], false_mask=rules[1], missed_mask=rules[2])
    drawn = [f"{UID},1,{LOWER}", f"{UID},1,{SQUARE}", "", ""]
    cases = given(picture, [lesion(SQUARE), (), lesion(SQUARE), ()], drawn)
    found = segmentation.top(cases, by(task))
    assert value(found, "mean_dice") == pytest.approx(expected)
    assert value(found, "missed_masks") == pytest.approx(1 / 2)
    assert value(found, "false_masks") == pytest.approx(1 / 2)


def test_a_penalty_counts_for_false_and_missed_masks(picture: list[Path]) -> None:
    task = replace(TASK, distance_penalty_mm=4.0, distance_both_empty_mm=0.0)
    drawn = [f"{UID},1,{LOWER}", f"{UID},1,{SQUARE}", "", ""]
    cases = given(picture, [lesion(SQUARE), (), lesion(SQUARE), ()], drawn)
    found = segmentation.top(cases, by(task))
    assert value(found, "mean_hd95") == pytest.approx((0.2 + 4 + 4 + 0) / 4)


def test_slices_are_matched_by_uid_and_stand_by_place(tmp_path: Path) -> None:
    # The files' places are 4, 0, 6 and 2 mm; the pictures 2.25.713 and 2.25.710 are neighbours.
    files = annotated_pictures.slices(tmp_path, (4.0, 0.0, 6.0, 2.0))
    reference = lesion("100 3", "2.25.713")
    same, above = "2.25.713,1,100 3", "2.25.710,1,100 3"
    task = replace(TASK, tolerances_mm=(2.5,))
    right = segmentation.top(given(files, [reference, reference, ()], [same, same, ""]), by(task))
    assert value(right, "mean_dice") == pytest.approx(1.0)
    apart = segmentation.top(given(files, [reference, reference, ()], [above, above, ""]), by(task))
    assert value(apart, "mean_dice") == pytest.approx(1 / 3)
    assert value(apart, "mean_hd95") == pytest.approx(2.0)  # one slice of 2 mm
    # Three voxels of 2 x 0.8 x 0.5 mm each.
    assert value(apart, "mean_volume_difference") == pytest.approx(0.0)
    nothing = segmentation.top(given(files, [reference, reference, ()], ["", "", ""]), by(task))
    assert value(nothing, "mean_volume_difference") == pytest.approx(-2 / 3 * 3 * 2 * 0.8 * 0.5)
