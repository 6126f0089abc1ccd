"""Figures of probabilities whose intervals come from their influences."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from metrics.arrays import Floats
from metrics.calibration import smooth
from metrics.estimate import Estimate
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone


def group(y: list[int], p: list[float], design: str) -> Group:
    labels = np.array(y, dtype=np.bool_)
    return everyone(labels, np.array(p), np.arange(labels.size), labels.size, design)


def made(name: str, found: Group) -> Estimate:
    return smooth.estimate(found, smooth.FIGURES[name](found), 0.95)


def test_one_report_has_one_sampling_design() -> None:
    """40 of 100 positive, all predicted 0.3: nothing can vary by design, both can by chance."""
    y, p = [1] * 40 + [0] * 60, [0.3] * 100
    for name in ("observed_expected_ratio", "observed_minus_expected"):
        fixed = made(name, group(y, p, FIXED_PREVALENCE))
        assert fixed.low == fixed.value == fixed.high, name
        assert "40 % set by design" in fixed.method
        chance = made(name, group(y, p, SAMPLED))
        assert chance.low is not None
        assert chance.high is not None
        # the prevalence alone varies, by sqrt(0.4 * 0.6 / 99)
        error = math.sqrt(0.24 / 99)
        width = 2 * 1.984 * error
        if name == "observed_minus_expected":
            assert chance.high - chance.low == pytest.approx(width, rel=0.03)
        else:
            assert math.log(chance.high / chance.low) == pytest.approx(width / 0.4, rel=0.01)


def test_observed_to_expected_by_design_has_the_error_of_the_mean_prediction() -> None:
    p = [0.2, 0.4, 0.6, 0.9, 0.7, 0.8]
    found = made("observed_expected_ratio", group([0, 0, 0, 1, 1, 1], p, FIXED_PREVALENCE))
    variance = (statistics.variance(p[:3]) / 3 + statistics.variance(p[3:]) / 3) / 4
    mean = sum(p) / 6
    assert found.value == pytest.approx(0.5 / mean)
    assert found.low is not None
    assert found.high is not None
    spread_0, spread_1 = statistics.variance(p[:3]), statistics.variance(p[3:])
    # sums of squares, 2 s^2 each, give Satterthwaite's degrees of freedom with 2 in each class
    freedom = (spread_0 + spread_1) ** 2 / (spread_0**2 / 2 + spread_1**2 / 2)
    from scipy.stats import t

    half = t.ppf(0.975, freedom) * math.sqrt(variance) / mean
    # the classes' means differ, so that the freedom counts about 0.5 and not within each class
    assert math.log(found.high / found.low) == pytest.approx(2 * half, rel=0.25)


def test_brier_at_another_prevalence_weighs_the_classes() -> None:
    found = group([1, 1, 0, 0], [0.9, 0.5, 0.1, 0.3], SAMPLED)
    # positives 0.01 and 0.25, negatives 0.01 and 0.09
    assert smooth.brier_at_prevalence(found, 0.2).value == pytest.approx(0.2 * 0.13 + 0.8 * 0.05)
    assert smooth.brier_at_prevalence(found, 0.5).value == pytest.approx(smooth.brier(found).value)


@pytest.mark.parametrize("name", list(smooth.FIGURES))
@pytest.mark.parametrize("design", [FIXED_PREVALENCE, SAMPLED])
def test_an_influence_is_how_far_a_figure_moves_without_the_case(name: str, design: str) -> None:
    generator = np.random.default_rng(7)
    y = generator.random(400) < 0.4
    p = 1 / (1 + np.exp(-(generator.standard_normal(400) + y)))
    whole = everyone(y, p, np.arange(400), 400, design)
    figure = smooth.FIGURES[name](whole)
    for case in (0, 17, 203):
        kept = np.arange(400) != case
        rest = everyone(y[kept], p[kept], np.arange(399), 399, design)
        value, moved = smooth.FIGURES[name](rest).value, figure.influence[case]
        before = figure.value
        if figure.scale == "log":
            value, before = math.log(value), math.log(before)
        assert before - value == pytest.approx(moved, rel=0.05, abs=2e-5)


LOSSES = ("brier", "scaled_brier", "log_loss")


@pytest.mark.parametrize("name", LOSSES)
def test_a_mean_loss_of_a_few_uncertain_cases_has_no_interval(name: str) -> None:
    """Four cases at 0.8 hold all that can vary: 0.99999 and 0.00001 hold next to nothing."""
    y = [1, 0] * 20
    p = [0.99999, 0.00001] * 18 + [0.8, 0.2] * 2
    few = made(name, group(y, p, SAMPLED))
    assert few.value is not None
    assert few.low is few.high is None
    assert "rests on 4 effective patients; 15 are needed" in few.method
    assert made(name, group(y, [0.8, 0.2] * 20, SAMPLED)).low is not None


@pytest.mark.parametrize("name", LOSSES)
def test_certain_predictions_that_are_often_wrong_have_an_interval(name: str) -> None:
    """Twelve of sixty are wrong: the outcomes say what the predictions do not expect."""
    y = np.array([1, 0] * 30)
    wrong = np.arange(60) % 5 == 0
    p = np.where(y == wrong, 0.001, 0.999) + np.where(wrong, 0.0, 1e-5) * (2 * (y == wrong) - 1)
    assert made(name, group(y.tolist(), p.tolist(), SAMPLED)).low is not None


def test_the_brier_score_of_a_small_group_is_not_called_better_than_it_is() -> None:
    """Thirty cases at AUROC 0.99: intervals held 0.87, mostly without the rare large error."""
    rng = np.random.default_rng(8)
    distance = math.sqrt(2.0) * statistics.NormalDist().inv_cdf(0.99)
    # the mean over 400,000 cases
    y = np.arange(400_000) % 2
    truth = np.mean(
        (sigmoid(distance * (rng.standard_normal(y.size) + distance * (y - 0.5))) - y) ** 2
    )
    missed = given = 0
    for _ in range(400):
        x = rng.standard_normal(30) + distance * (y[:30] - 0.5)
        found = made("brier", group(y[:30].tolist(), sigmoid(distance * x).tolist(), SAMPLED))
        if found.low is not None and found.high is not None:
            given += 1
            missed += not found.low <= truth <= found.high
    assert missed <= 0.05 * 400
    assert given < 200


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
