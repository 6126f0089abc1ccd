"""Intervals near 0 and 1 against integrals, published limits and their own laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from metrics.discrimination import delong
from metrics.intervals import near_limits, proportions
from metrics.intervals.linearised import Error


@pytest.mark.parametrize("theta", [0.55, 0.76, 0.9, 0.983])
def test_the_variance_of_a_binormal_auroc_is_that_of_the_bivariate_normal(theta: float) -> None:
    # two positives beat one negative: the two differences have correlation 1/2
    h = norm.ppf(theta)
    both = multivariate_normal.cdf([h, h], mean=[0, 0], cov=[[1, 0.5], [0.5, 1]])
    expected = (theta * (1 - theta) + (20 - 1 + 30 - 1) * (both - theta**2)) / 600
    found = near_limits.binormal_variance(theta, 20, 30)
    assert found == pytest.approx(expected, abs=1e-7)


def test_one_of_each_class_has_the_variance_of_a_coin() -> None:
    assert near_limits.binormal_variance(0.7, 1, 1) == pytest.approx(0.7 * 0.3)


def test_wilson_at_the_normal_quantile_is_that_of_r() -> None:
    # R: prop.test(8, 10, correct = FALSE)
    found = proportions.score_bounds(0.8, 10, norm.ppf(0.975))
    assert found == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert proportions.score_bounds(1.0, 15, 1.96)[0] == pytest.approx(15 / (15 + 1.96**2))


def test_a_logit_interval_without_variance_rests_on_half_a_binomial_case() -> None:
    # 0.9 of 20: k = 2, so a fifth of the binomial variance 0.0045 is left
    low, high = near_limits.logit_share(0.9, Error(0.0, math.inf), 20, 0.95)
    half = 1.959964 * math.sqrt(0.0045 / 5) / 0.09
    assert math.log(low / (1 - low)) == pytest.approx(math.log(9) - half, abs=1e-6)
    assert math.log(high / (1 - high)) == pytest.approx(math.log(9) + half, abs=1e-6)


def test_a_share_of_one_has_an_interval_and_student_widens_it() -> None:
    narrow = near_limits.logit_share(1.0, Error(0.0, math.inf), 1e9, 0.95)
    few = near_limits.logit_share(1.0, Error(0.0, 9.0), 10, 0.95)
    assert narrow[0] == pytest.approx(1.0, abs=1e-6)
    # t with 9 degrees of freedom is 2.262157
    assert few == pytest.approx((10 / (10 + 2.262157**2), 1.0), abs=1e-6)


def test_ends_of_a_score_interval_lie_where_the_data_are_t_errors_away() -> None:
    low, high = near_limits.score_area(0.9, Error(0.0, math.inf), 40, 60, 0.95)
    for end in (low, high):
        variance = near_limits.binormal_variance(end, 40, 60)
        assert abs(end - 0.9) == pytest.approx(1.959964 * math.sqrt(variance), abs=1e-6)


def test_a_score_interval_mirrors_with_the_figure() -> None:
    low, high = near_limits.score_area(0.8, Error(0.05, 20.0), 30, 30, 0.95)
    mirrored = near_limits.score_area(0.2, Error(0.05, 20.0), 30, 30, 0.95)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_many_cases_on_the_wrong_side_leave_the_model_behind() -> None:
    low, high = near_limits.score_area(0.8, Error(0.01, math.inf), 1e6, 1e6, 0.95)
    assert high - low == pytest.approx(2 * 1.959964 * 0.01, rel=1e-3)


def test_patients_of_one_size_count_whole_and_one_with_most_counts_for_few() -> None:
    assert near_limits.equal_patients(np.repeat(np.arange(8), 5)) == pytest.approx(8.0)
    sizes = np.repeat([0, 1, 2], [98, 1, 1])
    assert near_limits.equal_patients(sizes) == pytest.approx(100**2 / (98**2 + 2))


def test_separated_classes_have_an_auroc_below_one_in_reach() -> None:
    y = np.arange(30) < 15
    estimate = delong.auroc_estimate(y, np.where(y, 1.0, 0.0) + np.arange(30) / 100)
    assert estimate.low is not None
    assert estimate.high == 1.0
    # the lower end: (1 - theta)^2 = t^2 V(theta), t with 14 degrees of freedom
    variance = near_limits.binormal_variance(estimate.low, 15, 15)
    assert 1 - estimate.low == pytest.approx(2.144787 * math.sqrt(variance), abs=1e-6)


@pytest.mark.parametrize(("auroc", "positive"), [(0.9, 10), (0.983, 20), (0.983, 30)])
def test_the_truth_is_held_with_few_positives(auroc: float, positive: int) -> None:
    generator = np.random.default_rng([positive, int(1000 * auroc)])
    shift = math.sqrt(2) * norm.ppf(auroc)
    y = np.arange(10 * positive) < positive
    held = 0
    for _ in range(400):
        s = generator.standard_normal(y.size) + shift * y
        found = delong.auroc_estimate(y, s)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= auroc <= found.high
    assert held + 8 >= 0.93 * 400  # two standard errors of the simulation below 0.93
