"""Recalibrates logits and chooses operating points, on validation data alone.

A calibration is what the model card keeps of it, one for each logit: ``{"method", "slope",
"intercept"}``, or ``{"method", "x", "y"}`` with the knots of an isotonic curve, linear between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_curve

from baselines.container.answers import MULTICLASS, ORDINAL, SCORE
from baselines.targets import Task

LEAST_SLOPE = 0.05
"""A network that ranks backwards on a small validation part is flattened, never turned round."""

Calibrations = tuple[dict[str, Any], ...]


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


def fitted(
    method: str,
    task: Task,
    logits: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> Calibrations:
    """Calibrate the logits of a task on validation data, each by ``method``.

    ``logits`` and ``targets`` are (n, n_logits), NaN where a target is unknown; ``weights``
    (n_logits,) are those of the training's loss, which moved the logits by their logarithm. A
    logit whose targets are all alike keeps what the weights say. Classes share one temperature;
    a score stays as it is.
    """
    if task.kind == SCORE or method == "none":
        return ({"method": "none", "slope": 1.0, "intercept": 0.0},)
    if task.kind == MULTICLASS:
        return ({"method": "temperature", "slope": _shared_slope(task, logits, targets)},)
    calibrations: list[dict[str, Any]] = []
    for logit, target, weight in zip(logits.T, targets.T, weights, strict=True):
        known = ~np.isnan(target)
        labels = target[known] > 0.5
        offset = float(np.log(weight))
        if not labels.any() or labels.all():
            calibrations.append({"method": "temperature", "slope": 1.0, "intercept": -offset})
        elif method == "isotonic":
            calibrations.append({"method": method, **isotonic(logit[known], labels)})
        elif method == "temperature":
            slope = temperature(logit[known] - offset, labels)
            calibrations.append({"method": method, "slope": slope, "intercept": -slope * offset})
        else:
            line = fit(logit[known], labels)
            calibrations.append(
                {"method": method, "slope": line.slope, "intercept": line.intercept}
            )
    return tuple(calibrations)


def applied(
    calibrations: Sequence[dict[str, Any]], task: Task, logits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Turn logits (n, n_logits) into outputs (n, n_outputs), as ``container.answers`` does."""
    if task.kind == SCORE:
        return logits
    each = list(calibrations) * (logits.shape[1] if len(calibrations) == 1 else 1)
    if task.kind == MULTICLASS:
        scaled = each[0]["slope"] * logits
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    columns = [
        np.interp(logit, one["x"], one["y"])
        if "x" in one
        else logistic(one["slope"] * logit + one["intercept"])
        for logit, one in zip(logits.T, each, strict=True)
    ]
    outputs = np.stack(columns, axis=1)
    if task.kind == ORDINAL:
        return task.lowest + outputs.sum(axis=1, keepdims=True)
    return outputs


def moved(calibrations: Calibrations, prevalence: float, target_prevalence: float) -> Calibrations:
    """Carry calibrations from one share of positive cases to another.

    By Bayes's rule all log odds move by the difference of the shares' log odds, where the images of
    positive and of negative cases stay what they are (Saerens et al., Neural Computation 2002).
    """
    shift = _log_odds(target_prevalence) - _log_odds(prevalence)
    shifted = []
    for each in calibrations:
        if "x" in each:
            y = logistic(_log_odds(np.array(each["y"])) + shift)
            shifted.append(each | {"y": y.tolist()})
        else:
            shifted.append(each | {"intercept": each.get("intercept", 0.0) + float(shift)})
    return tuple(shifted)


def _log_odds(share: Any) -> Any:
    return np.log(share) - np.log1p(-share)


def _smoothed(labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Platt's targets: (n+ + 1)/(n+ + 2) and 1/(n- + 2), so that no probability is 0 or 1."""
    positive, negative = int(labels.sum()), int((~labels).sum())
    return np.where(labels, (positive + 1) / (positive + 2), 1 / (negative + 2))


def fit(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> Calibration:
    """Fit slope and intercept by maximum likelihood with Platt's smoothed targets.

    Shapes (n,). Platt, Probabilistic outputs for support vector machines, 1999: the targets keep
    the values finite on separable data.
    """
    target = _smoothed(labels)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value = parameters[0] * logits + parameters[1]
        residual = logistic(value) - target
        gradient = np.array([np.mean(residual * logits), np.mean(residual)])
        return float(np.mean(np.logaddexp(0.0, value) - target * value)), gradient

    optimum = minimize(
        loss,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LEAST_SLOPE, None), (None, None)],
        options={"ftol": 1e-12, "gtol": 1e-9},
    )
    return Calibration(slope=float(optimum.x[0]), intercept=float(optimum.x[1]))


def temperature(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Fit 1 / temperature, 0.05 to 20, by maximum likelihood (Guo et al., ICML 2017).

    Shapes (n,); Platt's smoothed targets.
    """
    target = _smoothed(labels)

    def loss(logarithm: float) -> float:
        value = np.exp(logarithm) * logits
        return float(np.mean(np.logaddexp(0.0, value) - target * value))

    return _best_slope(loss)


def _shared_slope(task: Task, logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return _best_slope(lambda logarithm: plain_loss(task, np.exp(logarithm) * logits, targets))


def _best_slope(loss: Any) -> float:
    bounds = (float(np.log(LEAST_SLOPE)), float(np.log(20.0)))
    optimum = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(optimum.x))


def isotonic(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, list[float]]:
    """Fit the rising curve of least squares (Zadrozny & Elkan, KDD 2002) to Platt's targets.

    Shapes (n,). Knots ``x`` rise strictly also in single precision, in which a network runs.
    """
    at = logits.astype(np.float32).astype(np.float64)
    curve = IsotonicRegression(out_of_bounds="clip").fit(at, _smoothed(labels))
    x, y = curve.X_thresholds_, curve.y_thresholds_
    if len(x) == 1:  # all logits are one
        x, y = np.array([x[0], x[0] + 1.0]), np.array([y[0], y[0]])
    return {"x": x.tolist(), "y": y.tolist()}


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


def sensitive_threshold(
    probabilities: NDArray[np.float64], labels: NDArray[np.bool_], sensitivity: float
) -> float:
    """Choose the highest threshold at which at least ``sensitivity`` of the positives are found.

    At the six decimals that the container writes; shapes (n,).
    """
    scores = np.sort(np.round(probabilities[labels], 6))[::-1]
    needed = int(np.ceil(round(sensitivity * len(scores), 9)))
    return float(scores[max(1, needed) - 1])


def thresholds(
    task: Task,
    targets: NDArray[np.float64],
    outputs: NDArray[np.float64],
    labels: NDArray[np.bool_],
    sensitivity: float | None,
) -> tuple[float, ...]:
    """Choose a threshold for each output (n_cases, n_outputs) by Youden or ``sensitivity``.

    An ordinal output is judged by whether the case is positive, ``labels`` (n_cases,). A class, and
    a finding that validation does not have on both sides, gets 0.5.
    """
    if task.kind == MULTICLASS:
        return (0.5,) * len(task.outputs)
    cuts = []
    for target, scores in zip(targets.T, outputs.T, strict=True):
        known = ~np.isnan(target)
        truth = labels if task.kind == ORDINAL else target[known] > 0.5
        scores = scores[known]
        if not truth.any() or truth.all():
            cuts.append(0.5)
        elif sensitivity is None:
            cuts.append(youden_threshold(scores, truth))
        else:
            cuts.append(sensitive_threshold(scores, truth, sensitivity))
    return tuple(cuts)


def plain_loss(task: Task, logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Mean unweighted loss of logits (n, n_logits), in double precision."""
    if task.kind == MULTICLASS:
        top = logits.max(axis=1)
        whole = top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1))
        return float(np.mean(whole - logits[np.arange(len(logits)), targets.argmax(axis=1)]))
    known = ~np.isnan(targets)
    each = np.logaddexp(0.0, logits) - np.where(known, targets, 0.0) * logits
    return float(each[known].mean())
