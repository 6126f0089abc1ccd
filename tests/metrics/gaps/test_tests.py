"""Tests of declared gaps: against scipy's, by enumeration, by law, and at their level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.gaps.tests import DECLARABLE, gap_test
from metrics.group import FIXED_PREVALENCE, everyone


def alone(y: Bools, s: Floats, design: str = "sampled"):  # type: ignore[no-untyped-def]
    return everyone(y, s, np.arange(y.size), y.size, design)


def positives(hits: list[int], sizes: list[int]) -> tuple[Bools, Floats, Ints]:
    """Positive cases of each level, so many of them called; and five negatives each."""
    level = np.repeat(np.arange(len(sizes)), np.array(sizes) + 5)
    y, s = [], []
    for hit, size in zip(hits, sizes, strict=True):
        y += [True] * size + [False] * 5
        s += [0.9] * hit + [0.1] * (size - hit) + [0.2] * 5
    return np.array(y), np.array(s), level


def test_twenty_of_twenty_beside_380_of_400_is_no_gap() -> None:
    """The table of a false call: Fisher's exact test says 0.61."""
    y, s, level = positives([20, 380], [20, 400])
    found = gap_test("sensitivity", alone(y, s), level, threshold=0.5, permutations=20_000)
    fisher = stats.fisher_exact([[20, 0], [380, 20]]).pvalue
    assert fisher == pytest.approx(0.61, abs=0.005)
    assert found.p_value == pytest.approx(fisher, abs=0.015)


def test_sensitivity_is_tested_by_pearsons_chi_square() -> None:
    y, s, level = positives([30, 44, 70], [50, 60, 80])
    found = gap_test("sensitivity", alone(y, s), level, threshold=0.5, permutations=20_000)
    expected = stats.chi2_contingency([[30, 44, 70], [20, 16, 10]], correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.003)


def test_specificity_is_the_sensitivity_of_swapped_classes() -> None:
    y, s, level = positives([30, 44, 70], [50, 60, 80])
    one = gap_test("sensitivity", alone(y, s), level, threshold=0.5)
    other = gap_test("specificity", alone(~y, s), level, threshold=0.5)
    assert one.p_value == other.p_value
    for same in ("false_negative_rate", "sensitivity"):
        assert gap_test(same, alone(y, s), level, threshold=0.5) == one


def spread(y: Bools, s: Floats, level: Ints) -> float:
    """The statistic written out: each DeLong variance at the AUROC of all, a quarter case added."""
    value, own, few = [], [], []
    for g in np.unique(level):
        above = np.subtract.outer(s[(level == g) & y], s[(level == g) & ~y])
        beaten = (above > 0) + 0.5 * (above == 0)
        m, n = beaten.shape
        value.append(float(beaten.mean()))
        by_positive, by_negative = beaten.mean(axis=1), beaten.mean(axis=0)
        own.append(by_positive.var(ddof=1) / m + by_negative.var(ddof=1) / n)
        few.append(min(m, n))
    values, fewest = np.array(value), np.array(few)
    shared = fewest @ values / fewest.sum()
    largest = shared * (1 - shared) / fewest
    wrong = fewest * np.minimum(values, 1 - values)
    # V / (A (1 - A)) for as many cases as are on the wrong side: what 1 - A divides out of both
    seen = fewest * np.array(own) / np.maximum(values, 1 - values) * shared * (1 - shared)
    variance = (seen + largest / 4) / (wrong + 1 / 4)
    if not variance.all():
        return 0.0
    weight = 1.0 / variance
    return float(weight @ (values - weight @ values / weight.sum()) ** 2)


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_auroc_statistic_is_that_written_out_with_ties_and_without(decimals: int) -> None:
    rng = np.random.default_rng(3)
    y, level = rng.random(90) < 0.4, rng.integers(0, 3, 90)
    s = np.array([round(x, decimals) for x in rng.random(90) + 0.4 * y])
    found = gap_test("auroc", alone(y, s), level, permutations=9)
    assert found.statistic == pytest.approx(spread(y, s, level), rel=1e-10)


def beaten_in_own_level(y: Bools, s: Floats, level: Ints) -> Floats:
    """Share of its level that each case beats, the classes weighted as in all levels, ties half."""
    found = np.zeros(s.size)
    for i in range(s.size):
        for label in (False, True):
            others = s[(level == level[i]) & (y == label)]
            beaten = np.mean((s[i] > others) + 0.5 * (s[i] == others))
            found[i] += beaten * np.mean(y == label)
    return found


def test_the_auroc_p_value_is_that_of_every_permutation() -> None:
    """Four positives and six negatives in two levels: 90 ways to share them out."""
    y = np.array([True] * 4 + [False] * 6)
    s = np.array([0.9, 0.8, 0.35, 0.3, 0.1, 0.2, 0.6, 0.5, 0.55, 0.33])
    level = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 0])
    s = beaten_in_own_level(y, s, level)
    every = []
    ways = (itertools.combinations(range(4), 2), itertools.combinations(range(6), 4))
    for first, second in itertools.product(*ways):
        code = np.ones(10, dtype=np.int64)
        code[list(first)] = 0
        code[[4 + i for i in second]] = 0
        every.append(spread(y, s, code))
    assert len(every) == 6 * 15
    exact = np.mean(np.array(every) >= spread(y, s, level) - 1e-9)
    found = gap_test("auroc", alone(y, s), level, permutations=40_000)
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_a_level_that_is_all_right_beside_one_all_wrong_is_a_gap() -> None:
    """No variance in either, and yet they differ: the smallest p-value there is."""
    y = np.tile([True, False], 40)
    level = np.repeat([0, 1], 40)
    found = gap_test("auroc", alone(y, np.where(y == (level == 0), 0.9, 0.1)), level)
    assert found.p_value == pytest.approx(1 / 2001)


def test_separated_levels_do_not_differ() -> None:
    y = np.tile([True, False], 40)
    level = np.repeat([0, 1], 40)
    for figure in ("auroc", "sensitivity", "specificity"):
        found = gap_test(figure, alone(y, y * 0.8 + 0.1), level, threshold=0.5)
        assert found.p_value == 1.0
        assert found.statistic == 0.0


def test_observed_minus_expected_of_two_levels_is_welchs_t_test() -> None:
    rng = np.random.default_rng(4)
    p = rng.random(150)
    y, level = rng.random(150) < p, (np.arange(150) >= 40).astype(np.int64)
    found = gap_test("observed_minus_expected", alone(y, p), level)
    gap = y - p
    expected = stats.ttest_ind(gap[level == 0], gap[level == 1], equal_var=False)
    # The degrees of freedom are kept apart by class, so that they are a little other.
    assert found.statistic == pytest.approx(expected.statistic**2, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.003)


def clustered_data(rng: np.random.Generator) -> tuple[Bools, Floats, Ints, Ints]:
    patient = np.repeat(np.arange(120), rng.integers(1, 5, 120))
    y = rng.random(patient.size) < 0.4
    s = 0.3 * rng.random(120)[patient] + 0.5 * rng.random(patient.size) + 0.2 * y
    return y, s, patient, rng.integers(0, 3, 120)[patient]


@pytest.mark.parametrize("figure", DECLARABLE)
def test_order_names_and_threads_change_nothing(figure: str) -> None:
    y, s, patient, level = clustered_data(np.random.default_rng(6))
    whole = everyone(y, s, patient, 120)
    found = gap_test(figure, whole, level, threshold=0.5, permutations=500, threads=1)
    again = gap_test(figure, whole, level, threshold=0.5, permutations=500, threads=3)
    assert found == again
    named = gap_test(figure, whole, (level + 1) % 3, threshold=0.5, permutations=500)
    assert named.statistic == pytest.approx(found.statistic, rel=1e-9)
    order = np.random.default_rng(7).permutation(y.size)
    mixed = everyone(y[order], s[order], patient[order], 120)
    moved = gap_test(figure, mixed, level[order], threshold=0.5, permutations=500)
    assert moved.statistic == pytest.approx(found.statistic, rel=1e-9)
    assert moved.p_value == pytest.approx(found.p_value, abs=0.12)


def test_a_patients_cases_move_together() -> None:
    """Copies of every case are no new patients: the p-value stays that of one case each."""
    rng = np.random.default_rng(9)
    y, level = rng.random(80) < 0.5, np.arange(80) % 2
    s = rng.random(80) + 0.35 * (level == 0) * y
    four = np.repeat(np.arange(80), 4)
    for figure in ("auroc", "sensitivity"):
        one = gap_test(figure, alone(y, s), level, threshold=0.5, permutations=8000)
        copied = gap_test(
            figure,
            everyone(y[four], s[four], four, 80),
            level[four],
            threshold=0.5,
            permutations=8000,
        )
        assert copied.p_value == pytest.approx(one.p_value, abs=0.02)


def test_levels_within_a_patient_are_compared_within_the_patient() -> None:
    """Each patient has both levels: the exact test is McNemar's, of the pairs that differ."""
    n, only_first, only_second = 30, 9, 1
    patient = np.repeat(np.arange(n), 2)
    level = np.tile([0, 1], n)
    s = np.full(2 * n, 0.9)
    s[2 * np.arange(only_first) + 1] = 0.1
    s[2 * (only_first + np.arange(only_second))] = 0.1
    whole = everyone(np.ones(2 * n, dtype=bool), s, patient, n)
    found = gap_test("sensitivity", whole, level, threshold=0.5, permutations=40_000)
    exact = stats.binomtest(only_second, only_first + only_second).pvalue
    assert found.p_value == pytest.approx(exact, abs=0.004)


def size(make: Callable[[np.random.Generator], float], runs: int) -> float:
    rng = np.random.default_rng(12)
    return sum(make(rng) <= 0.05 for _ in range(runs)) / runs


def test_equal_aurocs_with_unequal_spread_of_scores_are_not_called() -> None:
    """A plain permutation calls them in 0.17 of the runs."""
    shift = math.sqrt(2.0) * stats.norm.ppf(0.76)
    level = np.repeat([0, 1], [60, 140])

    def run(rng: np.random.Generator) -> float:
        y = rng.random(200) < 0.5
        s = (rng.standard_normal(200) + shift * (y - 0.5)) * np.where(level == 0, 1.0, 4.0)
        whole = alone(y, s)
        return gap_test(
            "auroc", whole, level, permutations=199, seed=int(rng.integers(9999))
        ).p_value

    assert size(run, 600) <= 0.05 + 3 * 0.009


def test_a_small_level_with_wide_scores_is_not_called() -> None:
    """It is near 1 by chance, and without variance. Divided by what it shows, 0.11 were called."""
    level = np.repeat([0, 1], [40, 400])
    y = np.arange(440) % 2 == 0
    wide = np.where(y & (level == 0), 5.0, 1.0)
    shift = stats.norm.ppf(0.9) * np.where(level == 0, math.hypot(1.0, 5.0), math.sqrt(2.0))

    def run(rng: np.random.Generator) -> float:
        s = rng.standard_normal(440) * wide + shift * y
        seed = int(rng.integers(9999))
        return gap_test("auroc", alone(y, s), level, permutations=199, seed=seed).p_value

    assert size(run, 600) <= 0.06 + 2 * 0.0097


@pytest.mark.parametrize("figure", ["observed_minus_expected", "calibration_slope"])
@pytest.mark.parametrize("design", ["sampled", FIXED_PREVALENCE])
def test_calibrated_groups_of_unequal_prevalence_are_not_called(figure: str, design: str) -> None:
    def run(rng: np.random.Generator) -> float:
        level = rng.integers(0, 3, 2000)
        x = rng.standard_normal(2000) + np.array([-1.0, 0.0, 0.5])[level]
        p = 1.0 / (1.0 + np.exp(-x))
        y = rng.random(2000) < p
        kept = np.arange(2000) < 400
        if design == FIXED_PREVALENCE:
            # Scores that are right in a population of one half, drawn so: every group is fair.
            level = rng.integers(0, 3, 2000)
            kept = np.concatenate([np.flatnonzero(y)[:200], np.flatnonzero(~y)[:200]])
        return gap_test(figure, alone(y[kept], p[kept], design), level[kept]).p_value

    assert size(run, 500) <= 0.05 + 3 * 0.0098


@pytest.mark.parametrize(
    ("figure", "reason"),
    [
        ("ece", "bias that depends on the size of the group; declare observed_minus_expected"),
        ("ppv", "wherever their prevalence does.*declare sensitivity and specificity"),
        ("brier", "wherever their prevalence does"),
        ("selection_rate", "wherever their prevalence does"),
        ("f1", "has no test; declare one of auroc"),
    ],
)
def test_a_gap_that_would_be_called_where_nothing_is_unfair_is_refused(
    figure: str, reason: str
) -> None:
    y, s, level = positives([5, 6], [10, 10])
    with pytest.raises(UndefinedMetric, match=reason):
        gap_test(figure, alone(y, s), level, threshold=0.5)


def test_what_the_data_cannot_support_is_undefined_and_says_why() -> None:
    y, s, level = positives([5, 6], [10, 10])
    with pytest.raises(UndefinedMetric, match="two levels with data enough; got 1"):
        gap_test("auroc", alone(y, s), np.where(level == 0, 0, -1))
    with pytest.raises(UndefinedMetric, match="needs a threshold"):
        gap_test("sensitivity", alone(y, s), level)
    with pytest.raises(UndefinedMetric, match="no positive case"):
        gap_test("sensitivity", alone(y & (level == 0), s), level, threshold=0.5)
    with pytest.raises(UndefinedMetric, match="fewer than two cases of a class"):
        gap_test("auroc", alone(y & (level == 0), s), level)
    with pytest.raises(UndefinedMetric, match="1 to 10,000,000 permutations; got 0"):
        gap_test("auroc", alone(y, s), level, permutations=0)


def test_predictions_that_are_all_but_certain_leave_calibration_untested() -> None:
    """Information p (1 - p): 40 cases at 0.001 or 0.999 but for five at 0.5 hold that of five."""
    y = np.arange(80) % 2 == 0
    s = np.where(y, 0.999, 0.001)
    s[[0, 7, 16, 25, 34, 40, 47, 56, 65, 74]] = 0.5
    level = np.repeat([0, 1], 40)
    whole = everyone(y, s, np.arange(80), 80)
    for figure in ("calibration_in_the_large", "calibration_slope"):
        with pytest.raises(UndefinedMetric, match="rests on 5 effective patients; 15 are needed"):
            gap_test(figure, whole, level)
    assert gap_test("observed_minus_expected", whole, level).p_value > 0.05
