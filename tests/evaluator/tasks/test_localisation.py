"""Marks on a few lesions, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Region
from cohort_selection.task.declaration import INSIDE, LOCALISATION, NEAR, OVERLAP, Task
from evaluator.tasks import localisation
from evaluator.tasks.matched_marks import matched_case
from evaluator.tasks.regions import stack_of_case
from tests.evaluator.tasks.region_cases import UID, by, given, value
from tests.support import annotated_pictures

TASK = Task(LOCALISATION, hit=INSIDE, rates=(0.5, 1.0))
MASK = Region(UID, 1, 1, runs="51 4 67 4")
"""Columns 2 to 5 of the rows 3 and 4: from (2, 3) to (6, 5) in pixels, middle (4, 4)."""
BOX = Region(UID, 1, 2, box=(10.0, 6.0, 4.0, 4.0))
MARKS = [
    (5.9, 4.9, 0.9),  # in the mask's last pixel
    (6.1, 4.0, 0.8),  # just beside it
    (2.0, 3.0, 0.3),  # its corner
    (14.0, 10.0, 0.7),  # the box's corner
    (0.0, 11.0, 0.6),
]


def rows(*marks: tuple[float, ...], uid: str = UID) -> str:
    return "\n".join(f"{uid},1,{','.join(map(str, mark))}" for mark in marks)


@pytest.fixture
def picture(tmp_path: Path) -> list[Path]:
    return [annotated_pictures.radiograph(tmp_path)]


def test_a_mark_inside_a_mask_or_a_box_is_on_it(picture: list[Path]) -> None:
    (case,) = given(picture, [(MASK, BOX)], [""]).cases
    found = matched_case(case.regions, rows(*MARKS), stack_of_case(case), TASK)
    assert found.lesions.tolist() == [0.9, 0.7]  # the mask's second mark is neither hit nor false
    assert sorted(found.false.tolist()) == [0.6, 0.8]


def test_near_is_in_millimetres(picture: list[Path]) -> None:
    (case,) = given(picture, [(MASK,)], [""]).cases
    stack = stack_of_case(case)
    # From the middle (4, 4): 5 columns of 0.1 mm, or 3 rows of 0.2 mm.
    across, down = rows((9.0, 4.0, 0.9)), rows((4.0, 7.0, 0.9))
    within = {"across": 0.5, "down": 0.6}
    for text, reach in ((across, within["across"]), (down, within["down"])):
        hit = matched_case(case.regions, text, stack, replace(TASK, hit=NEAR, within_mm=reach))
        assert hit.lesions.tolist() == [0.9]
        missed = matched_case(
            case.regions, text, stack, replace(TASK, hit=NEAR, within_mm=reach - 0.01)
        )
        assert missed.lesions.tolist() == [-np.inf]


def test_boxes_overlap_by_their_union(picture: list[Path]) -> None:
    (case,) = given(picture, [(BOX,)], [""]).cases
    # 4 x 4 pixels, shifted by 2: 8 shared of 24.
    text = rows((12.0, 6.0, 4.0, 4.0, 0.9))
    for least, lesions in ((0.33, [0.9]), (0.34, [-np.inf])):
        task = replace(TASK, hit=OVERLAP, least_iou=least)
        found = matched_case(case.regions, text, stack_of_case(case), task)
        assert found.lesions.tolist() == lesions


def test_a_mark_in_another_slice_is_on_no_lesion(tmp_path: Path) -> None:
    files = annotated_pictures.slices(tmp_path, (4.0, 0.0, 6.0, 2.0))
    lesion = Region("2.25.713", 1, 1, runs="51 4 67 4")
    (case,) = given(files, [(lesion,)], [""]).cases
    stack = stack_of_case(case)
    for uid, lesions in (("2.25.713", [0.9]), ("2.25.710", [-np.inf])):
        text = rows((4.0, 4.0, 0.9), uid=uid)
        found = matched_case(case.regions, text, stack, TASK)
        assert found.lesions.tolist() == lesions
    # The neighbour is 2 mm above.
    near = replace(TASK, hit=NEAR, within_mm=2.0)
    text = rows((4.0, 4.0, 0.9), uid="2.25.710")
    assert matched_case(case.regions, text, stack, near).lesions.tolist() == [0.9]


def test_figures_of_a_small_study(picture: list[Path]) -> None:
    regions = [(MASK,), (MASK,), (), ()]
    marked = [rows((4.0, 4.0, 0.9)), rows((0.0, 0.0, 0.5)), rows((0.0, 0.0, 0.6)), ""]
    found = localisation.top(given(picture, regions, marked), by(TASK))
    assert value(found, "lesion_sensitivity") == pytest.approx(1 / 2)
    assert value(found, "false_marks_per_image") == pytest.approx(2 / 4)
    # Lesions 0.9 and none against normal cases 0.6 and none: 1, 1, 0 and a tie.
    assert value(found, "wafroc") == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    # Highest marks 0.9 and 0.5 against 0.6 and none.
    assert value(found, "case_auroc") == pytest.approx((1 + 1 + 0 + 1) / 4)
