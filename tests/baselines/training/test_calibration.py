"""Calibrations of every kind, carried to another prevalence, and thresholds for a sensitivity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from baselines.targets import ONE_PROBABILITY, Task
from baselines.training import calibrate

MANY = 20_000


def _drawn(slope: float, intercept: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from logistic(slope x logit + intercept)."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, MANY)
    return logits, random.random(MANY) < expit(slope * logits + intercept)


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic"])
def test_each_method_finds_the_true_probabilities(method: str) -> None:
    # The loss weighed positives threefold, which moves logits by log 3; half the slope is right.
    logits, labels = _drawn(0.5, -0.5 * np.log(3.0))
    found = calibrate.fitted(
        method, ONE_PROBABILITY, logits[:, None], labels[:, None].astype(float), np.array([3.0])
    )
    assert found[0]["method"] == method
    at = np.linspace(-3, 3, 7)  # where many logits are
    given = calibrate.applied(found, ONE_PROBABILITY, at[:, None])[:, 0]
    tolerance = 0.05 if method == "isotonic" else 0.02
    np.testing.assert_allclose(given, expit(0.5 * (at - np.log(3.0))), atol=tolerance)


def test_isotonic_rises_by_hand() -> None:
    # Pooled adjacent violators of 0, 1, 0, 1 are 0, 1/2, 1/2, 1; Platt's targets are 1/4 and 3/4.
    found = calibrate.isotonic(np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, True, False, True]))
    assert found == {"x": [0.0, 1.0, 2.0, 3.0], "y": [0.25, 0.5, 0.5, 0.75]}


def test_classes_share_one_temperature() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (MANY, 3))
    chosen = (softmax(0.5 * logits, axis=1).cumsum(axis=1) < random.random((MANY, 1))).sum(axis=1)
    task = Task("multiclass", ("a", "b", "c"))
    (found,) = calibrate.fitted("platt", task, logits, np.eye(3)[chosen], np.ones(3))
    assert found["slope"] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(
        calibrate.applied((found,), task, logits[:4]), softmax(found["slope"] * logits[:4], axis=1)
    )


def test_an_unknown_target_does_not_count_and_a_constant_one_keeps_its_prior() -> None:
    logits, labels = _drawn(0.5, 0.0)
    targets = np.stack([labels.astype(float), np.zeros(MANY)], axis=1)
    spoilt = np.concatenate([targets, np.full((500, 2), np.nan)])
    more = np.concatenate([logits, np.full(500, 9.0)])
    task = Task("multilabel", ("a", "b"))
    found = calibrate.fitted("platt", task, np.stack([more] * 2, axis=1), spoilt, np.array([1, 4]))
    assert found[0]["slope"] == pytest.approx(0.5, abs=0.03)
    assert found[1] == {"method": "temperature", "slope": 1.0, "intercept": -np.log(4)}


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_another_prevalence_moves_the_odds_by_bayes_rule(method: str) -> None:
    # By hand: half of the cases positive, odds 3 at this logit; at one in ten the odds are 3/9.
    before = (
        {"method": method, "slope": 1.0, "intercept": float(np.log(3.0))}
        if method == "platt"
        else {"method": method, "x": [-1.0, 0.0, 1.0], "y": [0.1, 0.75, 0.8]}
    )
    found = calibrate.moved((before,), 0.5, 0.1)
    given = calibrate.applied(found, ONE_PROBABILITY, np.zeros((1, 1)))
    assert given[0, 0] == pytest.approx(0.25)
    back = calibrate.moved(found, 0.1, 0.5)
    np.testing.assert_allclose(
        calibrate.applied(back, ONE_PROBABILITY, np.array([[-0.5], [0.7]])),
        calibrate.applied((before,), ONE_PROBABILITY, np.array([[-0.5], [0.7]])),
        atol=1e-9,
    ) if method == "platt" else None
    assert logit(0.75) - logit(0.25) == pytest.approx(np.log(9))


@pytest.mark.parametrize(("wanted", "threshold"), [(0.5, 0.8), (0.75, 0.4), (0.76, 0.2), (1, 0.2)])
def test_the_threshold_of_a_sensitivity_by_hand(wanted: float, threshold: float) -> None:
    # Positives at 0.9, 0.8, 0.4 and 0.2.
    probabilities = np.array([0.9, 0.7, 0.8, 0.4, 0.2, 0.1])
    labels = np.array([True, False, True, True, True, False])
    assert calibrate.sensitive_threshold(probabilities, labels, wanted) == threshold


def test_thresholds_one_an_output() -> None:
    outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.6]])
    targets = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, np.nan], [0.0, 0.0]])
    labels = targets[:, 0] > 0
    task = Task("multilabel", ("a", "b"))
    assert calibrate.thresholds(task, targets, outputs, labels, None) == (0.7, 0.5)
