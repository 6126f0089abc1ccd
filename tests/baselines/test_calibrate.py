from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from baselines.training import calibrate


def test_agrees_with_logistic_regression_on_many_cases() -> None:
    # Over 20,000 cases Platt's smoothing of the targets is far below the tolerance.
    random = np.random.default_rng(5)
    logits = random.normal(0, 2, 20_000)
    labels = random.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    reference = LogisticRegression(C=np.inf).fit(logits[:, np.newaxis], labels)
    found = calibrate.fit(logits, labels)
    assert found.slope == pytest.approx(reference.coef_[0, 0], abs=2e-3)
    assert found.intercept == pytest.approx(reference.intercept_[0], abs=2e-3)


def test_separable_validation_data_stay_finite() -> None:
    # One case a class: Platt's targets are 2/3 and 1/3, so the line through their logits at
    # -1 and 1 is log(2) x.
    found = calibrate.fit(np.array([-1.0, 1.0]), np.array([False, True]))
    assert found.slope == pytest.approx(np.log(2), abs=1e-4)
    assert found.intercept == pytest.approx(0.0, abs=1e-4)


def test_a_backward_network_is_flattened_not_turned_round() -> None:
    found = calibrate.fit(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([True, True, False, False]))
    assert found.slope == calibrate.LEAST_SLOPE


def test_youden_threshold_by_hand() -> None:
    # At 0.6: 2 of 3 positives and no negative, J = 2/3; at 0.3: 3 of 3 and 1 of 2, J = 1/2.
    probabilities = np.array([0.9, 0.6, 0.3, 0.4, 0.1])
    labels = np.array([True, True, True, False, False])
    assert calibrate.youden_threshold(probabilities, labels) == 0.6


def test_the_threshold_holds_for_the_six_decimals_that_are_written() -> None:
    probabilities = np.array([0.123456789, 0.1])
    assert calibrate.youden_threshold(probabilities, np.array([True, False])) == 0.123457
