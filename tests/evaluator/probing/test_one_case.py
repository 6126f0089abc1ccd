"""The label of one case that the submitter scores above or below all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import Disclosure
from evaluator.probing.set_apart import set_apart, without
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.score import score
from tests.support.hand_made import released

PLAN = AnalysisPlan(
    subgroups=("sex",),
    replicates=0,
    specificities=(0.99, 0.9),
    sensitivities=(0.99, 0.9),
    partial_auroc=(0.0, 0.01),
    smooth_calibration="none",
)
RULE = Disclosure()
Scores = NDArray[np.float64]


def seen(labels: NDArray[np.bool_], scores: Scores, plan: AnalysisPlan = PLAN) -> Release:
    """What a submitter is shown, by the way of a real submission."""
    sex = np.where(np.arange(labels.size) % 4 < 2, "Female", "Male")
    scored = score(labels, scores, None, {"sex": sex}, plan, 0.5)
    found = set_apart(scores, 0.5, {"sex": sex}, (), RULE.minimum_cell)
    return released(scored=without(scored, found), rule=RULE)


@st.composite
def submissions(draw: st.DrawFn) -> tuple[NDArray[np.bool_], Scores, str]:
    """Labels, scores, and where the one case is."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = draw(st.sampled_from([130, 230, 426]))
    labels = rng.permutation(n) < n // 2
    # From a model that knows nothing to one that errs nowhere: then the ends are known beforehand.
    centre = 0.5 + draw(st.sampled_from([0.0, 0.1, 0.2])) * (2.0 * labels - 1.0)
    scores = np.clip(rng.normal(centre, 0.05), 0.1, 0.9)
    place = draw(st.sampled_from(["top", "bottom"]))
    scores[0] = 0.95 if place == "top" else 0.05
    return labels, scores, place


def few_above(labels: NDArray[np.bool_], scores: Scores, rate: float) -> tuple[float, float]:
    """Negative cases on the nearer side of a point, and positive cases: by counting."""
    n_negative = int((~labels).sum())
    cut = np.sort(scores[~labels])[::-1]
    place = min(int(rate * n_negative + 1e-9), n_negative - 1)
    # Between two negatives the curve is straight: what counts lies at the next one.
    tp = int((scores[labels] > cut[place]).sum())
    return min(rate, 1 - rate) * n_negative, min(tp, int(labels.sum()) - tp)


@settings(max_examples=40, deadline=None)
@given(submissions())
def test_no_released_point_that_rests_on_few_cases_tells_one_label(
    made: tuple[NDArray[np.bool_], Scores, str],
) -> None:
    labels, scores, _ = made
    flipped = labels.copy()
    flipped[0] = not flipped[0]
    one, other = seen(labels, scores), seen(flipped, scores)
    assert one.curves
    for first, second in zip(one.curves, other.curves, strict=True):
        if first.name != "roc":
            assert all(point.n >= RULE.minimum_cell for point in first.points)
            continue
        assert first.level == second.level
        inside = np.ones(labels.size, dtype=bool)
        if first.level != "all":
            inside = (np.arange(labels.size) % 4 < 2) == (first.level == "Female")
        # The grid follows a group's negatives, whose number may be at the edge of a coarser one.
        there = {point.x: point for point in second.points}
        for a, b in ((point, there[point.x]) for point in first.points if point.x in there):
            rests = [few_above(y[inside], scores[inside], a.x) for y in (labels, flipped)]
            if min(negative for negative, _ in rests) < RULE.minimum_cell - 1e-9:  # 0.2 * 50 is 10
                assert (a.y, a.low, a.high) == (b.y, b.low, b.high)
            # Five positives are rounded up: one label can still move four to five.
            if max(positive for _, positive in rests) < RULE.minimum_cell / 2 - 1:
                assert (a.y, a.low, a.high) == (b.y, b.low, b.high)


@pytest.mark.parametrize("score_of_one", [0.9, 0.1])
def test_three_scores_of_which_one_case_has_one_bring_nothing(score_of_one: float) -> None:
    scores = np.where(np.arange(400) % 3 == 0, 0.6, 0.3)
    scores[7] = score_of_one
    labels = np.random.default_rng(1).permutation(400) < 200
    flipped = labels.copy()
    flipped[7] = not flipped[7]
    for y in (labels, flipped):
        found = seen(y, scores)
        assert found.results == ()
        assert found.curves == ()


@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("score_of_one", [0.99, 0.01])
def test_no_figure_is_read_where_the_case_and_few_others_are(
    score_of_one: float, label: bool
) -> None:
    rng = np.random.default_rng(2)
    scores = rng.uniform(0.2, 0.8, 430)
    scores[0] = score_of_one
    labels = rng.uniform(0.0, 1.0, 430) < scores
    labels[0] = label
    found = seen(labels, scores, replace(PLAN, replicates=100))
    for metric in (
        "sensitivity_at_specificity_0.99",
        "specificity_at_sensitivity_0.99",
        "partial_auroc_0_0.01",
    ):
        shown = found.find(metric)
        assert shown is not None
        assert (shown.value, shown.low, shown.high) == (None, None, None)
    assert found.find("sensitivity_at_specificity_0.9") is not None
