"""Noise of residuals: covariances by hand and by drawing cohorts."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.calibration import noise as calibration_noise
from metrics.estimate import UndefinedMetric
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone


def group_of(n: int, design: str, seed: int = 0) -> Group:
    generator = np.random.default_rng(seed)
    p = generator.choice([0.1, 0.4, 0.8], n)
    return everyone(generator.random(n) < p, p, np.arange(n), n, design)


def test_covariance_of_few_cases_by_hand() -> None:
    # residuals 0.5, -0.5, 0.8, -0.2 in cells 0, 0, 1, 1: gaps 0 and 0.15
    p = np.array([0.5, 0.5, 0.2, 0.2])
    group = everyone(np.array([True, False, True, False]), p, np.arange(4), 4)
    found = calibration_noise.residuals(group, np.array([0, 0, 1, 1]), 2)
    assert found.gap.tolist() == pytest.approx([0.0, 0.15])
    # parts less their mean, in each cell: (.5, -.5, 0, 0) and (-.15, -.15, .65, -.35)
    expected = np.array([[0.5, 0.0], [0.0, 0.59]]) * 4 / 3 / 16
    assert found.covariance == pytest.approx(expected)
    assert found.null_variance.tolist() == pytest.approx([0.125, 0.08])


@pytest.mark.parametrize("design", [FIXED_PREVALENCE, SAMPLED])
def test_patients_of_one_case_by_either_way_have_one_covariance(design: str) -> None:
    group = group_of(60, design)
    member = np.searchsorted([0.1, 0.4, 0.8], group.s)
    alone = calibration_noise.residuals(group, member, 3).covariance
    # the same cases, each twice in its patient: parts and number of cases double
    twice = everyone(
        np.tile(group.y, 2), np.tile(group.s, 2), np.tile(np.arange(60), 2), 60, design
    )
    doubled = calibration_noise.residuals(twice, np.tile(member, 2), 3)
    assert doubled.covariance == pytest.approx(alone)
    assert doubled.effect == pytest.approx(2.0)


@pytest.mark.parametrize("design", [FIXED_PREVALENCE, SAMPLED])
def test_noise_of_right_predictions_is_that_of_cohorts_drawn_so(design: str) -> None:
    generator = np.random.default_rng(5)
    levels, share = np.array([0.1, 0.4, 0.8]), np.array([0.5, 0.3, 0.2])
    risk = float(levels @ share)
    n, positive = 200, round(200 * risk)
    gaps = np.empty((4000, 3))
    for row in range(4000):
        if design == SAMPLED:
            cell = generator.choice(3, n, p=share)
            y = generator.random(n) < levels[cell]
        else:
            ill = generator.choice(3, positive, p=share * levels / risk)
            well = generator.choice(3, n - positive, p=share * (1 - levels) / (1 - risk))
            cell, y = np.concatenate((ill, well)), np.arange(n) < positive
        gaps[row] = np.bincount(cell, y - levels[cell], 3) / n
    truth = np.cov(gaps.T)
    group = everyone(y, levels[cell], np.arange(n), n, design)
    found = calibration_noise.residuals(group, cell, 3)
    noise = calibration_noise.of_calibrated(found, 4000, 0.95, 0)
    assert np.cov(noise.T) == pytest.approx(truth, abs=0.15 * float(np.diag(truth).max()))
    assert np.abs(noise.mean(axis=0)).max() < 0.002


def test_drawn_noise_has_the_covariance_of_the_data() -> None:
    group = group_of(400, SAMPLED, 3)
    found = calibration_noise.residuals(group, np.searchsorted([0.1, 0.4, 0.8], group.s), 3)
    noise = calibration_noise.of_data(found, 20_000, 0.95, 1)
    largest = float(np.diag(found.covariance).max())
    assert np.cov(noise.T) == pytest.approx(found.covariance, abs=0.05 * largest)


def test_cells_hold_near_predictions_and_keep_ties_together() -> None:
    p = np.random.default_rng(4).random(1000)
    p[:300] = 0.5
    member, n_cells = calibration_noise.cells_of(p, 20)
    assert n_cells <= 20
    assert np.unique(member).tolist() == list(range(n_cells))
    assert np.unique(member[:300]).size == 1
    order = np.argsort(p)
    assert np.all(np.diff(member[order]) >= 0)
    few, count = calibration_noise.cells_of(np.array([0.3, 0.1, 0.3]), 20)
    assert (few.tolist(), count) == ([1, 0, 1], 2)


def test_one_patient_is_undefined() -> None:
    group = everyone(np.array([True, False]), np.array([0.2, 0.7]), np.zeros(2, dtype=int), 1)
    with pytest.raises(UndefinedMetric, match="two patients; got one"):
        calibration_noise.residuals(group, np.array([0, 1]), 2)
