"""Two submissions or more on the same cases: which differences are more than noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays, bootstrap
from metrics.arrays import Floats
from metrics.delong import (
    Placements,
    auroc_and_variance,
    clustered_covariance,
    delong_covariance,
    placements,
)
from metrics.estimate import UndefinedMetric
from metrics.intervals import normal_p_value, normal_quantile


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of one submission less that of another, its interval and p-value for no gap."""

    value: float
    low: float
    high: float
    p_value: float
    method: str


def paired_delong(
    y: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    patients: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Difference:
    """Difference of two AUROCs on the same cases, over patients where patients repeat.

    Formula: z = (A - B) / sqrt(V_A + V_B - 2 C_AB). Where both rank every pair alike the
    difference has no variance, and the p-value is 1. Undefined with fewer than two cases of a
    class. Source: DeLong 1988; Obuchowski 1997 for patients.
    """
    y_ = arrays.labels(y)
    first = placements(y_, arrays.scores(a, y_.size))
    second = placements(y_, arrays.scores(b, y_.size))
    patient, k = arrays.clusters(patients, y_.size)
    clustered = k < y_.size

    def covariance(x: Placements, z: Placements) -> float:
        return clustered_covariance(x, z, y_, patient) if clustered else delong_covariance(x, z)

    # the variance of the difference of placements: nothing cancels, as it would in V + V - 2 C
    apart = Placements(
        first.auroc - second.auroc,
        first.positive - second.positive,
        first.negative - second.negative,
    )
    method = "paired DeLong, patient-clustered (Obuchowski)" if clustered else "paired DeLong"
    return _normal(apart.auroc, covariance(apart, apart), confidence, method)


def unpaired_delong(
    y_a: ArrayLike, a: ArrayLike, y_b: ArrayLike, b: ArrayLike, confidence: float = 0.95
) -> Difference:
    """Difference of two AUROCs on different cases, such as two subgroups.

    Formula: D = (A - B) / sqrt(V_A + V_B) against Student's t with Satterthwaite's degrees of
    freedom, as pROC. Undefined with fewer than two cases of a class. Source: DeLong 1988.
    """
    from scipy.special import stdtr, stdtrit  # scipy is costly to import

    labels_a, labels_b = arrays.labels(y_a), arrays.labels(y_b)
    value_a, var_a = auroc_and_variance(labels_a, arrays.scores(a, labels_a.size))
    value_b, var_b = auroc_and_variance(labels_b, arrays.scores(b, labels_b.size))
    value, variance = value_a - value_b, var_a + var_b
    if not variance > 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0, "unpaired DeLong")
    spread = var_a**2 / (labels_a.size - 1) + var_b**2 / (labels_b.size - 1)
    freedom = variance**2 / spread
    error = math.sqrt(variance)
    half = float(stdtrit(freedom, 0.5 + confidence / 2.0)) * error
    p = 2.0 * float(stdtr(freedom, -abs(value) / error))
    return Difference(value, value - half, value + half, p, "unpaired DeLong, Satterthwaite's t")


def paired_bootstrap(
    value_a: float,
    value_b: float,
    replicates_a: Floats,
    replicates_b: Floats,
    confidence: float = 0.95,
) -> Difference:
    """Difference of any figure within shared replicates: percentile interval, recentred p-value.

    ``replicates_a`` and ``replicates_b`` (replicates,) come from the same draw of weights. The
    p-value is the share of recentred differences at least as large as the one seen. Undefined
    where more than 5 % of the replicates are. Source: Efron & Tibshirani 1993, chapter 16.
    """
    drawn = replicates_a - replicates_b
    spread = bootstrap.spread_of(drawn)
    low, high = bootstrap.percentile(spread, confidence)
    value = value_a - value_b
    null = np.abs(spread.ordered - spread.ordered.mean())
    p = 1.0 if value == 0 else bootstrap.null_p_value(null, abs(value))
    return Difference(
        value, low, high, p, f"paired bootstrap, {drawn.size} replicates{spread.note}"
    )


@dataclass(frozen=True, slots=True)
class McNemar:
    """Discordant pairs of two raters on the same cases, and the tests of their balance."""

    only_a: int
    only_b: int
    chi_square: float
    p_value: float
    exact_p_value: float


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> McNemar:
    """Whether two submissions are right equally often, from the cases where one alone is.

    Formula: (b - c)^2 / (b + c), without continuity correction; exact: two-sided binomial with
    chance 1/2. ``right_a`` and ``right_b`` (n,) booleans. Both p-values are 1 without discordant
    cases. Source: McNemar 1947.
    """
    a, b = np.asarray(right_a, dtype=np.bool_), np.asarray(right_b, dtype=np.bool_)
    if a.shape != b.shape or a.ndim != 1:
        raise UndefinedMetric(f"answers of shapes {a.shape} and {b.shape} do not compare")
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    n = only_a + only_b
    if n == 0:
        return McNemar(0, 0, 0.0, 1.0, 1.0)
    chi_square = (only_a - only_b) ** 2 / n
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    exact = min(1.0, float(2 * tail / 2**n))
    return McNemar(only_a, only_b, chi_square, normal_p_value(math.sqrt(chi_square)), exact)


@dataclass(frozen=True, slots=True)
class RankStability:
    """Where one submission stands if the cohort were drawn again.

    ``rank`` is the observed one, 1 best, ties sharing the better; ``tier`` 1 holds the best and
    those not distinguishable from it.
    """

    rank: int
    low: int
    high: int
    p_best: float
    tier: int


def rank_stability(
    values: ArrayLike, replicates: ArrayLike, confidence: float = 0.95
) -> tuple[RankStability, ...]:
    """Ranks over a board's replicates: interval, chance of being best, and tiers.

    ``values`` (submissions,), higher is better; ``replicates`` (submissions, replicates) from one
    draw of weights. A tie for best is shared equally. A tier ends where a submission differs from
    the tier's first by a recentred p-value below 1 - ``confidence``, Holm-adjusted over the pairs
    tried. Source: Hall & Miller 2009; Wiesenfarth 2021 (challengeR).
    """
    seen = np.asarray(values, dtype=np.float64)
    drawn = np.asarray(replicates, dtype=np.float64)
    if drawn.shape[:1] != seen.shape or drawn.ndim != 2 or not seen.size:
        raise UndefinedMetric(f"values {seen.shape} and replicates {drawn.shape} do not match")
    kept = drawn[:, np.isfinite(drawn).all(axis=0)]
    if not kept.shape[1]:
        raise UndefinedMetric("no replicate is defined for every submission")
    ranks = 1 + (kept[None, :, :] > kept[:, None, :]).sum(axis=1)
    best = ranks == 1
    share = (best / best.sum(axis=0)).mean(axis=1)
    tail = (1.0 - confidence) / 2.0
    ordered = np.sort(ranks, axis=1)
    last = ordered.shape[1] - 1
    low, high = ordered[:, math.floor(tail * last)], ordered[:, math.ceil((1.0 - tail) * last)]
    observed = 1 + (seen[None, :] > seen[:, None]).sum(axis=1)
    tiers = _tiers(seen, kept, 1.0 - confidence)
    return tuple(
        RankStability(int(r), int(a), int(b), float(p), tier)
        for r, a, b, p, tier in zip(observed, low, high, share, tiers, strict=True)
    )


def _tiers(values: Floats, drawn: Floats, level: float) -> list[int]:
    order = np.argsort(-values, kind="stable").tolist()
    tiers = [0] * values.size
    tier = 0
    while order:
        tier += 1
        first, others = order[0], order[1:]
        p = [_pair_p(values, drawn, first, other) for other in others]
        adjusted = bootstrap.holm(np.array(p)) if p else np.array([])
        beyond = [i for i, value in enumerate(adjusted) if value < level]
        stop = beyond[0] if beyond else len(others)
        for member in (first, *others[:stop]):
            tiers[member] = tier
        order = others[stop:]
    return tiers


def _pair_p(values: Floats, drawn: Floats, a: int, b: int) -> float:
    difference = drawn[a] - drawn[b]
    value = float(values[a] - values[b])
    if value == 0:
        return 1.0
    return bootstrap.null_p_value(np.abs(difference - difference.mean()), abs(value))


def holm_adjusted(comparisons: Sequence[Difference]) -> tuple[float, ...]:
    """P-values of several comparisons adjusted over the board (Holm 1979)."""
    return tuple(bootstrap.holm(np.array([c.p_value for c in comparisons])).tolist())


def _normal(value: float, variance: float, confidence: float, method: str) -> Difference:
    if not variance > 1e-30:
        same = abs(value) <= 1e-15
        return Difference(value, value, value, 1.0 if same else 0.0, f"{method}, no variance")
    error = math.sqrt(variance)
    half = normal_quantile(confidence) * error
    return Difference(value, value - half, value + half, normal_p_value(value / error), method)
