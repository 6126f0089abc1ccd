"""Intervals of figures read off a curve: influences, boundary cases, laws and a small truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from metrics.discrimination import curves, roc_intervals
from metrics.estimate import Interval, UndefinedMetric
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone

FIGURES: dict[str, Callable[[Group], Interval]] = {
    "average_precision": lambda g: roc_intervals.average_precision_interval(g, 0.95),
    "partial_auroc": lambda g: roc_intervals.partial_auroc_interval(g, 0.0, 0.1, 0.95),
    "partial_sensitivity": lambda g: roc_intervals.partial_auroc_sensitivity_interval(
        g, 0.9, 1.0, 0.95
    ),
    "sensitivity": lambda g: roc_intervals.sensitivity_at_interval(g, 0.9, 0.95),
    "specificity": lambda g: roc_intervals.specificity_at_interval(g, 0.9, 0.95),
}


def group_of(y: NDArray[np.bool_], s: NDArray[np.float64], design: str = FIXED_PREVALENCE) -> Group:
    return everyone(y, s, np.arange(y.size), y.size, design)


def binormal(seed: int, positive: int, negative: int, shift: float) -> Group:
    y = np.arange(positive + negative) < positive
    generator = np.random.default_rng(seed)
    return group_of(y, generator.standard_normal(y.size) + shift * y)


@pytest.mark.parametrize("name", FIGURES)
def test_separated_classes_of_fifteen_have_an_interval_below_one(name: str) -> None:
    y = np.arange(30) < 15
    low, high, _ = FIGURES[name](group_of(y, np.where(y, 0.6, 0.1) + np.arange(30) / 100))
    assert high == 1.0
    assert 0.5 < low < 0.9  # never above Wilson's for 15 of 15 by more than chance in the other


@pytest.mark.parametrize("name", FIGURES)
def test_order_of_rows_and_numbers_of_patients_change_nothing(name: str) -> None:
    group = binormal(1, 40, 60, 1.5)
    mixed = np.random.default_rng(2).permutation(100)
    turned = everyone(group.y[mixed], group.s[mixed], 99 - mixed, 100, FIXED_PREVALENCE)
    assert FIGURES[name](turned)[:2] == pytest.approx(FIGURES[name](group)[:2], abs=1e-12)


@pytest.mark.parametrize("name", FIGURES)
def test_a_rising_change_of_scale_changes_nothing(name: str) -> None:
    group = binormal(3, 40, 60, 1.5)
    other = group_of(group.y, np.exp(group.s))
    assert FIGURES[name](other) == FIGURES[name](group)


@pytest.mark.parametrize("name", FIGURES)
def test_patients_with_many_images_widen_the_interval(name: str) -> None:
    group = binormal(4, 40, 60, 1.2)
    four = everyone(np.repeat(group.y, 4), np.repeat(group.s, 4), np.repeat(np.arange(100), 4), 100)
    naive = group_of(four.y, four.s)
    low, high, method = FIGURES[name](four)
    plain = FIGURES[name](naive)
    assert high - low > 1.5 * (plain.high - plain.low)
    assert "patient" in method


@pytest.mark.parametrize("seed", range(5))
def test_influence_on_average_precision_is_its_slope_in_each_weight(seed: int) -> None:
    generator = np.random.default_rng(seed)
    y = generator.random(30) < 0.4
    s = np.round(generator.random(30), 1)  # ties
    found = roc_intervals.precision_curve(y, s)
    assert found.value == pytest.approx(curves.average_precision(y, s), abs=1e-12)
    for case in range(30):
        w = np.ones(30)
        w[case] += 1e-6
        slope = (curves.average_precision(y, s, w) - found.value) / 1e-6
        assert found.influence[case] == pytest.approx(slope, abs=1e-4)


def test_influence_on_the_partial_area_is_its_slope_in_each_weight() -> None:
    group = binormal(5, 25, 35, 1.0)
    # 0.11 of 35 negatives is between two steps of the curve
    whole = curves.partial_auroc(group.y, group.s, 0.0, 0.11, standardized=False) / 0.11
    found = roc_intervals.strip(group, 0.0, 0.11, 0.0)
    assert found.share == pytest.approx(whole, abs=1e-12)
    for case in range(60):
        w = np.ones(60)
        w[case] += 1e-6
        moved = curves.partial_auroc(group.y, group.s, 0.0, 0.11, w, standardized=False)
        assert found.influence[case] == pytest.approx((moved / 0.11 - whole) / 1e-6, abs=1e-4)


def test_classes_swapped_and_scores_turned_swap_the_two_levels() -> None:
    group = binormal(6, 40, 50, 1.3)
    turned = group_of(~group.y, -group.s)
    assert FIGURES["sensitivity"](group)[:2] == pytest.approx(FIGURES["specificity"](turned)[:2])
    assert FIGURES["partial_auroc"](group)[:2] == pytest.approx(
        FIGURES["partial_sensitivity"](turned)[:2]
    )


def test_a_prevalence_left_to_chance_widens_average_precision_alone() -> None:
    fixed = binormal(7, 50, 50, 0.8)
    sampled = group_of(fixed.y, fixed.s, SAMPLED)
    wide, narrow = (roc_intervals.average_precision_interval(g, 0.95) for g in (sampled, fixed))
    assert wide.high - wide.low > 1.1 * (narrow.high - narrow.low)
    sampled_strip, fixed_strip = (FIGURES["partial_auroc"](g) for g in (sampled, fixed))
    assert sampled_strip[:2] == pytest.approx(fixed_strip[:2], rel=0.02)


def test_a_threshold_beyond_the_data_is_insufficient_data() -> None:
    group = binormal(8, 90, 14, 1.0)
    with pytest.raises(UndefinedMetric, match=r"insufficient data.*needs 15 negative"):
        roc_intervals.sensitivity_at_interval(group, 0.9, 0.95)
    assert roc_intervals.specificity_at_interval(group, 0.9, 0.95).low > 0
    with pytest.raises(UndefinedMetric, match=r"needs 30 negative cases.*got 14"):
        roc_intervals.sensitivity_at_interval(group, 0.95, 0.95)


def test_one_patient_of_a_class_is_insufficient_data() -> None:
    y = np.arange(10) < 1
    with pytest.raises(UndefinedMetric, match="two patients with positive cases; got 1"):
        roc_intervals.average_precision_interval(group_of(y, np.arange(10) / 10), 0.95)


@pytest.mark.parametrize(("positive", "negative"), [(30, 30), (20, 180)])
def test_the_truth_is_held_near_the_limit(positive: int, negative: int) -> None:
    shift = math.sqrt(2) * norm.ppf(0.983)
    share = positive / (positive + negative)

    def precision(recall: float) -> float:
        false = norm.sf(norm.isf(recall) + shift)
        return float(share * recall / (share * recall + (1 - share) * false))

    area = quad(lambda x: norm.cdf(shift + norm.ppf(x)), 0, 0.1)[0]
    truth = {
        "average_precision": quad(precision, 0, 1)[0],
        "partial_auroc": float(curves.standardized_area(np.array(area), 0.0, 0.1)),
        "sensitivity": norm.cdf(shift + norm.ppf(0.1)),
        "specificity": norm.cdf(shift + norm.ppf(0.1)),
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(150):
        group = binormal(seed, positive, negative, shift)
        for name, value in truth.items():
            low, high, _ = FIGURES[name](group)
            held[name] += low <= value <= high
    assert min(held.values()) >= 0.90 * 150  # 0.95 less three standard errors


def test_no_positive_case_is_insufficient_data() -> None:
    y = np.zeros(10, dtype=bool)
    with pytest.raises(UndefinedMetric, match="positive cases; got 0"):
        roc_intervals.average_precision_interval(group_of(y, np.arange(10) / 10), 0.95)
