"""Intervals and p-values from replicates of a figure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric

LARGEST_LOSS = 0.05
"""No interval where more than this share of the replicates is degenerate."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The replicates that are defined, in rising order, and how many are not."""

    ordered: Floats
    lost: int

    @property
    def note(self) -> str:
        """How many replicates were degenerate, for the method of an estimate."""
        total = self.ordered.size + self.lost
        return f", {self.lost} of {total} replicates degenerate" if self.lost else ""


def spread_of(replicates: Floats) -> Spread:
    """Sort the replicates (replicates,) of a figure; raise where too many are degenerate."""
    kept = replicates[np.isfinite(replicates)]
    lost = replicates.size - kept.size
    if replicates.size == 0 or lost > LARGEST_LOSS * replicates.size:
        raise UndefinedMetric(f"no interval: {lost} of {replicates.size} replicates are degenerate")
    return Spread(np.sort(kept), lost)


def percentile(spread: Spread, confidence: float) -> tuple[float, float]:
    """Percentile interval: the middle ``confidence`` of the replicates (Efron 1979)."""
    tail = (1.0 - confidence) / 2.0
    return quantile(spread.ordered, tail), quantile(spread.ordered, 1.0 - tail)


def basic(
    spread: Spread, value: float, confidence: float, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Basic interval: the percentile interval turned about the estimate, cut at ``bounds``.

    It takes the bias that the replicates show off the estimate, where the percentile interval
    counts it twice: for figures that noise pushes up, such as ECE and max - min gaps
    (Davison & Hinkley 1997, section 5.2). It need not contain the estimate.
    """
    low, high = percentile(spread, confidence)
    return (
        min(max(2.0 * value - high, bounds[0]), bounds[1]),
        min(max(2.0 * value - low, bounds[0]), bounds[1]),
    )


def cautious(
    spread: Spread,
    value: float,
    confidence: float,
    bounds: tuple[float, float],
    null: Floats | None = None,
) -> tuple[float, float]:
    """Interval for a figure that noise moves one way: each end from the interval that holds.

    Formula: [2 F - q_high, q_high] for a gap F, [q_low, 2 F - q_low] for a ratio. For a gap,
    which noise pushes up, the upper end is the percentile interval's and the lower end the basic
    interval's, but not above the least gap unless fewer than (1 - ``confidence``) / 2 of the
    ``null`` replicates, of equal groups, reach the estimate. For a ratio below 1, pushed down,
    ``null`` is None: the lower end is the percentile interval's, the upper the basic's. Neither
    interval alone covers (``perf/coverage.py``); this one contains the estimate.
    """
    low, high = percentile(spread, confidence)
    if null is None:
        low, high = min(low, value), 2.0 * value - low
    else:
        low, high = 2.0 * value - high, max(high, value)
        if null_p_value(null, value) > (1.0 - confidence) / 2.0:
            low = bounds[0]
    return min(max(low, bounds[0]), bounds[1]), min(max(high, bounds[0]), bounds[1])


def quantile(ordered: Floats, share: float) -> float:
    """Quantile of sorted values, straight between neighbours (type 7 of Hyndman & Fan 1996)."""
    place = share * (ordered.size - 1)
    below = math.floor(place)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def null_p_value(null: Floats, observed: float) -> float:
    """Share of null replicates at least as large as the one observed, which counts itself.

    Never 0: (1 + count) / (1 + replicates) (Phipson & Smyth 2010).
    """
    kept = null[np.isfinite(null)]
    tolerance = 1e-12 * max(1.0, abs(observed))
    return float((1 + np.count_nonzero(kept >= observed - tolerance)) / (1 + kept.size))


def centred(replicates: Floats) -> Floats:
    """Replicates (groups, replicates) moved to a mean of 0 each, as if all groups were equal."""
    mean = replicates.mean(axis=1, keepdims=True)
    if not np.isfinite(mean).all():
        mean = np.nanmean(replicates, axis=1, keepdims=True)
    return np.asarray(replicates - mean)


def recentred_gap_p_value(values: Floats, replicates: Floats) -> float:
    """P-value of a max - min gap over groups, if all groups were equal.

    Formula: share of replicates with max_g (F*_g - mean F*_g) - min_g (same) >= the gap seen.
    ``values`` (groups,), ``replicates`` (groups, replicates). Each group's replicates are moved to
    a mean of 0, which makes the groups equal and keeps their noise and the patients they share.
    """
    observed = float(np.max(values) - np.min(values))
    equal = centred(replicates)
    return null_p_value(equal.max(axis=0) - equal.min(axis=0), observed)


@dataclass(frozen=True, slots=True)
class Simultaneous:
    """Bounds that hold for all contrasts together, and p-values adjusted for their number."""

    low: Floats
    high: Floats
    p_value: Floats


def max_t(values: Floats, replicates: Floats, confidence: float) -> Simultaneous:
    """Simultaneous intervals of several contrasts by the largest studentised deviation.

    ``values`` (contrasts,), ``replicates`` (contrasts, replicates); a replicate in which a
    contrast is not finite is left out for all. A contrast without spread keeps its value as both
    bounds. Source: Westfall & Young 1993; Hothorn, Bretz & Westfall 2008.
    """
    kept = replicates[:, np.isfinite(replicates).all(axis=0)]
    lost = replicates.shape[1] - kept.shape[1]
    if kept.shape[1] == 0 or lost > LARGEST_LOSS * replicates.shape[1]:
        raise UndefinedMetric(
            f"no interval: {lost} of {replicates.shape[1]} replicates are degenerate"
        )
    error = kept.std(axis=1, ddof=1)
    safe = np.where(error > 0, error, 1.0)
    deviation = np.abs(kept - kept.mean(axis=1, keepdims=True)) / safe[:, None]
    largest = np.sort(deviation.max(axis=0))
    reach = quantile(largest, confidence) * error
    observed = np.abs(values) / safe
    p = np.array(
        [
            null_p_value(largest, float(t)) if e > 0 else float(v == 0)
            for t, e, v in zip(observed, error, values, strict=True)
        ]
    )
    return Simultaneous(values - reach, values + reach, p)


def holm(p_values: Floats) -> Floats:
    """P-values adjusted for several attributes by Holm's step-down method (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = (p_values.size - np.arange(p_values.size)) * p_values[order]
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted
