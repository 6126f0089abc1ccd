"""Ordinal grades: how near a score on a scale comes to the reference grade."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric


def quadratic_weighted_kappa(
    reference: ArrayLike, grade: ArrayLike, lowest: int, highest: int, w: ArrayLike | None = None
) -> float:
    """Agreement beyond chance on a declared scale, disagreements weighted by squared distance.

    Formula: 1 - sum w (a - b)^2 / sum over all pairs of the margins (a - b)^2. Both are whole
    grades from ``lowest`` to ``highest``; a grade that nobody got still keeps its place on the
    scale, which implementations that renumber the grades they see get wrong. Undefined where both
    are one constant grade. Source: Cohen 1968.
    """
    a, b, w_ = _grades(reference, grade, lowest, highest, w)
    observed = float(w_ @ (a - b) ** 2) / float(w_.sum())
    mean_a, mean_b = float(w_ @ a / w_.sum()), float(w_ @ b / w_.sum())
    var_a = float(w_ @ (a - mean_a) ** 2) / float(w_.sum())
    var_b = float(w_ @ (b - mean_b) ** 2) / float(w_.sum())
    expected = var_a + var_b + (mean_a - mean_b) ** 2
    if not expected > 0:
        raise UndefinedMetric("kappa is undefined: both are one and the same constant grade")
    return 1.0 - observed / expected


def mean_absolute_error(
    reference: ArrayLike, grade: ArrayLike, w: ArrayLike | None = None
) -> float:
    """Mean distance of grade and reference on their scale. Undefined without cases.

    Formula: sum w |a - b| / sum w.
    """
    a, b, w_ = _pairs(reference, grade, w)
    return float(w_ @ np.abs(a - b) / w_.sum())


def kendall_tau_b(reference: ArrayLike, grade: ArrayLike) -> float:
    """Rank agreement with ties: concordant less discordant pairs over untied ones.

    Formula: (C - D) / sqrt((n0 - n1)(n0 - n2)), n1 and n2 the pairs tied in each. Undefined where
    one is constant. Source: Kendall 1945.
    """
    a, b, _ = _pairs(reference, grade, None)
    order = np.lexsort((b, a))
    ranks_a = np.unique(a[order], return_inverse=True)[1]
    ranks_b = np.unique(b[order], return_inverse=True)[1]
    pairs = a.size * (a.size - 1) // 2
    tied_a, tied_b = _tied(ranks_a), _tied(ranks_b)
    tied_both = _tied(ranks_a * (int(ranks_b.max()) + 1) + ranks_b)
    if tied_a == pairs or tied_b == pairs:
        raise UndefinedMetric("tau-b is undefined: one of the two is constant")
    discordant = _inversions(ranks_b.tolist())
    balance = pairs - tied_a - tied_b + tied_both - 2 * discordant
    return balance / (math.sqrt(pairs - tied_a) * math.sqrt(pairs - tied_b))


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Mean difference (grade - reference) and the limits that hold 95 % of differences."""

    bias: float
    low: float
    high: float


def bland_altman(reference: ArrayLike, grade: ArrayLike) -> BlandAltman:
    """Bias and 95 % limits of agreement: mean +- 1.96 standard deviations of the differences.

    Undefined with fewer than two cases. Source: Bland & Altman 1986.
    """
    a, b, _ = _pairs(reference, grade, None)
    if a.size < 2:
        raise UndefinedMetric(f"limits of agreement need two cases; got {a.size}")
    difference = b - a
    bias, reach = float(difference.mean()), 1.959963984540054 * float(difference.std(ddof=1))
    return BlandAltman(bias, bias - reach, bias + reach)


def _pairs(
    reference: ArrayLike, grade: ArrayLike, w: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(grade, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise UndefinedMetric(f"grades of shapes {a.shape} and {b.shape} do not compare")
    w_ = np.ones(a.size) if w is None else np.asarray(w, dtype=np.float64)
    if a.size == 0 or w_.shape != a.shape or not w_.sum() > 0:
        raise UndefinedMetric("grades need at least one case")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UndefinedMetric("grades must be finite numbers")
    return a, b, w_


def _grades(
    reference: ArrayLike, grade: ArrayLike, lowest: int, highest: int, w: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    a, b, w_ = _pairs(reference, grade, w)
    for values in (a, b):
        if values.min() < lowest or values.max() > highest or np.any(values != np.round(values)):
            raise UndefinedMetric(f"grades must be whole numbers from {lowest} to {highest}")
    return a, b, w_


def _tied(ranks: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
    size = np.unique(ranks, return_counts=True)[1]
    return int(np.sum(size * (size - 1) // 2))


def _inversions(values: list[int]) -> int:
    """Pairs out of order, by merge sort."""
    if len(values) < 2:
        return 0
    middle = len(values) // 2
    left, right = values[:middle], values[middle:]
    count = _inversions(left) + _inversions(right)
    i = j = 0
    for place in range(len(values)):
        if j == len(right) or (i < len(left) and left[i] <= right[j]):
            values[place] = left[i]
            i += 1
        else:
            values[place] = right[j]
            count += len(left) - i
            j += 1
    return count
