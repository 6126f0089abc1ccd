"""Logistic recalibration: slope and intercept between log odds and outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats
from metrics.estimate import UndefinedMetric

_STEPS = 100
_LARGEST = 1e4


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
    _refuse_alike(lp, w_)
    _refuse_separation(y_, lp, w_)
    fit = _fit(y_, lp, w_, with_slope=True)
    errors = _errors(y_, lp, w_, fit, patients)
    return Recalibration(fit.intercept, fit.slope, float(errors[0]), float(errors[1]))


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
    fit = _fit(y_, lp, w_, with_slope=False)
    return fit.intercept, float(_errors(y_, lp, w_, fit, patients)[0])


@dataclass(frozen=True, slots=True)
class Influences:
    """A fit, and how far each case moves its ``intercept`` and its ``slope``, (cases,) each.

    ``informative`` is the number of cases of equal information that would tell as much: few where
    most predictions are all but certain.
    """

    fit: Recalibration
    intercept: Floats
    slope: Floats
    informative: float


def recalibration_influences(
    y: ArrayLike, p: ArrayLike, *, with_slope: bool = True, w: ArrayLike | None = None
) -> Influences:
    """The fit of ``recalibration``, or calibration-in-the-large, with the influence of each case.

    Formula: the inverse information times the case's score, over 1 - the case's leverage: how far
    the fit moves without the case, to one step of Newton's (Pregibon 1981). Undefined as the fit.
    """
    y_, lp, w_ = _checked(y, p, w)
    if with_slope:
        _refuse_alike(lp, w_)
        _refuse_separation(y_, lp, w_)
    fit = _fit(y_, lp, w_, with_slope=with_slope)
    covariance = _inverse(fit.information)
    mean = arrays.expit(fit.intercept + fit.slope * lp)
    information = w_ * mean * (1.0 - mean)
    design = np.stack([np.ones(lp.size), lp]) if with_slope else np.ones((1, lp.size))
    moved = covariance @ design
    leverage = information * np.sum(design * moved, axis=0)
    influence = moved * (w_ * (y_ - mean) / np.maximum(1.0 - leverage, 0.1))
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    slope = influence[-1] if with_slope else np.zeros(lp.size)
    line = Recalibration(fit.intercept, fit.slope, float(errors[0]), float(errors[-1]))
    informative = arrays.kish_effective_n(information) or 1.0
    return Influences(line, influence[0], slope, informative)


@dataclass(frozen=True, slots=True)
class _Fit:
    intercept: float
    slope: float
    with_slope: bool
    information: Floats


def _checked(y: ArrayLike, p: ArrayLike, w: ArrayLike | None) -> tuple[Bools, Floats, Floats]:
    y_ = arrays.labels(y)
    p_, w_ = arrays.probabilities(p, y_.size), arrays.weights(w, y_.size)
    arrays.both_classes("recalibration", float(w_[y_].sum()), float(w_[~y_].sum()))
    return y_, arrays.logit(p_), w_


def _refuse_alike(lp: Floats, w: Floats) -> None:
    spread = lp[w > 0]
    if np.ptp(spread) <= 1e-9 * max(1.0, float(np.abs(spread).max())):
        raise UndefinedMetric("calibration slope needs predictions that differ; all are equal")


def _refuse_separation(y: Bools, lp: Floats, w: Floats) -> None:
    used = w > 0
    low, high = lp[used & ~y], lp[used & y]
    if low.max() <= high.min() or high.max() <= low.min():
        raise UndefinedMetric(
            "calibration slope has no maximum: the predictions separate the classes"
        )


def _fit(y: Bools, lp: Floats, w: Floats, *, with_slope: bool) -> _Fit:
    """Newton's method with halved steps, to a gradient at rounding level."""
    from metrics.resampling.kernels import logistic_sums  # numba is costly to import

    a, b = 0.0, (0.0 if with_slope else 1.0)
    value, *sums = logistic_sums(y, lp, w, a, b)
    for _ in range(_STEPS):
        step_a, step_b = _step(sums, with_slope)
        for _halving in range(60):
            tried, *next_sums = logistic_sums(y, lp, w, a + step_a, b + step_b)
            if tried >= value - 1e-12 * abs(value):
                break
            step_a, step_b = step_a / 2.0, step_b / 2.0
        a, b, value, sums = a + step_a, b + step_b, tried, next_sums
        if max(abs(a), abs(b)) > _LARGEST:
            raise UndefinedMetric("logistic recalibration has no finite solution")
        if max(abs(step_a), abs(step_b)) <= 1e-11 * (1.0 + max(abs(a), abs(b))):
            _, _, h00, h01, h11 = sums
            information = np.array([[h00, h01], [h01, h11]]) if with_slope else np.array([[h00]])
            return _Fit(a, b, with_slope, information)
    raise UndefinedMetric("logistic recalibration did not converge")


def _step(sums: list[float], with_slope: bool) -> tuple[float, float]:
    g0, g1, h00, h01, h11 = sums
    determinant = h00 * h11 - h01 * h01 if with_slope else h00
    if not determinant > 1e-300:
        raise UndefinedMetric("logistic recalibration is singular: predictions too alike")
    if not with_slope:
        return g0 / h00, 0.0
    step = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
    if not (math.isfinite(step[0]) and math.isfinite(step[1])):
        raise UndefinedMetric("logistic recalibration is singular: predictions too alike")
    return step


def _errors(y: Bools, lp: Floats, w: Floats, fit: _Fit, patients: ArrayLike | None) -> Floats:
    covariance = _inverse(fit.information)
    patient, k = (None, y.size) if patients is None else arrays.clusters(patients, y.size)
    if patient is not None and 1 < k < y.size:
        residual = w * (y - arrays.expit(fit.intercept + fit.slope * lp))
        columns = [residual, residual * lp] if fit.with_slope else [residual]
        part = np.column_stack([np.bincount(patient, column, k) for column in columns])
        covariance = k / (k - 1) * covariance @ (part.T @ part) @ covariance
    return np.asarray(np.sqrt(np.maximum(np.diag(covariance), 0.0)))


def _inverse(information: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        raise UndefinedMetric("logistic recalibration is singular: predictions too alike") from None
