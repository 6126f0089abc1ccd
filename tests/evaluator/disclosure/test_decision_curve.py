"""What a reader can work out of a released decision curve: no cell under the minimum.

The reader is given more than any reader has: net benefits and numbers of calls before rounding,
and every other cut of the scores that leaves, the submission's threshold, the points of the ROC
curve and the edges of the reliability bins, as exact counts.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluator.disclosure.control import Release, release
from evaluator.disclosure.rule import Disclosure
from evaluator.leaderboard.own_scores import NOTHING_WITHHELD
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.curves import DECISION_GRID
from evaluator.scoring.results import OVERALL, CurvePoint, Evaluation
from evaluator.scoring.score import score
from tests.support.hand_made import COHORT, submission

Counts = tuple[int, int]
"""Positive and negative cases."""
MINIMUM = 10
SEEDS = range(8)


def cases(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """A cohort of its own size, prevalence and separation."""
    generator = np.random.default_rng(seed)
    n, share = int(generator.integers(300, 2500)), float(generator.uniform(0.03, 0.5))
    y = generator.random(n) < share
    latent = generator.normal(np.where(y, generator.uniform(0.5, 2.5), 0.0) + np.log(share))
    return y, 1.0 / (1.0 + np.exp(-latent))


@cache
def scored(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64], Evaluation]:
    y, s = cases(seed)
    return y, s, score(y, s, plan=AnalysisPlan(replicates=0), threshold=0.3)


def released(found: Evaluation, rule: Disclosure | None = None) -> Release:
    return release(found, submission=submission(), cohort_digest=COHORT, rule=rule or Disclosure())


def points(curves: Evaluation | Release, name: str = "decision") -> tuple[CurvePoint, ...]:
    for curve in curves.curves:
        if (curve.name, curve.attribute, curve.level) == (name, *OVERALL):
            return curve.points
    return ()


def solved(point: CurvePoint, n: int) -> Counts:
    """Both counts above a threshold t: TP + FP calls, and N x net benefit = TP - FP t / (1 - t)."""
    odds = point.x / (1.0 - point.x)
    positive, negative = np.linalg.solve([[1.0, 1.0], [1.0, -odds]], [point.n, point.y * n])
    return round(float(positive)), round(float(negative))


def above(y: NDArray[np.bool_], s: NDArray[np.float64], t: float) -> Counts:
    return int((y & (s >= t)).sum()), int((~y & (s >= t)).sum())


def smallest(cuts: list[Counts]) -> int:
    """The least that some class has between two neighbours; a cut that stands twice is one."""
    return min(
        abs(a - b)
        for one, other in pairwise(sorted(set(cuts)))
        for a, b in zip(one, other, strict=True)
    )


def test_the_net_benefit_is_that_of_the_counts() -> None:
    # Four positive, six negative. At 0.5: 3 true and 2 false positives, (3 - 2) / 10.
    # At 0.2: 4 and 3, (4 - 3 / 4) / 10.
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    s = np.array([0.9, 0.8, 0.6, 0.3, 0.7, 0.5, 0.25, 0.1, 0.1, 0.05])
    plan = AnalysisPlan(replicates=0, minimum_cases=2, minimum_per_class=1)
    found = {p.x: p for p in points(score(y, s, plan=plan))}
    assert (found[0.5].n, found[0.2].n) == (5, 7)
    assert found[0.5].y == pytest.approx(0.1)
    assert found[0.2].y == pytest.approx(0.325)
    assert found[0.5].low is not None
    assert found[0.5].high is not None
    assert found[0.5].low < 0.1 < found[0.5].high


def test_the_reader_solves_the_counts_of_every_threshold() -> None:
    y, s, found = scored(1)
    assert len(points(found)) == len(DECISION_GRID)
    for point in points(found):
        assert solved(point, y.size) == above(y, s, point.x)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_cell_of_a_class_that_the_reader_solves_is_under_the_minimum(seed: int) -> None:
    y, s, found = scored(seed)
    shown = {point.x for point in points(released(found))}
    exact = [solved(point, y.size) for point in points(found) if point.x in shown]
    n_positive = int(y.sum())
    if exact:
        ends = [(0, 0), (n_positive, y.size - n_positive)]
        assert smallest([*exact, *ends]) >= MINIMUM
        own = above(y, s, 0.3)
        for one in exact:
            differences = [abs(a - b) for a, b in zip(one, own, strict=True)]
            assert one == own or min(differences) >= MINIMUM


@pytest.mark.parametrize("seed", SEEDS)
def test_the_minimum_of_cases_lies_between_a_threshold_and_every_other_cut(seed: int) -> None:
    y, s, found = scored(seed)
    shown = {point.x for point in points(released(found))}
    ordered = np.sort(s)[::-1]
    n_positive, n_negative = int(y.sum()), int((~y).sum())
    sizes = [point.n for point in sorted(points(found, "reliability"), key=lambda p: -p.x)]
    ranks = np.cumsum(sizes)
    assert ranks[-1] == ordered.size
    roc = [p.x * n_negative + p.y * n_positive for p in points(found, "roc")]
    for t in shown:
        called = int((s >= t).sum())
        for cut in (*ranks.tolist(), *roc):
            assert abs(called - cut) < 1e-6 or abs(called - cut) >= MINIMUM - 1e-6


def test_without_the_rule_the_reader_would_solve_a_small_cell() -> None:
    small = 0
    for seed in SEEDS:
        y, _, found = scored(seed)
        n_positive = int(y.sum())
        exact = [solved(point, y.size) for point in points(found)]
        small += smallest([*exact, (0, 0), (n_positive, y.size - n_positive)]) < MINIMUM
    assert small >= 5


def test_some_thresholds_are_left_in_most_cohorts() -> None:
    assert sum(len(points(released(scored(seed)[2]))) >= 2 for seed in SEEDS) >= 5


def test_the_numbers_that_leave_are_rounded() -> None:
    for point in points(released(scored(1)[2])):
        assert point.n % 5 == 0
        assert point.y == round(point.y, 4)


def test_a_curve_of_a_group_never_leaves() -> None:
    _, _, found = scored(1)
    curve = next(c for c in found.curves if c.name == "decision")
    other = replace(curve, attribute="sex", level="Female")
    shown = released(replace(found, curves=(*found.curves, other)))
    assert [c.attribute for c in shown.curves if c.name == "decision"] == [OVERALL[0]]


def test_own_scores_keep_every_threshold() -> None:
    _, _, found = scored(1)
    assert len(points(released(found, NOTHING_WITHHELD))) == len(DECISION_GRID)


def test_scores_that_are_no_probabilities_have_no_decision_curve() -> None:
    y, s = cases(1)
    assert points(score(y, 10 * s, plan=AnalysisPlan(replicates=0))) == ()
