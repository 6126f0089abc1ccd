"""The interval of the expected calibration error against a truth known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics import calibration
from metrics.ece_interval import ece_interval


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
    value = calibration.ece(y, p)
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
