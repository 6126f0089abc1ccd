"""Distances between two distributions of one attribute."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from metrics.estimate import UndefinedMetric


def jensen_shannon(p: ArrayLike, q: ArrayLike, base: float = 2.0) -> float:
    """Jensen-Shannon distance of two distributions: 0 for equal, 1 (base 2) for disjoint.

    Formula: sqrt((KL(p || m) + KL(q || m)) / 2) with m = (p + q) / 2. ``p`` and ``q`` (levels,)
    counts or shares of the same levels, each scaled to sum to 1. Undefined where one has no mass
    or a negative entry. Source: Lin 1991; Endres & Schindelin 2003 (its root is a metric).
    """
    p_, q_ = _shares(p), _shares(q)
    if p_.shape != q_.shape:
        raise UndefinedMetric(f"distributions over {p_.size} and {q_.size} levels do not compare")
    middle = (p_ + q_) / 2.0
    total = _relative_entropy(p_, middle) + _relative_entropy(q_, middle)
    return math.sqrt(min(max(0.0, total / 2.0), math.log(2.0)) / math.log(base))


def standardized_difference(p: float, q: float) -> float:
    """Difference of two shares in units of their pooled standard deviation.

    Formula: (p - q) / sqrt((p (1 - p) + q (1 - q)) / 2); 0.1 is the usual limit of balance.
    Undefined where both are 0 or 1 but differ. Source: Austin 2009.
    """
    if not (0.0 <= p <= 1.0 and 0.0 <= q <= 1.0):
        raise UndefinedMetric(f"shares lie between 0 and 1; got {p} and {q}")
    if p == q:
        return 0.0
    pooled = (p * (1.0 - p) + q * (1.0 - q)) / 2.0
    if pooled == 0.0:
        raise UndefinedMetric(f"shares {p:g} and {q:g} differ without spread")
    return (p - q) / math.sqrt(pooled)


def standardized_mean_difference(a: ArrayLike, b: ArrayLike) -> float:
    """Difference of two means in units of the pooled standard deviation (Cohen's d, equal weight).

    ``a`` and ``b`` (n,) values. Undefined with fewer than two values or no spread.
    Source: Austin 2009.
    """
    a_, b_ = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a_.size < 2 or b_.size < 2:
        raise UndefinedMetric(f"a mean difference needs two values each; got {a_.size}, {b_.size}")
    pooled = math.sqrt((float(a_.var(ddof=1)) + float(b_.var(ddof=1))) / 2.0)
    if not (pooled > 0 and math.isfinite(pooled)):
        raise UndefinedMetric("a standardized mean difference needs finite values with spread")
    return float(a_.mean() - b_.mean()) / pooled


def _shares(p: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    array = np.asarray(p, dtype=np.float64)
    if not (np.isfinite(array).all() and (array >= 0).all() and array.sum() > 0):
        raise UndefinedMetric("a distribution needs entries of 0 or more with some mass")
    return np.asarray(array / array.sum())


def _relative_entropy(
    p: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    q: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> float:
    used = p > 0
    return float(np.sum(p[used] * np.log(p[used] / q[used])))
