"""Agreement of ordinal grades with the reference grade."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.intervals.proportions import normal_p_value

REACH = 1.959963984540054
"""Standard deviations from the mean to a Bland-Altman limit: 95 % of normal differences."""


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
    return min(max(1.0 - observed / expected, -1.0), 1.0)


def linear_weighted_kappa(
    reference: ArrayLike, grade: ArrayLike, lowest: int, highest: int
) -> float:
    """Agreement beyond chance on a declared scale, disagreements weighted by their distance.

    Formula: 1 - sum |a - b| / sum over all pairs of the margins |a - b|. Grades and what is
    undefined as in ``quadratic_weighted_kappa``. Source: Cohen 1968.
    """
    a, b, _ = _grades(reference, grade, lowest, highest, None)
    margin_a, margin_b, distance = margins(a, b, lowest, highest)
    expected = float(margin_a @ distance @ margin_b)
    if not expected > 0:
        raise UndefinedMetric("kappa is undefined: both are one and the same constant grade")
    return min(max(1.0 - float(np.abs(a - b).mean()) / expected, -1.0), 1.0)


def margins(a: Floats, b: Floats, lowest: int, highest: int) -> tuple[Floats, Floats, Floats]:
    """Share of each grade of the scale in ``a`` and in ``b``, and the distance of each two."""
    n = highest - lowest + 1
    of_a, of_b = (np.bincount((x - lowest).astype(np.int64), minlength=n) / x.size for x in (a, b))
    scale = np.arange(n, dtype=np.float64)
    return of_a, of_b, np.abs(scale[:, None] - scale[None, :])


def nearest_grades(grade: ArrayLike, lowest: int, highest: int) -> Floats:
    """The whole grade nearest to each expected one. Formula: floor(x + 1/2), so 2.5 is 3."""
    expected = np.asarray(grade, dtype=np.float64)
    return np.asarray(np.clip(np.floor(expected + 0.5), lowest, highest), dtype=np.float64)


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
    return _tau_b(_ranked_pairs(a, b))


@dataclass(frozen=True, slots=True)
class RankTest:
    """Tau-b, its p-value for two rankings that have nothing to do with each other, and how."""

    value: float
    p_value: float
    method: str


def kendall_tau_b_test(reference: ArrayLike, grade: ArrayLike) -> RankTest:
    """Whether reference and grade rank the cases alike at all: two-sided test of tau-b = 0.

    Formula: S = C - D against every order of one of the two being as likely. Without ties and
    with fewer than 50 cases the distribution of S is counted out; else z = S / sqrt(V), V the
    exact variance of S with the ties that there are, without continuity correction: as R's
    cor.test. Cases are taken as independent. Undefined as ``kendall_tau_b``.
    Source: Kendall 1970, chapters 4 and 5.
    """
    a, b, _ = _pairs(reference, grade, None)
    pairs = _ranked_pairs(a, b)
    value = _tau_b(pairs)
    n = a.size
    if n < _COUNTED_OUT and pairs.tied_a == pairs.tied_b == 0:
        least = min(pairs.discordant, pairs.pairs - pairs.discordant)
        p = min(1.0, 2.0 * float(_inversion_chances(n)[: least + 1].sum()))
        return RankTest(value, p, "exact, every order as likely")
    error = math.sqrt(_null_variance(n, _sizes(a), _sizes(b)))
    return RankTest(value, normal_p_value(pairs.balance / error), "normal, variance with ties")


_COUNTED_OUT = 50
"""With fewer cases and no ties the p-value of tau-b is exact, as in R's cor.test."""


@dataclass(frozen=True, slots=True)
class _RankedPairs:
    """Pairs of cases, those tied in either or both, and those in opposite order."""

    pairs: int
    tied_a: int
    tied_b: int
    tied_both: int
    discordant: int

    @property
    def balance(self) -> int:
        """Concordant less discordant pairs."""
        return self.pairs - self.tied_a - self.tied_b + self.tied_both - 2 * self.discordant


def _ranked_pairs(a: Floats, b: Floats) -> _RankedPairs:
    order = np.lexsort((b, a))
    ranks_a = np.unique(a[order], return_inverse=True)[1]
    ranks_b = np.unique(b[order], return_inverse=True)[1]
    tied_both = _tied(ranks_a * (int(ranks_b.max()) + 1) + ranks_b)
    pairs = a.size * (a.size - 1) // 2
    discordant = _inversions(ranks_b.tolist())
    return _RankedPairs(pairs, _tied(ranks_a), _tied(ranks_b), tied_both, discordant)


def _tau_b(pairs: _RankedPairs) -> float:
    untied_a, untied_b = pairs.pairs - pairs.tied_a, pairs.pairs - pairs.tied_b
    if not (untied_a and untied_b):
        raise UndefinedMetric("tau-b is undefined: one of the two is constant")
    value = pairs.balance / math.sqrt(untied_a * untied_b)  # one root: 1 comes out as 1
    return min(max(value, -1.0), 1.0)


def _null_variance(n: int, t: Floats, u: Floats) -> float:
    """Variance of S where every order is as likely; ``t`` and ``u`` are the sizes of the ties."""

    def spread(x: Floats) -> float:
        return float(np.sum(x * (x - 1.0) * (2.0 * x + 5.0)))

    def twos(x: Floats) -> float:
        return float(np.sum(x * (x - 1.0)))

    def threes(x: Floats) -> float:
        return float(np.sum(x * (x - 1.0) * (x - 2.0)))

    variance = (n * (n - 1.0) * (2.0 * n + 5.0) - spread(t) - spread(u)) / 18.0
    variance += twos(t) * twos(u) / (2.0 * n * (n - 1.0))
    if n > 2:
        variance += threes(t) * threes(u) / (9.0 * n * (n - 1.0) * (n - 2.0))
    return variance


def _inversion_chances(n: int) -> Floats:
    """Chance of each number of inversions, 0 .. n (n - 1) / 2, in a random order of ``n``."""
    chances = np.ones(1)
    for size in range(2, n + 1):
        chances = np.convolve(chances, np.full(size, 1.0 / size))
    return chances


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
    bias, reach = float(difference.mean()), REACH * float(difference.std(ddof=1))
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


def _sizes(values: Floats) -> Floats:
    return np.unique(values, return_counts=True)[1].astype(np.float64)


def _tied(ranks: Ints) -> int:
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
