"""Matching of marks to lesions: the most hits at every threshold, whatever the order."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from metrics.marks import nearness
from metrics.marks.matching import matched


def test_a_mark_near_two_lesions_takes_none_from_the_other(refvals: Path) -> None:
    given = json.loads((refvals / "tasks" / "marks.json").read_text())["matching_points"]
    for lesions, marks in itertools.product(
        (given["lesions"], given["lesions"][::-1]), (given["marks"], given["marks"][::-1])
    ):
        for scores in ([0.3, 0.9], [0.9, 0.3], [0.5, 0.5]):
            near = nearness.near_centres(lesions, marks, given["radius"])
            found = matched(near, scores)
            assert np.isfinite(found.lesions).sum() == given["most_hits_possible"]
            assert sorted(found.lesions) == sorted(scores)
            assert found.false.size == 0


def test_the_highest_mark_on_a_lesion_is_its_score_and_others_are_neither() -> None:
    lesion = [[[0, 0, 0], [8, 8, 2]]]
    marks = [[[0, 0, 0], [3, 3, 2]], [[0, 0, 0], [4, 5, 2]], [[6, 6, 1], [20, 20, 9]]]
    near = nearness.overlapping_boxes(lesion, marks, 0.1)
    assert near[0, :2] == pytest.approx([18 / 128, 40 / 128])
    assert np.isnan(near[0, 2])
    found = matched(near, [0.9, 0.2, 0.4])
    assert (found.lesions.tolist(), found.false.tolist()) == ([0.9], [0.4])
    # a rule of 0.2 lets the first mark hit nothing, as picai_eval and others have it
    stricter = matched(nearness.overlapping_boxes(lesion, marks, 0.2), [0.9, 0.2, 0.4])
    assert (stricter.lesions.tolist(), stricter.false.tolist()) == ([0.2], [0.9, 0.4])


def test_hits_at_every_threshold_are_the_most_that_a_matching_has() -> None:
    random = np.random.default_rng(2)
    for _ in range(60):
        n, m = random.integers(1, 6), random.integers(1, 9)
        near = np.where(random.random((n, m)) < 0.35, random.random((n, m)), np.nan)
        scores = random.integers(0, 5, m) / 4.0
        found = matched(near, scores)
        for threshold in np.unique(scores):
            may = ~np.isnan(near) & (scores >= threshold)
            pairs = maximum_bipartite_matching(csr_matrix(may), perm_type="column")
            assert (found.lesions >= threshold).sum() == (pairs >= 0).sum()
        alone = np.isnan(near).all(axis=0)
        assert sorted(found.false) == sorted(scores[alone])
        order, places = random.permutation(n), random.permutation(m)
        other = matched(near[np.ix_(order, places)], scores[places])
        assert sorted(other.lesions) == sorted(found.lesions)


def test_of_two_lesions_the_nearer_one_gets_the_mark() -> None:
    near = nearness.near_centres([[0.0], [3.0]], [[1.0]], 5.0)
    assert matched(near, [0.7]).lesions.tolist() == [0.7, -np.inf]
    assert matched(near[::-1], [0.7]).lesions.tolist() == [-np.inf, 0.7]


def test_rules_of_boxes_masks_and_centres_say_which_mark_may_hit() -> None:
    boxes = [[[0, 0], [4, 2]], [[10, 10], [12, 12]]]
    inside = nearness.inside_boxes(boxes, [[2.0, 1.0], [4.0, 2.0], [4.1, 2.0], [11.0, 11.0]])
    assert np.isnan(inside).tolist() == [[False, False, True, True], [True, True, True, False]]
    assert inside[0, 0] == inside[1, 3] == 1.0
    numbers = np.zeros((4, 5), dtype=int)
    numbers[1, 1:3], numbers[3, 4] = 1, 2
    on = nearness.inside_masks(
        numbers, 2, [[1.4, 2.4], [3.0, 4.0], [0.0, 0.0], [3.5, 4.0], [-1.0, 2.0]]
    )
    assert (~np.isnan(on)).tolist() == [
        [True, False, False, False, False],
        [False, True, False, False, False],
    ]
    at = nearness.near_centres([[0.0, 0.0]], [[0.3, 0.4], [0.6, 0.8], [0.7, 0.8]], 1.0)
    assert np.isnan(at).tolist() == [[False, False, True]]  # the distance itself is near enough
    assert at[0, :2] == pytest.approx([0.5, 0.0])


def test_a_mark_in_the_opposite_corner_is_false_by_every_rule() -> None:
    """An assignment pairs as many as it can: a pair that does not touch must be no hit."""
    voxels = np.zeros((10, 10), dtype=int)
    voxels[1:3, 1:3] = 1
    for near in (
        nearness.near_centres([[2.0, 2.0]], [[9.0, 9.0]], 5.0),
        nearness.inside_boxes([[[1, 1], [3, 3]]], [[9.0, 9.0]]),
        nearness.inside_masks(voxels, 1, [[9.0, 9.0]]),
        nearness.overlapping_boxes([[[1, 1], [3, 3]]], [[[8, 8], [10, 10]]], 0.1),
    ):
        found = matched(near, [0.9])
        assert (found.lesions.tolist(), found.false.tolist()) == ([-np.inf], [0.9])


@pytest.mark.parametrize("marks", [[], np.empty((0, 3))])
def test_no_marks_and_no_lesions_are_cases_too(marks: object) -> None:
    found = matched(nearness.near_centres([[1.0, 2.0, 3.0]], marks, 4.0), [])  # type: ignore[arg-type]
    assert (found.lesions.tolist(), found.false.size) == ([-np.inf], 0)
    normal = matched(nearness.near_centres([], [[1.0, 2.0, 3.0]], 4.0), [0.6])
    assert (normal.lesions.size, normal.false.tolist()) == (0, [0.6])


def test_arrays_that_do_not_fit_are_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="does not fit 2 marks"):
        matched([[1.0]], [0.1, 0.2])
    with pytest.raises(ValueError, match="finite"):
        matched([[1.0]], [np.nan])
    with pytest.raises(ValueError, match=r"add to 1; got 0\.5"):
        matched([[1.0]], [0.1], [0.5])
    with pytest.raises(ValueError, match="above 0 mm; got 0"):
        nearness.near_centres([[0.0]], [[0.0]], 0.0)
    with pytest.raises(ValueError, match="lesions have 2 axes and marks 1"):
        nearness.near_centres([[0.0, 1.0]], [[0.0]], 1.0)
    with pytest.raises(ValueError, match="upper corner below"):
        nearness.inside_boxes([[[1, 1], [0, 0]]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="at most at 1; got 0"):
        nearness.overlapping_boxes([[[0, 0], [1, 1]]], [[[0, 0], [1, 1]]], 0.0)
