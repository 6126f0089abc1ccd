"""The interval of the expected calibration error against a truth known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.calibration import errors
from metrics.calibration.ece_interval import ece_interval, interval_of_ece
from metrics.group import FIXED_PREVALENCE, SAMPLED, everyone


def cohort(
    generator: np.random.Generator, n: int, off: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Predictions at the middle of each bin, wrong by ``off``: the true ECE is ``off``."""
    p = (generator.integers(0, 10, n) + 0.5) / 10
    risk = np.where(p < 0.5, p + off, p - off)
    return generator.random(n) < risk, p


@pytest.mark.parametrize("off", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("n", [300, 1500])
def test_the_truth_is_held(off: float, n: int) -> None:
    generator = np.random.default_rng([n, int(100 * off)])
    held = 0
    for turn in range(150):
        y, p = cohort(generator, n, off)
        low, high = ece_interval(y, p, seed=turn)
        held += low - 1e-12 <= off <= high
    assert held >= 0.91 * 150  # 0.93 less two standard errors of the simulation


def test_the_end_of_a_calibrated_model_reaches_zero() -> None:
    y, p = cohort(np.random.default_rng(3), 400, 0.0)
    value = errors.ece(y, p)
    low, high = ece_interval(y, p)
    assert low == 0.0
    assert value > 0.0
    assert high < 2 * value


def test_every_case_twice_in_one_patient_changes_nothing() -> None:
    y, p = cohort(np.random.default_rng(4), 300, 0.05)
    twice = np.tile(np.arange(300), 2)
    once = ece_interval(y, p)
    assert ece_interval(np.tile(y, 2), np.tile(p, 2), twice) == pytest.approx(once, abs=1e-12)
    naive = ece_interval(np.tile(y, 2), np.tile(p, 2))
    assert naive[1] - naive[0] < once[1] - once[0]


@pytest.mark.parametrize("design", [FIXED_PREVALENCE, SAMPLED])
@pytest.mark.parametrize("risk", [0.5, 0.1])
def test_right_predictions_are_called_wrong_as_often_as_said(design: str, risk: float) -> None:
    generator = np.random.default_rng([int(10 * risk), len(design)])
    levels = np.array([0.05, 0.25, 0.55, 0.95])
    share = np.array([0.25, 0.25, 0.25, 0.25] if risk == 0.5 else [0.8, 0.15, 0.03, 0.02])
    mean = float(levels @ share)
    called = 0
    for turn in range(300):
        positive = round(120 * mean) if design == FIXED_PREVALENCE else None
        if positive is None:
            cell = generator.choice(4, 120, p=share)
            y = generator.random(120) < levels[cell]
        else:
            ill = generator.choice(4, positive, p=share * levels / mean)
            well = generator.choice(4, 120 - positive, p=share * (1 - levels) / (1 - mean))
            cell, y = np.concatenate((ill, well)), np.arange(120) < positive
        group = everyone(y, levels[cell], np.arange(120), 120, design)
        called += interval_of_ece(group, 10, 0.95, turn).low > 0
    assert called <= 0.05 * 300  # 0.025 and three standard errors of the simulation


def test_the_lower_end_tests_by_the_predictions_and_not_by_the_residuals() -> None:
    # 40 predicted 0.02 with no positive: residuals hardly vary, yet 0 of 40 is what 0.02 promises
    y, p = np.zeros(40, dtype=bool), np.full(40, 0.02)
    p[:20] = 0.021
    assert ece_interval(y, p)[0] == 0.0
    # 40 predicted 0.3 with no positive: 0.3 of 40 would give that once in a million
    assert ece_interval(y, np.full(40, 0.3))[0] > 0.2


def test_images_of_one_patient_leave_less_to_be_called_wrong() -> None:
    y = np.repeat(np.arange(20) < 12, 5)
    p = np.full(100, 0.4)
    # 60 of 100 for 0.4 is 4 standard errors, 12 of 20 patients less than 2
    assert ece_interval(y, p)[0] > 0
    assert ece_interval(y, p, np.repeat(np.arange(20), 5))[0] == 0.0


def test_a_group_of_one_class_has_a_width_unless_the_design_set_it() -> None:
    y, p = np.zeros(30, dtype=bool), np.full(30, 0.4)
    low, high = ece_interval(y, p)
    assert 0.3 < low < 0.4 < high < 0.5
    fixed = everyone(y, p, np.arange(30), 30, FIXED_PREVALENCE)
    # one prediction for all and the number of positives set: the ECE cannot vary
    assert interval_of_ece(fixed, 10, 0.95, 0)[:2] == pytest.approx((0.4, 0.4))
