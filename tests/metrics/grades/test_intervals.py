"""Intervals of ordinal figures: influences, hand values, limits and a small truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.discrimination import curves
from metrics.estimate import UndefinedMetric
from metrics.grades import agreement, intervals
from metrics.group import Group, everyone


def alone(n: int) -> Group:
    return everyone(np.zeros(n, dtype=bool), np.zeros(n), np.arange(n), n)


def grades(seed: int, n: int, spread: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    truth = generator.standard_normal(n)
    seen = truth + spread * generator.standard_normal(n)
    cuts = np.array([-1.0, 0.0, 0.7, 1.5])
    return np.searchsorted(cuts, truth), np.searchsorted(cuts, seen)


def test_prediction_probability_by_hand() -> None:
    # pairs that differ in the reference: (1,2) tied, (1,3) right, (1,3) right, (2,3) right,
    # (2,3) wrong; the pair of threes does not count
    found = intervals.prediction_probability([1, 2, 3, 3], [5, 5, 6, 7])
    assert found == pytest.approx((0.5 + 4) / 5)
    wrong = intervals.prediction_probability([1, 2, 3, 3], [5, 6.5, 6, 7])
    assert wrong == pytest.approx(4 / 5)


def test_prediction_probability_of_two_grades_is_the_auroc() -> None:
    generator = np.random.default_rng(1)
    y = generator.random(80) < 0.4
    s = np.round(generator.random(80) + 0.3 * y, 1)
    assert intervals.prediction_probability(y, s) == pytest.approx(curves.auroc(y, s), abs=1e-12)


def test_a_constant_reference_has_no_prediction_probability() -> None:
    with pytest.raises(UndefinedMetric, match="the reference is constant"):
        intervals.prediction_probability([2, 2, 2], [1, 2, 3])


@pytest.mark.parametrize("spread", [0.8, 1.2])
def test_widths_are_those_of_the_jackknife(spread: float) -> None:
    a, b = grades(3, 120, spread)
    rest = [np.delete(np.arange(120), case) for case in range(120)]

    def jackknife(values: list[float]) -> float:
        found = np.array(values)
        return math.sqrt(119 / 120 * float(np.sum((found - found.mean()) ** 2)))

    kappa = jackknife([agreement.quadratic_weighted_kappa(a[r], b[r], 0, 4) for r in rest])
    tau = jackknife([agreement.kendall_tau_b(a[r], b[r]) for r in rest])
    pk = jackknife([intervals.prediction_probability(a[r], b[r]) for r in rest])
    group = alone(120)
    t = 1.9800999  # Student's quantile, 119 degrees of freedom
    pairs = (
        (intervals.quadratic_weighted_kappa_interval(group, a, b, 0, 4, 0.95), kappa),
        (intervals.kendall_tau_b_interval(group, a, b, 0.95), tau),
    )
    for (low, high, _), error in pairs:
        z = math.atanh(high) - math.atanh(low)
        value = math.tanh((math.atanh(high) + math.atanh(low)) / 2)
        assert z == pytest.approx(2 * t * error / (1 - value**2), rel=0.06)
    low, high, _ = intervals.prediction_probability_interval(group, a, b, 0.95)
    value = intervals.prediction_probability(a, b)
    width = math.log(high / (1 - high)) - math.log(low / (1 - low))
    assert width == pytest.approx(2 * t * pk / (value * (1 - value)), rel=0.06)


def test_perfect_agreement_has_an_interval_below_one() -> None:
    a = np.arange(30) % 4
    group = alone(30)
    t = 2.0452296  # Student's quantile, 29 degrees of freedom
    lowest = 30 / (30 + t**2)
    for found in (
        intervals.quadratic_weighted_kappa_interval(group, a, a, 0, 3, 0.95),
        intervals.kendall_tau_b_interval(group, a, a, 0.95),
    ):
        assert (found.low, found.high) == pytest.approx((2 * lowest - 1, 1.0), abs=1e-6)
    found = intervals.prediction_probability_interval(group, a, a, 0.95)
    assert (found.low, found.high) == pytest.approx((lowest, 1.0), abs=1e-6)


def test_distances_that_are_all_alike_are_insufficient_data() -> None:
    with pytest.raises(UndefinedMetric, match="insufficient data: every distance is 1"):
        intervals.mean_absolute_error_interval(alone(3), [1, 2, 3], [2, 3, 4], 0.95)
    with pytest.raises(UndefinedMetric, match="insufficient data: all differences are equal"):
        intervals.bland_altman_intervals(alone(3), [1, 2, 3], [2, 3, 4], 0.95)


def test_mean_absolute_error_by_hand() -> None:
    # distances 0, 1, 1, 2: mean 1, standard deviation sqrt(2/3), t of 3 degrees 3.182446
    low, high, _ = intervals.mean_absolute_error_interval(
        alone(4), [1, 1, 3, 1], [1, 2, 2, 3], 0.95
    )
    factor = math.exp(3.182446 * math.sqrt(2 / 3 / 4))
    assert (low, high) == pytest.approx((1 / factor, factor), abs=1e-5)


def test_rows_and_repeated_patients() -> None:
    a, b = grades(5, 60, 0.8)
    single = intervals.kendall_tau_b_interval(alone(60), a, b, 0.95)
    mixed = np.random.default_rng(6).permutation(60)
    turned = intervals.kendall_tau_b_interval(alone(60), a[mixed], b[mixed], 0.95)
    assert turned[:2] == pytest.approx(single[:2], abs=1e-12)
    four = everyone(np.zeros(240, dtype=bool), np.zeros(240), np.repeat(np.arange(60), 4), 60)
    a4, b4 = np.repeat(a, 4), np.repeat(b, 4)
    low, high, _ = intervals.quadratic_weighted_kappa_interval(four, a4, b4, 0, 4, 0.95)
    naive = intervals.quadratic_weighted_kappa_interval(alone(240), a4, b4, 0, 4, 0.95)
    assert high - low > 1.8 * (naive.high - naive.low)


def test_limits_of_agreement_hold_the_truth() -> None:
    generator = np.random.default_rng(8)
    held = np.zeros(3)
    for _ in range(300):
        difference = generator.standard_normal(40)
        found = intervals.bland_altman_intervals(alone(40), np.zeros(40), difference, 0.95)
        for place, (interval, truth) in enumerate(
            ((found.bias, 0.0), (found.low, -1.959964), (found.high, 1.959964))
        ):
            held[place] += interval.low <= truth <= interval.high
    assert held.min() >= 0.92 * 300  # 0.95 less two standard errors
