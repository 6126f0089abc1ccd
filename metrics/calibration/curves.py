"""Calibration by smooth and isotonic curves, and its tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats
from metrics.calibration.errors import brier, equal_mass_bins, equal_width_bins
from metrics.estimate import UndefinedMetric
from metrics.intervals.proportions import normal_p_value

_FREQUENCIES = 640
_NARROW = 0.005
"""Below this width the kernel is summed on a grid of its own: 640 cosines do not follow it."""
_FINEST = 2**20
_STEPS = 8
"""Steps of that grid to one sigma."""
_UNHEARD = 9.0
"""exp(-9 ** 2 / 2) is below the rounding of a sum: what is damped as much need not be added."""


@dataclass(frozen=True, slots=True)
class CurveError:
    """Distances of a smooth calibration curve from the prediction, over the cases."""

    ici: float
    e50: float
    e90: float
    emax: float


def integrated_calibration(y: ArrayLike, p: ArrayLike) -> CurveError:
    """Mean (ICI), median, 90th percentile and largest distance of a lowess curve from p.

    Formula: |lowess(y on p) - p| over the cases; lowess with span 2/3, no robustness steps, delta
    1 % of the range: the smoother of R's rms val.prob (Eavg, E90, Emax). A loess of degree 2, as
    Austin & Steyerberg 2019, gives other values. As in rms, a line may leave [0, 1] and a distance
    be above 1. Undefined with fewer than 3 cases or where all predictions are equal.
    """
    y_, p_ = _checked(y, p)
    if p_.size < 3 or np.ptp(p_) == 0.0:
        raise UndefinedMetric("a calibration curve needs 3 cases and predictions that differ")
    order = np.argsort(p_, kind="stable")
    distance = np.sort(np.abs(_lowess(p_[order], y_[order].astype(np.float64)) - p_[order]))
    return CurveError(
        float(distance.mean()),
        float(np.quantile(distance, 0.5)),
        float(np.quantile(distance, 0.9)),
        float(distance[-1]),
    )


def smooth_ece(y: ArrayLike, p: ArrayLike) -> float:
    """Calibration error without bins: the residuals smoothed at the scale of the error itself.

    Formula: the sigma at which the integral over [0, 1] of |mean of (y - p) K_sigma(t, p)|, K a
    Gaussian reflected at both ends, equals sigma. Undefined without cases.
    Source: Blasiok & Nakkiran 2023.
    """
    y_, p_ = _checked(y, p)
    residual = y_ - p_
    wave = _cosine_moments(p_, residual)
    frequency, basis = _cosines()
    level = float(residual.mean())

    def error(sigma: float) -> float:
        heard = max(1, min(_FREQUENCIES, math.ceil(_UNHEARD / (np.pi * sigma))))
        damped = wave[:heard] * np.exp(-((np.pi * frequency[:heard] * sigma) ** 2) / 2.0)
        return float(np.mean(np.abs(level + 2.0 * (damped @ basis[:heard]))))

    if error(_NARROW) > _NARROW:
        return _crossing(error, _NARROW, 1.0, 40)
    return _crossing(lambda sigma: _narrow_error(p_, residual, sigma), 0.0, _NARROW, 30)


def _crossing(error: Callable[[float], float], low: float, high: float, halvings: int) -> float:
    """The sigma at which ``error`` is sigma, between ``low`` and ``high``."""
    for _ in range(halvings):
        middle = (low + high) / 2.0
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return (low + high) / 2.0


def _narrow_error(p: Floats, residual: Floats, sigma: float) -> float:
    """The integral of ``smooth_ece`` for a narrow kernel, by its sum on a grid of sigma / 8.

    Residuals are shared by the two nearest points; the kernel reaches 8 sigma and is mirrored at
    both ends. No grid is finer than 2^-20: below a sigma of 8e-6 the kernel keeps that width.
    """
    points = min(_FINEST, math.ceil(_STEPS / sigma))
    width = max(sigma * points, _STEPS)
    place = np.clip(p * points - 0.5, -0.5, points - 0.5)
    left = np.floor(place).astype(np.int64)
    share = place - left
    mass = np.bincount(left + 1, residual * (1.0 - share), points + 2)
    mass += np.bincount(left + 2, residual * share, points + 2)
    used = np.flatnonzero(mass)
    reach = math.ceil(8.0 * width)
    smooth = np.zeros(points + 2 + 2 * reach)
    offsets = np.arange(-reach, reach + 1)
    bell = np.exp(-((offsets / width) ** 2) / 2.0)
    for offset, weight in zip(offsets.tolist(), (bell / bell.sum()).tolist(), strict=True):
        smooth[used + (offset + reach)] += weight * mass[used]
    inside = smooth[reach + 1 : reach + 1 + points]
    inside[: reach + 1] += smooth[reach::-1]
    inside[-reach - 1 :] += smooth[: reach + points : -1]
    return float(np.abs(inside).sum()) / p.size


def _cosine_moments(p: Floats, residual: Floats) -> Floats:
    """Mean of residual cos(k pi p) for k = 1 .. 640, by Chebyshev's recurrence."""
    twice = 2.0 * np.cos(np.pi * p)
    before, now = np.ones(p.size), twice / 2.0
    moments = np.empty(_FREQUENCIES)
    for k in range(_FREQUENCIES):
        moments[k] = now @ residual / p.size
        before, now = now, twice * now - before
    return moments


@cache
def _cosines() -> tuple[Floats, Floats]:
    frequency = np.arange(1.0, _FREQUENCIES + 1.0)
    grid = (np.arange(2000) + 0.5) / 2000
    return frequency, np.cos(np.pi * np.outer(frequency, grid))


def root_mean_square_calibration_error_debiased(
    y: ArrayLike, p: ArrayLike, n_bins: int = 10
) -> float:
    """Root mean squared calibration error over equal-mass bins, less what noise adds.

    Formula: sqrt(max(0, sum_b (n_b / n) [(obs_b - pred_b)^2 - obs_b (1 - obs_b) / (n_b - 1)])).
    Undefined where a bin has a single case. Source: Kumar, Liang & Ma 2019.
    """
    y_, p_ = _checked(y, p)
    table = equal_mass_bins(y_, p_, n_bins)
    if table.weight.min() < 2:
        raise UndefinedMetric("the debiased error needs two cases in each bin; take fewer bins")
    noise = table.observed * (1.0 - table.observed) / (table.weight - 1.0)
    square = (table.observed - table.predicted) ** 2 - noise
    return math.sqrt(max(0.0, float(table.weight @ square / table.weight.sum())))


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Brier = reliability - resolution + uncertainty, exact when bins hold equal predictions."""

    reliability: float
    resolution: float
    uncertainty: float


def brier_decomposition(y: ArrayLike, p: ArrayLike, n_bins: int | None = None) -> Decomposition:
    """Murphy's decomposition over distinct predictions, or over equal-width bins.

    Formula: sum_b n_b (obs_b - pred_b)^2 / n, sum_b n_b (obs_b - prevalence)^2 / n, and
    prevalence (1 - prevalence). Undefined without cases. Source: Murphy 1973.
    """
    y_, p_ = _checked(y, p)
    prevalence = float(y_.mean())
    if n_bins is None:
        distinct, member = np.unique(p_, return_inverse=True)
        weight = np.bincount(member).astype(np.float64)
        observed, predicted = np.bincount(member, y_) / weight, distinct
    else:
        table = equal_width_bins(y_, p_, n_bins)
        weight, observed, predicted = table.weight, table.observed, table.predicted
    return Decomposition(
        float(weight @ (observed - predicted) ** 2) / y_.size,
        float(weight @ (observed - prevalence) ** 2) / y_.size,
        prevalence * (1.0 - prevalence),
    )


@dataclass(frozen=True, slots=True)
class Corp:
    """Brier = miscalibration - discrimination + uncertainty, by the best monotone recalibration.

    ``predicted`` (distinct predictions,) rises and ``observed`` is its isotonic curve: the points
    of a CORP reliability diagram.
    """

    miscalibration: float
    discrimination: float
    uncertainty: float
    predicted: Floats
    observed: Floats


def corp(y: ArrayLike, p: ArrayLike) -> Corp:
    """Reliability diagram without bins to choose, by pool-adjacent-violators.

    Formula: MCB = S(p) - S(c), DSC = S(prevalence) - S(c), UNC = S(prevalence), S the Brier score
    and c the isotonic regression of y on p. Undefined without cases.
    Source: Dimitriadis, Gneiting & Jordan 2021.
    """
    y_, p_ = _checked(y, p)
    distinct, member = np.unique(p_, return_inverse=True)
    weight = np.bincount(member).astype(np.float64)
    fitted = _isotonic(np.bincount(member, y_) / weight, weight)
    recalibrated = float(np.mean((fitted[member] - y_) ** 2))
    prevalence = float(y_.mean())
    uncertainty = prevalence * (1.0 - prevalence)
    return Corp(
        max(0.0, brier(y_, p_) - recalibrated),
        max(0.0, uncertainty - recalibrated),
        uncertainty,
        distinct,
        np.minimum(fitted, 1.0),
    )


@dataclass(frozen=True, slots=True)
class CalibrationTest:
    """A test of perfect calibration: statistic, degrees of freedom (0: normal), p-value."""

    statistic: float
    freedom: int
    p_value: float


def spiegelhalter(y: ArrayLike, p: ArrayLike) -> CalibrationTest:
    """Whether the Brier score is as the predictions promise.

    Formula: z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)). Undefined where all
    predictions are 0, 1/2 or 1. Source: Spiegelhalter 1986.
    """
    y_, p_ = _checked(y, p)
    variance = float(np.sum((1.0 - 2.0 * p_) ** 2 * p_ * (1.0 - p_)))
    if not variance > 1e-12:
        raise UndefinedMetric("Spiegelhalter's z needs predictions other than 0, 1/2 and 1")
    z = float(np.sum((y_ - p_) * (1.0 - 2.0 * p_))) / math.sqrt(variance)
    return CalibrationTest(z, 0, normal_p_value(z))


def hosmer_lemeshow(y: ArrayLike, p: ArrayLike, n_groups: int = 10) -> CalibrationTest:
    """Chi-square of observed against expected over groups of predicted risk; not for ranking.

    Formula: sum_g (O_g - E_g)^2 / (E_g (1 - E_g / n_g)); groups cut at the deciles of p (type 7,
    equal cuts merged), each cut belonging below; as many degrees of freedom as groups, for
    predictions made without these cases. Undefined with fewer than two groups or a group whose
    expected count is 0 or all. Source: Hosmer & Lemeshow 1980.
    """
    from scipy.special import chdtrc  # scipy is costly to import

    y_, p_ = _checked(y, p)
    cuts = np.unique(np.quantile(p_, np.linspace(0.0, 1.0, n_groups + 1)))
    if cuts.size < 3:
        raise UndefinedMetric("Hosmer-Lemeshow needs two groups of predictions; they are too alike")
    member = np.clip(np.searchsorted(cuts, p_, side="left") - 1, 0, cuts.size - 2)
    n = np.bincount(member, minlength=cuts.size - 1)
    used = n > 0
    observed = np.bincount(member, y_, cuts.size - 1)[used]
    expected = np.bincount(member, p_, cuts.size - 1)[used]
    spread = expected * (1.0 - expected / n[used])
    if not np.all(spread > 1e-12):
        raise UndefinedMetric("Hosmer-Lemeshow is undefined: a group expects no case or only cases")
    statistic = float(np.sum((observed - expected) ** 2 / spread))
    freedom = int(used.sum())
    return CalibrationTest(statistic, freedom, float(chdtrc(freedom, statistic)))


def _checked(y: ArrayLike, p: ArrayLike) -> tuple[Bools, Floats]:
    y_ = arrays.labels(y)
    if not y_.size:
        raise UndefinedMetric("calibration needs at least one case; got 0")
    return y_, arrays.probabilities(p, y_.size)


def _isotonic(values: Floats, weight: Floats) -> Floats:
    """Weighted least-squares rising fit: pool adjacent violators (Ayer 1955)."""
    from metrics.resampling.rank_kernels import isotonic_rows  # numba is costly to import

    fitted = np.empty((1, values.size))
    isotonic_rows(values[None, :], weight, fitted)
    return np.asarray(fitted[0])


def _lowess(x: Floats, y: Floats, span: float = 2.0 / 3.0, delta: float = 0.01) -> Floats:
    """Locally weighted straight lines through rising ``x`` (Cleveland 1979), tricube weights.

    Fits are made at points ``delta`` of the range apart and joined by straight lines.
    """
    n = x.size
    k = max(2, min(n, int(span * n + 1e-7)))
    reach = float(x[-1] - x[0])
    fitted = np.empty(n)
    left, last, place = 0, -1, 0
    while True:
        while left + k < n and x[place] - x[left] > x[left + k] - x[place]:
            left += 1
        fitted[place] = _local_line(x, y, left, left + k - 1, place, reach)
        if last < place - 1 and last >= 0:
            between = slice(last + 1, place)
            share = (x[between] - x[last]) / (x[place] - x[last])
            fitted[between] = share * fitted[place] + (1.0 - share) * fitted[last]
        last = place
        same = int(np.searchsorted(x, x[last], side="right")) - 1
        fitted[last : same + 1] = fitted[last]
        last = same
        if last >= n - 1:
            return fitted
        stop = int(np.searchsorted(x, x[last] + delta * reach, side="right"))
        place = max(last + 1, min(stop, n) - 1)


def _local_line(x: Floats, y: Floats, left: int, right: int, place: int, reach: float) -> float:
    width = max(float(x[place] - x[left]), float(x[right] - x[place]))
    stop = int(np.searchsorted(x, x[place] + 0.999 * width, side="right"))
    stop = max(stop, place + 1) if width > 0 else int(np.searchsorted(x, x[place], side="right"))
    x_, y_ = x[left:stop], y[left:stop]
    distance = np.abs(x_ - x[place])
    w = np.zeros(x_.size)
    near = distance <= 0.999 * width
    if width > 0:
        share = distance[near] / width
        rest = 1.0 - share * share * share  # products: numpy's power is ten times slower
        w[near] = rest * rest * rest
    w[distance <= 0.001 * width] = 1.0
    w /= w.sum()
    centre = float(w @ x_)
    spread = float(w @ (x_ - centre) ** 2)
    if math.sqrt(spread) > 0.001 * reach:
        w = w * (1.0 + (x[place] - centre) / spread * (x_ - centre))
    return float(w @ y_)
