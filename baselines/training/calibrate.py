"""Recalibrates a network's logits and chooses the operating point on validation data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import roc_curve

LEAST_SLOPE = 0.05
"""A network that ranks backwards on a small validation part is flattened, never turned round."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probability = logistic(slope x logit + intercept)."""

    slope: float
    intercept: float

    def __call__(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn logits into calibrated probabilities, elementwise."""
        return logistic(self.slope * logits + self.intercept)


def logistic(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give 1 / (1 + exp(-value)) without overflow."""
    return np.exp(-np.logaddexp(0.0, -value))


def fit(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> Calibration:
    """Fit slope and intercept by maximum likelihood with Platt's smoothed targets.

    Shapes (n,). Platt, Probabilistic outputs for support vector machines, 1999: the targets are
    (n+ + 1)/(n+ + 2) and 1/(n- + 2), so that separable data give finite values.
    """
    positive, negative = int(labels.sum()), int((~labels).sum())
    target = np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value = parameters[0] * logits + parameters[1]
        residual = logistic(value) - target
        gradient = np.array([np.mean(residual * logits), np.mean(residual)])
        return float(np.mean(np.logaddexp(0.0, value) - target * value)), gradient

    found = minimize(
        loss,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LEAST_SLOPE, None), (None, None)],
        options={"ftol": 1e-12, "gtol": 1e-9},
    )
    return Calibration(slope=float(found.x[0]), intercept=float(found.x[1]))


def youden_threshold(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Choose the threshold (positive: probability >= threshold) of the largest J.

    J = sensitivity + specificity - 1 (Youden, Cancer 1950). Probabilities are taken at the six
    decimals that the container writes; of equal J the highest threshold is kept.
    """
    false_positive, true_positive, thresholds = roc_curve(
        labels, np.round(probabilities, 6), drop_intermediate=False
    )
    best = 1 + int(np.argmax((true_positive - false_positive)[1:]))  # the first is infinite
    return float(thresholds[best])
