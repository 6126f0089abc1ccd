"""Bounds equal published values, round outward, and say where the data give none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from metrics.claims import tango
from metrics.claims.areas import quantile
from metrics.claims.bounds import bound, outward
from metrics.claims.claim import CaseData, Part, reaches
from metrics.comparison.pairs import paired_delong
from metrics.discrimination.delong import auroc_estimate
from metrics.estimate import UndefinedMetric
from metrics.group import everyone
from metrics.intervals.proportions import wilson
from metrics.operating_points.intervals import rate

ALPHA = 0.025


@pytest.fixture(scope="module")
def tables(refvals: Path) -> Any:
    return json.loads((refvals / "claims" / "claims.json").read_text())


def hits(found: int, n: int, patients: np.ndarray | None = None) -> CaseData:
    """``n`` positive cases of which ``found`` score 1, and one negative case."""
    scores = np.array([1.0] * found + [0.0] * (n - found) + [0.0])
    labels = np.array([True] * n + [False])
    return CaseData(labels=labels, scores=scores, patients=patients, threshold=0.5)


def sensitivity(goal: float = 0.8, **keys: Any) -> Part:
    return Part(figure="sensitivity", goal=goal, **keys)


@pytest.mark.parametrize(
    ("exact", "low", "high"),
    [
        (0.8500000000001, 0.85, 0.85),
        (0.8499999999999, 0.85, 0.85),
        (0.85, 0.85, 0.85),
        (0.57, 0.57, 0.57),
        (0.84999, 0.849, 0.85),
        (0.8500001, 0.85, 0.851),
        (-0.0005, -0.001, 0.0),
        (-0.05, -0.05, -0.05),
        (1.0, 1.0, 1.0),
    ],
)
def test_bounds_round_outward_and_stay_on_a_thousandth(
    exact: float, low: float, high: float
) -> None:
    assert outward(exact) == low
    assert outward(exact, upper=True) == high
    assert str(outward(exact, upper=True)) == str(high)  # never -0.0


def test_a_bound_that_prints_as_the_goal_to_four_digits_is_not_yet_the_goal(tables: Any) -> None:
    for row in tables["h_bounds_that_round_to_the_goal"]:
        low = wilson(row["hits"], row["positives"])[0]
        assert low == pytest.approx(row["wilson_low"], abs=6e-8)
        assert (outward(low) >= row["goal"]) == row["met"]


@pytest.mark.parametrize(("found", "n"), [(0, 30), (7, 30), (99, 113), (98, 113), (30, 30)])
@pytest.mark.parametrize("level", [0.025, 0.0083, 0.0001])
def test_a_proportion_has_the_exact_bounds_of_scipy(found: int, n: int, level: float) -> None:
    exact = binomtest(found, n).proportion_ci(1 - 2 * level, "exact")
    low = bound(sensitivity(), hits(found, n), level)
    high = bound(sensitivity(upper=True), hits(found, n), level)
    assert low.bound == math.floor(exact.low * 1000) / 1000
    assert high.bound == math.ceil(exact.high * 1000) / 1000
    assert (low.n_cases, low.n_positive, low.n_patients) == (n + 1, n, n + 1)
    assert low.value == found / n


def test_goals_are_reached_from_the_published_number_of_hits_on(tables: Any) -> None:
    rows = [r for r in tables["b_single_proportion"] if r["rule"] == "clopper_pearson"]
    assert rows
    for row in rows:
        n, needed = row["n_always"], row["positives_needed_at_always"]
        part = sensitivity(row["goal"])
        assert reaches(part, bound(part, hits(needed, n), ALPHA))
        assert not reaches(part, bound(part, hits(needed - 1, n), ALPHA))


def test_tango_bounds_are_those_published(tables: Any) -> None:
    z = quantile(ALPHA)
    for row in tables["d_tango_interval_examples"]:
        b, c, n = row["b"], row["c"], row["n"]
        assert tango.lower_bound(b, c, n, z) == pytest.approx(row["low"], abs=1e-7)
        assert -tango.lower_bound(c, b, n, z) == pytest.approx(row["high"], abs=1e-7)


def test_tango_without_discordant_pairs_knows_their_number() -> None:
    # T(-d) = sqrt(n d / (1 - d)): the root by hand
    assert tango.lower_bound(0, 0, 100, 1.5) == pytest.approx(-2.25 / 102.25, abs=1e-9)
    assert tango.lower_bound(0, 10, 10, 1.5) == -1.0
    assert tango.score(0, 0, 100, 0.0) == 0.0


def paired(b: int, c: int, n: int, copies: int = 1) -> CaseData:
    """``n`` positive cases; the submission alone finds ``b``, the comparator alone ``c``."""
    ours = np.array([1] * b + [0] * c + [1] * (n - b - c) + [0]).repeat(copies)
    theirs = np.array([0] * b + [1] * c + [1] * (n - b - c) + [0]).repeat(copies)
    labels = np.array([True] * n + [False]).repeat(copies)
    patients = np.arange(n + 1).repeat(copies)
    return CaseData(
        labels=labels,
        scores=ours.astype(np.float64),
        patients=patients,
        comparator=theirs,
        threshold=0.5,
    )


def test_a_paired_rate_has_tangos_bound_either_way_round() -> None:
    part = sensitivity(-0.05, comparator="reader", margin=0.05)
    found = bound(part, paired(10, 16, 314), ALPHA)
    assert found.bound == -0.054
    assert found.value == pytest.approx(-6 / 314)
    data = paired(10, 16, 314)
    assert data.comparator is not None
    turned = CaseData(
        labels=~data.labels,
        scores=1.0 - data.scores,
        comparator=np.subtract(1, data.comparator),
        threshold=0.5,
    )
    same = Part(figure="specificity", goal=-0.05, comparator="reader", margin=0.05)
    assert bound(same, turned, ALPHA).bound == found.bound


def test_images_that_repeat_a_patient_tell_little_more_of_a_paired_rate() -> None:
    part = sensitivity(-0.05, comparator="reader", margin=0.05)
    once, thrice = (bound(part, paired(10, 16, 314, k), ALPHA).bound for k in (1, 3))
    assert thrice == pytest.approx(once, abs=0.001)


def simulated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.random(n) < 0.4
    patients = generator.integers(0, n // 3, n)
    shared = generator.normal(size=n // 3 + 1)[patients]
    s = generator.normal(size=n) + shared + 1.5 * y
    return y, s, generator.normal(size=n) + shared + 1.2 * y, patients


def test_clustered_rates_have_the_bound_of_the_report() -> None:
    y, s, _, patients = simulated(300, 1)
    number = np.unique(patients, return_inverse=True)[1]
    group = everyone(y, s, number, int(number.max()) + 1)
    for figure, over in (("sensitivity", y), ("specificity", ~y)):
        part = Part(figure=figure, goal=0.8, threshold=0.7)
        data = CaseData(labels=y, scores=s, patients=patients)
        expected = rate(group, over, (s >= 0.7) == y, 1 - 2 * ALPHA)
        found = bound(part, data, ALPHA)
        assert found.value == pytest.approx(expected.value)
        assert found.bound == outward(expected.low)


def test_areas_have_delongs_bounds() -> None:
    y, s, other, patients = simulated(400, 2)
    symmetric = auroc_estimate(y, s, patients, interval="symmetric")
    assert symmetric.low is not None
    assert symmetric.value is not None
    value = symmetric.value
    reach = (value - symmetric.low) / (value * (1 - value))
    low = 1 / (1 + (1 - value) / value * math.exp(reach))
    data = CaseData(labels=y, scores=s, patients=patients, comparator=other)
    assert bound(Part(figure="auroc", goal=0.8), data, ALPHA).bound == outward(low)
    flipped = CaseData(labels=~y, scores=s, patients=patients)
    upper = bound(Part(figure="auroc", goal=0.8, upper=True), flipped, ALPHA)
    assert upper.bound == outward(1 - low, upper=True)
    difference = paired_delong(y, s, other, patients)
    superior = Part(figure="auroc", goal=0.0, comparator="predicate")
    found = bound(superior, data, ALPHA)
    assert (found.value, found.bound) == (difference.value, outward(difference.low))


def test_scores_that_separate_the_classes_have_the_exact_bound_of_the_smaller() -> None:
    y = np.array([True] * 20 + [False] * 180)
    found = bound(Part(figure="auroc", goal=0.8), CaseData(labels=y, scores=y + 0.0), ALPHA)
    assert found.bound == math.floor(0.025 ** (1 / 20) * 1000) / 1000


def test_a_copy_of_the_comparator_is_not_superior() -> None:
    y, s, _, _ = simulated(300, 3)
    copied = CaseData(labels=y, scores=2 * s, comparator=s)
    superior = Part(figure="auroc", goal=0.0, comparator="predicate")
    assert not reaches(superior, bound(superior, copied, ALPHA))
    near = Part(figure="auroc", goal=-0.05, comparator="predicate", margin=0.05)
    assert reaches(near, bound(near, copied, ALPHA))
    calls = CaseData(labels=y, scores=s, comparator=s >= 0.5, threshold=0.5)
    superior = sensitivity(0.0, comparator="predicate")
    assert not reaches(superior, bound(superior, calls, ALPHA))


def test_a_level_that_is_smaller_never_has_a_bound_that_is_tighter() -> None:
    y, s, other, patients = simulated(150, 4)
    for part, comparator in (
        (Part(figure="auroc", goal=0.8), None),
        (Part(figure="auroc", goal=0.0, comparator="x"), other),
        (sensitivity(threshold=0.5), None),
        (sensitivity(0.0, comparator="x", threshold=0.5), other > 0.5),
    ):
        for who in (None, patients):
            data = CaseData(labels=y, scores=s, patients=who, comparator=comparator)
            lows = [bound(part, data, level).bound for level in (0.1, 0.025, 0.005, 1e-5)]
            assert lows == sorted(lows, reverse=True)


@pytest.mark.parametrize(
    ("part", "labels", "said"),
    [
        (Part(figure="auroc", goal=0.8), [1, 1, 1, 1], "both classes"),
        (Part(figure="auroc", goal=0.8), [1, 0, 0, 0], "two cases of each class"),
        (sensitivity(threshold=0.5), [0, 0, 0, 0], "needs positive cases"),
        (sensitivity(), [1, 1, 0, 0], "needs a threshold"),
        (sensitivity(0.0, comparator="x", threshold=0.5), [1, 1, 0, 0], "lack the comparator"),
    ],
)
def test_data_that_give_no_bound_say_why(part: Part, labels: list[int], said: str) -> None:
    data = CaseData(labels=np.array(labels), scores=np.array([0.1, 0.9, 0.4, 0.3]))
    with pytest.raises(UndefinedMetric, match=said):
        bound(part, data, ALPHA)


def test_scores_of_a_comparator_are_no_calls() -> None:
    y = np.array([True, True, False])
    data = CaseData(labels=y, scores=y + 0.0, comparator=np.array([0.2, 0.8, 0.1]), threshold=0.5)
    with pytest.raises(UndefinedMetric, match="compares calls"):
        bound(sensitivity(0.0, comparator="x"), data, ALPHA)


def test_a_clustered_rate_needs_two_patients() -> None:
    with pytest.raises(UndefinedMetric, match="needs two patients"):
        bound(sensitivity(), hits(3, 4, np.array([1, 1, 1, 1, 2])), ALPHA)
