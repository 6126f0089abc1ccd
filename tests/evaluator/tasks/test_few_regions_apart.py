"""Masks and marks that would read off single labels get no figure that tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Region
from cohort_selection.regions.grids import read_grids
from cohort_selection.task.declaration import INSIDE, LOCALISATION, SEGMENTATION, Task
from evaluator.probing.set_apart import without
from evaluator.tasks import localisation, segmentation
from tests.evaluator.tasks.region_cases import UID, by, given, value
from tests.support import annotated_pictures

MASKS = Task(SEGMENTATION, both_empty=1.0, false_mask=0.0, missed_mask=0.0)
MARKS = Task(LOCALISATION, hit=INSIDE, rates=(1.0,))
N, MINIMUM = 60, 10
LESION = (Region(UID, 1, 1, runs="51 4 67 4"),)
GROUPS = ["A"] * 30 + ["B"] * 30


@pytest.fixture
def picture(tmp_path: Path) -> list[Path]:
    return [annotated_pictures.radiograph(tmp_path)]


def honest(seed: int = 3) -> list[str]:
    """A mask of its own in each case, about the lesion: some rows of some length."""
    rng = np.random.default_rng(seed)
    return [f"{UID},1,{rng.integers(30, 53)} {rng.integers(12, 40)}" for _ in range(N)]


def shown(picture: list[Path], marked: list[str], task: Task, labels: list[bool]) -> set[str]:
    """The figures that are left, as ``attribute figure``."""
    rows = [row.split(",")[2].split() for row in marked if row]
    if task is MASKS:
        sizes = iter([float(sum(map(int, pairs[1::2]))) for pairs in rows])
        amounts = [next(sizes) if row else 0.0 for row in marked]
    else:
        amounts = [float(row.rsplit(",", 1)[1]) if row else 0.0 for row in marked]
    cases = given(
        picture, [LESION if each else () for each in labels], marked, amounts, {"site": GROUPS}
    )
    judged = by(task, minimum=MINIMUM, subgroups=("site",))
    kind = segmentation.KIND if task is MASKS else localisation.KIND
    left = without(kind.top(cases, judged), kind.apart(cases, judged))
    return {f"{r.attribute} {r.metric}" for r in left.results if r.estimate.value is not None}


HALF = [bool(i % 2) for i in range(N)]


def test_one_mask_among_empty_ones_tells_its_label_where_nothing_is_withheld(
    picture: list[Path],
) -> None:
    marked = ["", f"{UID},1,51 4 67 4", *[""] * (N - 2)]
    for label, expected in ((True, 31 / 60), (False, 30 / 60)):
        labels = [False, label, *HALF[2:]]
        cases = given(picture, [LESION if each else () for each in labels], marked)
        dice = value(segmentation.top(cases, by(MASKS)), "mean_dice")
        # 30 of the others are negative and count 1; the one case counts its label.
        assert dice == pytest.approx(expected)
        assert shown(picture, marked, MASKS, labels) == set()


def test_honest_masks_are_shown(picture: list[Path]) -> None:
    found = shown(picture, honest(), MASKS, HALF)
    assert {"overall mean_dice", "overall missed_masks", "site mean_dice"} <= found


def test_one_case_without_a_mask_is_not_counted(picture: list[Path]) -> None:
    found = shown(picture, ["", *honest()[1:]], MASKS, HALF)
    assert "overall mean_dice" in found
    assert not {"overall missed_masks", "overall false_masks"} & found


def test_one_large_mask_among_single_pixels_gets_no_figure(picture: list[Path]) -> None:
    # Each pixel is another one, so that no two masks are alike.
    marked = [f"{UID},1,{place + 1} 1" for place in range(N)]
    marked[7] = f"{UID},1,51 90"
    assert shown(picture, marked, MASKS, HALF) == set()


def test_what_is_set_apart_within_a_group_takes_the_group_s_figures(picture: list[Path]) -> None:
    masks = honest()
    marked = [*[""] * 29, masks[29], *masks[30:]]  # one mask in site A
    found = shown(picture, marked, MASKS, HALF)
    assert "overall mean_dice" in found
    assert not {name for name in found if name.startswith("site ")}


def test_labels_are_not_looked_at(picture: list[Path]) -> None:
    judged = by(MASKS, minimum=MINIMUM, subgroups=("site",))
    found = set()
    for labels in (HALF, HALF[::-1], [True] * N):
        cases = given(
            picture,
            [LESION if each else () for each in labels],
            ["", *honest()[1:]],
            [0.0, *[20.0] * (N - 1)],
            {"site": GROUPS},
        )
        found.add(str(segmentation.KIND.apart(cases, judged)))
    assert len(found) == 1


def test_one_mark_among_none_gets_no_figure(picture: list[Path]) -> None:
    marked = ["", f"{UID},1,4.0,4.0,0.9", *[""] * (N - 2)]
    assert shown(picture, marked, MARKS, HALF) == set()


def test_one_mark_elsewhere_among_the_same_gets_no_figure(picture: list[Path]) -> None:
    marked = [f"{UID},1,0.0,0.0,0.9"] * N
    marked[7] = f"{UID},1,4.0,4.0,0.9"
    assert shown(picture, marked, MARKS, HALF) == set()


def test_honest_marks_are_shown(picture: list[Path]) -> None:
    rng = np.random.default_rng(5)
    marked = []
    for number in rng.integers(0, 4, N):
        marks = rng.random((number, 3)) * [5, 3, 1] + [1.5, 2.5, 0]  # about the lesion
        marked.append("\n".join(f"{UID},1,{x:.3f},{y:.3f},{s:.3f}" for x, y, s in marks))
    found = shown(picture, marked, MARKS, HALF)
    assert {"overall wafroc", "overall lesion_sensitivity", "site wafroc"} <= found


@pytest.mark.parametrize("label", [True, False])
def test_who_aims_at_one_case_and_misses_all_others_is_refused_whatever_its_label(
    picture: list[Path], label: bool
) -> None:
    labels = [False, label, *HALF[2:]]
    # In the last rows, where no lesion is, each mask and each mark is another one.
    marks = [f"{UID},1,{0.1 + i / 10:.1f},11.5,0.{10 + i}" for i in range(N)]
    marks[1] = f"{UID},1,4.0,4.0,0.5"
    assert shown(picture, marks, MARKS, labels) == set()
    masks = [f"{UID},1,{120 + i // 6} {5 + i % 6}" for i in range(N)]
    masks[1] = f"{UID},1,51 4 67 4"
    assert shown(picture, masks, MASKS, labels) == set()


def test_a_model_that_draws_nothing_is_shown_as_one(picture: list[Path]) -> None:
    assert "overall mean_dice" in shown(picture, [""] * N, MASKS, HALF)


@pytest.mark.parametrize("label", [True, False])
def test_one_case_drawn_as_all_others_in_another_slice_gets_no_figure(
    tmp_path: Path, label: bool
) -> None:
    slices = annotated_pictures.slices(tmp_path, [0.0, 2.0, 4.0])
    names = [grid.source for grid in read_grids(slices)]
    truth = (Region(names[2], 1, 1, runs="51 4"),)
    # The same runs in the first slice, where no lesion is, and in one case in the last.
    marked = [f"{names[0]},1,51 4"] * N
    marked[1] = f"{names[2]},1,51 4"
    labels = [False, label, *HALF[2:]]
    cases = given(slices, [truth if each else () for each in labels], marked, [4.0] * N)
    judged = by(MASKS, minimum=MINIMUM)
    assert segmentation.KIND.apart(cases, judged).by_score == {"overall"}


@pytest.mark.parametrize("label", [True, False])
def test_whole_pictures_around_lesions_hide_no_single_mask(
    picture: list[Path], label: bool
) -> None:
    labels = [False, label, *HALF[2:]]
    marked = [f"{UID},1,{120 + i // 6} {5 + i % 6}" for i in range(N)]
    marked[1] = f"{UID},1,51 4 67 4"
    for i in range(3, 21, 2):  # positive cases, with a Dice of 0.08 each
        marked[i] = f"{UID},1,1 {190 - i}"
    assert shown(picture, marked, MASKS, labels) == set()


def test_one_mark_that_scores_above_all_others_alike_gets_no_figure(picture: list[Path]) -> None:
    # Each mark is in another place on the lesion, and all scores but one are the same.
    marked = [f"{UID},1,{2.5 + i / 30:.3f},4.0,0.5" for i in range(N)]
    marked[1] = f"{UID},1,4.0,4.0,0.9"
    assert shown(picture, marked, MARKS, HALF) == set()


@pytest.mark.parametrize("label", [True, False])
def test_low_marks_on_lesions_hide_no_single_high_one(picture: list[Path], label: bool) -> None:
    labels = [False, label, *HALF[2:]]
    marked = [f"{UID},1,{0.1 + i / 10:.1f},11.5,0.{30 + i}" for i in range(N)]
    for i in range(3, 21, 2):
        marked[i] = f"{UID},1,4.0,4.0,0.0{10 + i}"
    marked[1] = f"{UID},1,4.0,4.0,0.95"
    assert shown(picture, marked, MARKS, labels) == set()


def test_the_sensitivity_at_few_false_marks_needs_as_many_hits_there(picture: list[Path]) -> None:
    few = Task(LOCALISATION, hit=INSIDE, rates=(0.01, 1.0))
    # One lesion's mark is above all false marks, the others are below a few of these.
    marked = [f"{UID},1,4.0,4.0,0.{500 + i}" for i in range(N)]
    for i in (0, 2, 4):
        marked[i] = f"{UID},1,0.5,11.5,0.8{i}"
    marked[1] = f"{UID},1,4.0,4.0,0.95"
    found = shown(picture, marked, few, HALF)
    assert "overall wafroc" in found
    assert not [name for name in found if "false_marks_0" in name or "froc_score" in name]
