"""Tests the difference of two submissions on the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.discrimination.delong import (
    Placements,
    auroc_and_variance,
    clustered_covariance,
    delong_covariance,
    placements,
)
from metrics.estimate import UndefinedMetric
from metrics.intervals.no_variance import (
    NO_VARIANCE,
    Area,
    fewest_of_a_class,
    least_p_value,
    mover,
    mover_p_value,
    rank_alike,
)
from metrics.intervals.proportions import normal_p_value, symmetric
from metrics.resampling import bootstrap

_NO_SPREAD = 1e-12
_FEW_PRODUCTS = 10**8
"""A tenth of a second; above it the sums are made by Fourier transforms."""


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
    difference cannot vary, and the p-value is 1. Where it can vary and its variance is 0, as that
    of a perfect and a constant score, the interval is MOVER's from each AUROC's own (logit, or
    Wilson's at 0 and 1), however the two are related, and the p-value that of the interval that
    ends at 0. No p-value is below 2^(1 - k), k the patients of the smaller class: k pairs can
    agree by chance; the interval then reaches 0 where that is not below 1 - ``confidence``.
    Undefined with fewer than two cases of a class. Source: DeLong 1988; Obuchowski 1997 for
    patients; Zou & Donner 2008 for MOVER.
    """
    y_ = arrays.labels(y)
    s_a, s_b = arrays.scores(a, y_.size), arrays.scores(b, y_.size)
    first, second = placements(y_, s_a), placements(y_, s_b)
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
    value, variance = apart.auroc, covariance(apart, apart)
    fewest = fewest_of_a_class(y_, patient)
    if variance > NO_VARIANCE:
        error = math.sqrt(variance)
        bounds = symmetric(value, error, confidence)
        p = max(normal_p_value(value / error), least_p_value(fewest))
        return _difference(value, bounds, p, confidence, method)
    if rank_alike(s_a, s_b):
        return Difference(value, value, value, 1.0, f"{method}, ranks alike")
    areas = [Area(x.auroc, covariance(x, x), fewest) for x in (first, second)]
    return _mover(areas[0], areas[1], confidence, method, related=True)


def unpaired_delong(
    y_a: ArrayLike,
    a: ArrayLike,
    y_b: ArrayLike,
    b: ArrayLike,
    confidence: float = 0.95,
    *,
    patients_a: ArrayLike | None = None,
    patients_b: ArrayLike | None = None,
) -> Difference:
    """Difference of two AUROCs on different cases, such as two subgroups.

    Formula: D = (A - B) / sqrt(V_A + V_B) against Student's t with Satterthwaite's degrees of
    freedom, as pROC; over patients where they repeat, who then count for the degrees of freedom. A
    patient with cases on both sides adds -2 C_AB, and the degrees of freedom are those of the side
    with fewer patients. Where an AUROC has no variance, interval and p-value are MOVER's, and no
    p-value is below 2^(1 - k), both as in ``paired_delong``. Undefined with fewer than two cases,
    or patients, of a class. Source: DeLong 1988; Obuchowski 1997 for patients.
    """
    first = _side(y_a, a, patients_a)
    second = _side(y_b, b, patients_b)
    shared = 0.0
    if patients_a is not None and patients_b is not None:
        shared = _shared_covariance(first, second, np.asarray(patients_a), np.asarray(patients_b))
    clustered = first.influence is not None or second.influence is not None
    method = "unpaired DeLong" + (", patient-clustered (Obuchowski)" if clustered else "")
    variance = first.area.variance + second.area.variance - 2.0 * shared
    least = min(first.area.variance, second.area.variance, variance)
    if not least > NO_VARIANCE:
        return _mover(first.area, second.area, confidence, method, related=False)
    return _students(first, second, variance, shared != 0.0, confidence, method)


def _students(
    first: _Side, second: _Side, variance: float, shared: bool, confidence: float, method: str
) -> Difference:
    from scipy.special import stdtr, stdtrit  # scipy is costly to import

    value, error = first.area.value - second.area.value, math.sqrt(variance)
    freedom, how = float(min(first.n_patients, second.n_patients) - 1), "Student's t"
    if not shared:
        sides = (first, second)
        spread = sum(side.area.variance**2 / (side.n_patients - 1) for side in sides)
        freedom, how = variance**2 / spread, "Satterthwaite's t"
    half = float(stdtrit(freedom, 0.5 + confidence / 2.0)) * error
    p = 2.0 * float(stdtr(freedom, -abs(value) / error))
    p = max(p, least_p_value(min(first.area.fewest, second.area.fewest)))
    bounds = value - half, value + half
    return _difference(value, bounds, p, confidence, f"{method}, {how}")


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
    where more than 5 % of the replicates are, or where the difference is the same in all of them:
    that says how few cases there are and not how sure the difference is. Two figures that are
    equal in every replicate and vary do not differ. Source: Efron & Tibshirani 1993, chapter 16.
    """
    drawn = replicates_a - replicates_b
    spread = bootstrap.spread_of(drawn)
    value = value_a - value_b
    if not _varies(spread.ordered):
        one = replicates_a[np.isfinite(drawn)]
        if value != 0 or not _varies(np.sort(one)):
            raise UndefinedMetric(
                f"no interval and no p-value: the difference is {value:g} in each of {one.size} "
                f"replicates, so its spread is unknown; more cases are needed"
            )
    low, high = bootstrap.percentile(spread, confidence)
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


def mcnemar(right_a: ArrayLike, right_b: ArrayLike, patients: ArrayLike | None = None) -> McNemar:
    """Whether two submissions are right equally often, from the cases where one alone is.

    Formula: (b - c)^2 / (b + c), without continuity correction; exact: two-sided binomial with
    chance 1/2. Where patients repeat, with d_k = b_k - c_k of each of K patients: (K - 1) / K
    (sum d_k)^2 / sum d_k^2; exact: the sign of each patient's d_k by a coin. ``right_a`` and
    ``right_b`` (n,) booleans. Both p-values are 1 without discordant cases. Source: McNemar 1947;
    for patients Obuchowski 1998, in the form of Yang, Sun & Hardin 2010.
    """
    a, b = np.asarray(right_a, dtype=np.bool_), np.asarray(right_b, dtype=np.bool_)
    if a.shape != b.shape or a.ndim != 1:
        raise UndefinedMetric(f"answers of shapes {a.shape} and {b.shape} do not compare")
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    patient, k = arrays.clusters(patients, a.size)
    balance = np.bincount(patient, a.astype(np.float64) - b, k).astype(np.int64)
    squares = int(balance @ balance)
    if squares == 0:
        return McNemar(only_a, only_b, 0.0, 1.0, 1.0)
    chi_square = (only_a - only_b) ** 2 / squares
    if k < a.size:
        chi_square *= (k - 1) / k
    exact = _coins(np.abs(balance), abs(only_a - only_b))
    return McNemar(only_a, only_b, chi_square, normal_p_value(math.sqrt(chi_square)), exact)


def _coins(sizes: Ints, observed: int) -> float:
    """Chance that coins' signs of the sizes make a sum at least as far from 0 as ``observed``."""
    from scipy.special import bdtr, gammaln  # scipy is costly to import

    distinct, count = np.unique(sizes[sizes > 0], return_counts=True)
    if distinct.size == 1:
        n = int(count[0])
        fewer = (n - observed // int(distinct[0])) // 2
        return min(1.0, 2.0 * float(bdtr(fewer, n, 0.5)))
    chances = np.ones(1)  # of the sum of the sizes that got a plus
    for size, n in zip(distinct.tolist(), count.tolist(), strict=True):
        plus = np.arange(n + 1.0)
        heads = np.zeros(size * n + 1)
        logs = gammaln(n + 1) - gammaln(plus + 1) - gammaln(n - plus + 1) - n * math.log(2)
        heads[::size] = np.exp(logs)
        chances = _convolved(chances, heads)
    fewer = (chances.size - 1 - observed) // 2
    return min(1.0, 2.0 * float(chances[: fewer + 1].sum()))


def _convolved(a: Floats, b: Floats) -> Floats:
    if a.size * b.size <= _FEW_PRODUCTS:
        return np.convolve(a, b)
    n = a.size + b.size - 1
    product = np.fft.irfft(np.fft.rfft(a, n) * np.fft.rfft(b, n), n)
    return np.maximum(product, 0.0)


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
    values: ArrayLike,
    replicates: ArrayLike,
    confidence: float = 0.95,
    fewest: int | None = None,
) -> tuple[RankStability, ...]:
    """Ranks over a board's replicates: interval, chance of being best, and tiers.

    ``values`` (submissions,), higher is better; ``replicates`` (submissions, replicates) from one
    draw of weights. A tie for best is shared equally. A tier ends where a submission differs from
    the tier's first by a recentred p-value below 1 - ``confidence``, Holm-adjusted over the pairs
    tried. With ``fewest``, the patients of the smaller class, no p-value is below 2^(1 - fewest);
    without it a difference that is the same in every replicate tells nothing apart.
    Source: Hall & Miller 2009; Wiesenfarth 2021 (challengeR).
    """
    values_observed = np.asarray(values, dtype=np.float64)
    drawn = np.asarray(replicates, dtype=np.float64)
    if drawn.shape[:1] != values_observed.shape or drawn.ndim != 2 or not values_observed.size:
        raise UndefinedMetric(
            f"values {values_observed.shape} and replicates {drawn.shape} do not match"
        )
    finite = drawn[:, np.isfinite(drawn).all(axis=0)]
    if not finite.shape[1]:
        raise UndefinedMetric("no replicate is defined for every submission")
    ranks = 1 + (finite[None, :, :] > finite[:, None, :]).sum(axis=1)
    best = ranks == 1
    share = (best / best.sum(axis=0)).mean(axis=1)
    tail = (1.0 - confidence) / 2.0
    ordered = np.sort(ranks, axis=1)
    last = ordered.shape[1] - 1
    low, high = ordered[:, math.floor(tail * last)], ordered[:, math.ceil((1.0 - tail) * last)]
    observed = 1 + (values_observed[None, :] > values_observed[:, None]).sum(axis=1)
    tiers = _tiers(values_observed, finite, 1.0 - confidence, fewest)
    return tuple(
        RankStability(int(r), int(a), int(b), float(p), tier)
        for r, a, b, p, tier in zip(observed, low, high, share, tiers, strict=True)
    )


def _tiers(values: Floats, drawn: Floats, level: float, fewest: int | None) -> list[int]:
    order = np.argsort(-values, kind="stable").tolist()
    tiers = [0] * values.size
    tier = 0
    while order:
        tier += 1
        first, others = order[0], order[1:]
        p = [_pair_p(values, drawn, first, other, fewest) for other in others]
        adjusted = bootstrap.holm(np.array(p)) if p else np.array([])
        beyond = [i for i, value in enumerate(adjusted) if value < level]
        stop = beyond[0] if beyond else len(others)
        for member in (first, *others[:stop]):
            tiers[member] = tier
        order = others[stop:]
    return tiers


def _pair_p(values: Floats, drawn: Floats, a: int, b: int, fewest: int | None) -> float:
    difference = drawn[a] - drawn[b]
    value = float(values[a] - values[b])
    if value == 0 or (fewest is None and np.ptp(difference) <= _NO_SPREAD):
        return 1.0
    least = 0.0 if fewest is None else least_p_value(fewest)
    p = bootstrap.null_p_value(np.abs(difference - difference.mean()), abs(value))
    return max(p, least)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an unpaired comparison; ``influence`` of each case where patients repeat."""

    area: Area
    n_patients: int
    influence: Floats | None


def _side(y: ArrayLike, s: ArrayLike, patients: ArrayLike | None) -> _Side:
    y_ = arrays.labels(y)
    s_ = arrays.scores(s, y_.size)
    patient, k = arrays.clusters(patients, y_.size)
    if patients is None:
        return _Side(Area(*auroc_and_variance(y_, s_), fewest_of_a_class(y_, patient)), k, None)
    placed = placements(y_, s_)
    if k == y_.size:
        variance = delong_covariance(placed, placed)
    else:
        variance = clustered_covariance(placed, placed, y_, patient)
    influence = np.empty(y_.size)
    influence[y_] = (placed.positive - placed.auroc) / placed.positive.size
    influence[~y_] = (placed.negative - placed.auroc) / placed.negative.size
    return _Side(Area(placed.auroc, variance, fewest_of_a_class(y_, patient)), k, influence)


def _shared_covariance(
    first: _Side, second: _Side, patients_a: np.ndarray, patients_b: np.ndarray
) -> float:
    """Covariance of two AUROCs through the patients who have cases on both sides."""
    if first.influence is None or second.influence is None:
        return 0.0
    distinct, number = np.unique(np.concatenate([patients_a, patients_b]), return_inverse=True)
    k = distinct.size
    of_first = np.bincount(number[: patients_a.size], first.influence, k)
    theirs = np.bincount(number[patients_a.size :], second.influence, k)
    return k / (k - 1) * float(of_first @ theirs)


def _mover(
    first: Area, second: Area, confidence: float, method: str, *, related: bool
) -> Difference:
    bounds = mover(first, second, confidence, related=related)
    p = mover_p_value(first, second, related=related)
    value = first.value - second.value
    return _difference(value, bounds, p, confidence, f"{method}, no variance: MOVER")


def _difference(
    value: float, bounds: tuple[float, float], p: float, confidence: float, method: str
) -> Difference:
    """Keep the bounds within -1 and 1; let them reach 0 where the p-value does not exclude it."""
    low, high = max(bounds[0], -1.0), min(bounds[1], 1.0)
    if p > 1.0 - confidence:
        low, high = min(low, 0.0), max(high, 0.0)
    return Difference(value, low, high, p, method)


def _varies(ordered: Floats) -> bool:
    return bool(ordered[-1] - ordered[0] > _NO_SPREAD)
