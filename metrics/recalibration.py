"""Logistic recalibration: the slope and intercept that would put probabilities right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics import arrays
from metrics.arrays import Bools, Floats
from metrics.estimate import UndefinedMetric

_STEPS = 100
_LARGEST_SLOPE = 1e4


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Fitted logit P(y = 1) = intercept + slope logit(p), with standard errors."""

    intercept: float
    slope: float
    se_intercept: float
    se_slope: float


def recalibration(
    y: ArrayLike, p: ArrayLike, patients: ArrayLike | None = None, w: ArrayLike | None = None
) -> Recalibration:
    """Maximum-likelihood slope and intercept of the outcome on the log odds of the prediction.

    A slope below 1 means predictions too extreme. ``y`` (n,) labels 0/1, ``p`` (n,) probabilities,
    kept within [2^-24, 1 - 2^-24]. Standard errors are Fisher's, or the sandwich over patients
    where patients repeat. Undefined with one class, with a constant prediction, or where the
    prediction separates the classes (no maximum). Source: Cox 1958; Miller 1991.
    """
    y_, lp, w_ = _checked(y, p, w)
    spread = lp[w_ > 0]
    if np.ptp(spread) <= 1e-12 * max(1.0, float(np.abs(spread).max())):
        raise UndefinedMetric("calibration slope needs predictions that differ; all are equal")
    _refuse_separation(y_, lp, w_)
    design = np.column_stack([np.ones(lp.size), lp])
    fitted, information = _fit(y_, design, np.zeros(lp.size), w_)
    covariance = _covariance(y_, design, fitted, np.zeros(lp.size), w_, information, patients)
    return Recalibration(
        float(fitted[0]),
        float(fitted[1]),
        math.sqrt(max(0.0, float(covariance[0, 0]))),
        math.sqrt(max(0.0, float(covariance[1, 1]))),
    )


def calibration_slope(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Slope of logistic recalibration; 1 is right, below 1 too extreme, above 1 too timid.

    Formula: b in logit P(y) = a + b logit(p). Undefined as ``recalibration``. Source: Cox 1958.
    """
    return recalibration(y, p, None, w).slope


def calibration_intercept(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Intercept of logistic recalibration, fitted together with the slope; 0 is right.

    Formula: a in logit P(y) = a + b logit(p). Undefined as ``recalibration``. Source: Cox 1958.
    """
    return recalibration(y, p, None, w).intercept


def calibration_in_the_large(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Intercept with the slope held at 1: above 0 where predictions are too low overall.

    Formula: a in logit P(y) = a + logit(p). Undefined with one class only.
    Source: Steyerberg 2009, section 15.3.
    """
    return offset_intercept(y, p, None, w)[0]


def offset_intercept(
    y: ArrayLike, p: ArrayLike, patients: ArrayLike | None = None, w: ArrayLike | None = None
) -> tuple[float, float]:
    """Calibration-in-the-large and its standard error (sandwich where patients repeat)."""
    y_, lp, w_ = _checked(y, p, w)
    design = np.ones((lp.size, 1))
    fitted, information = _fit(y_, design, lp, w_)
    covariance = _covariance(y_, design, fitted, lp, w_, information, patients)
    return float(fitted[0]), math.sqrt(max(0.0, float(covariance[0, 0])))


def _checked(y: ArrayLike, p: ArrayLike, w: ArrayLike | None) -> tuple[Bools, Floats, Floats]:
    y_ = arrays.labels(y)
    p_, w_ = arrays.probabilities(p, y_.size), arrays.weights(w, y_.size)
    arrays.both_classes("recalibration", float(w_[y_].sum()), float(w_[~y_].sum()))
    return y_, arrays.logit(p_), w_


def _refuse_separation(y: Bools, lp: Floats, w: Floats) -> None:
    used = w > 0
    low, high = lp[used & ~y], lp[used & y]
    if low.max() <= high.min() or high.max() <= low.min():
        raise UndefinedMetric(
            "calibration slope has no maximum: the predictions separate the classes"
        )


def _fit(y: Bools, design: Floats, offset: Floats, w: Floats) -> tuple[Floats, NDArray[np.float64]]:
    """Newton's method with halved steps, to a gradient at rounding level."""
    beta = np.zeros(design.shape[1])
    value = _log_likelihood(y, offset, w)
    for _ in range(_STEPS):
        mu = arrays.expit(design @ beta + offset)
        gradient = design.T @ (w * (y - mu))
        information = (design * (w * mu * (1.0 - mu))[:, None]).T @ design
        step = _solve(information, gradient)
        for _halving in range(60):
            tried = _log_likelihood(y, design @ (beta + step) + offset, w)
            if tried >= value - 1e-12 * abs(value):
                break
            step = step / 2.0
        beta, value = beta + step, tried
        if float(np.abs(step).max()) <= 1e-11 * (1.0 + float(np.abs(beta).max())):
            break
    else:
        raise UndefinedMetric("logistic recalibration did not converge")
    if float(np.abs(beta).max()) > _LARGEST_SLOPE:
        raise UndefinedMetric("logistic recalibration has no finite solution")
    mu = arrays.expit(design @ beta + offset)
    return beta, (design * (w * mu * (1.0 - mu))[:, None]).T @ design


def _covariance(
    y: Bools,
    design: Floats,
    beta: Floats,
    offset: Floats,
    w: Floats,
    information: Floats,
    patients: ArrayLike | None,
) -> Floats:
    inverse = _solve(information, np.eye(information.shape[0]))
    patient, k = arrays.clusters(patients, y.size)
    if k == y.size or k < 2:
        return inverse
    residual = w * (y - arrays.expit(design @ beta + offset))
    part = np.column_stack([np.bincount(patient, residual * column, k) for column in design.T])
    return np.asarray(k / (k - 1) * inverse @ (part.T @ part) @ inverse)


def _solve(matrix: Floats, right: Floats) -> Floats:
    try:
        solution = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        raise UndefinedMetric("logistic recalibration is singular: predictions too alike") from None
    if not np.isfinite(solution).all():
        raise UndefinedMetric("logistic recalibration is singular: predictions too alike")
    return np.asarray(solution)


def _log_likelihood(y: Bools, eta: Floats, w: Floats) -> float:
    return -float(w @ np.logaddexp(0.0, np.where(y, -eta, eta)))
