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
    finite = replicates[np.isfinite(replicates)]
    lost = replicates.size - finite.size
    if replicates.size == 0 or lost > LARGEST_LOSS * replicates.size:
        raise UndefinedMetric(f"no interval: {lost} of {replicates.size} replicates are degenerate")
    return Spread(np.sort(finite), lost)


def percentile(spread: Spread, confidence: float) -> tuple[float, float]:
    """Percentile interval: the middle ``confidence`` of the replicates (Efron 1979)."""
    tail = (1.0 - confidence) / 2.0
    return quantile(spread.ordered, tail), quantile(spread.ordered, 1.0 - tail)


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
    finite = null[np.isfinite(null)]
    tolerance = 1e-12 * max(1.0, abs(observed))
    return float((1 + np.count_nonzero(finite >= observed - tolerance)) / (1 + finite.size))


def holm(p_values: Floats) -> Floats:
    """P-values adjusted for several attributes by Holm's step-down method (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = (p_values.size - np.arange(p_values.size)) * p_values[order]
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted
