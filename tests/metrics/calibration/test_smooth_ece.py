"""Smooth calibration error where its kernel is narrow, against exact values and sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from metrics.calibration import curves


@pytest.mark.parametrize("p", [1e-6, 1e-5, 1e-4, 1e-3, 0.0019, 0.004, 0.006, 0.05])
def test_a_constant_prediction_of_only_negatives_errs_by_itself(p: float) -> None:
    # one kernel of mass p, mirrored at the ends: its integral is p at every width
    found = curves.smooth_ece(np.zeros(30), np.full(30, p))
    assert found == pytest.approx(p, rel=1e-5)
    mirrored = curves.smooth_ece(np.ones(30), np.full(30, 1 - p))
    assert mirrored == pytest.approx(p, rel=1e-5)


def test_right_predictions_of_certain_outcomes_err_by_nothing() -> None:
    y = np.arange(10) < 5
    assert curves.smooth_ece(y, y.astype(float)) < 1e-9


@pytest.mark.parametrize(("apart", "cases"), [(0.002, 1000), (0.02, 1000), (0.02, 300)])
def test_two_predictions_are_two_bells(apart: float, cases: int) -> None:
    # one positive more than predicted at the lower prediction, one fewer at the upper: two normal
    # curves of mass 1 / n and opposite sign, whose difference integrates to 2 erf(d / sqrt 8 sigma)
    low, high = 0.4 - apart / 2, 0.4 + apart / 2
    y = np.zeros(2 * cases)
    y[: round(cases * low + 1)] = 1
    y[cases : cases + round(cases * high - 1)] = 1
    scores = np.concatenate((np.full(cases, low), np.full(cases, high)))

    def excess(sigma: float) -> float:
        return 2 * math.erf(apart / (math.sqrt(8) * sigma)) / (2 * cases) - sigma

    exact = brentq(excess, 1e-6, 0.1)
    assert curves.smooth_ece(y, scores) == pytest.approx(exact, rel=1e-3)


def test_a_step_from_one_sum_to_the_other_is_not_seen() -> None:
    generator = np.random.default_rng(7)
    p = generator.random(400) * 0.02
    found = []
    for share in np.linspace(0.3, 1.0, 15):
        y: NDArray[np.bool_] = np.arange(400) < 0
        found.append(curves.smooth_ece(y, p * share))
    # all negative: the error is the mean prediction, on both sides of the width 0.005
    expected = p.mean() * np.linspace(0.3, 1.0, 15)
    assert found == pytest.approx(expected.tolist(), rel=1e-3)
    assert min(found) < 0.005 < max(found)
