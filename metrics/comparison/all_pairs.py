"""Every pair of a board at once: differences, standard errors and p-values as matrices.

The variance of a difference follows from the covariances of the two figures. All covariances of a
board are a few products of matrices, whatever the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.discrimination.delong import (
    Placements,
    clustered_covariance,
    delong_covariance,
    placements,
)
from metrics.intervals.no_variance import (
    NO_VARIANCE,
    Area,
    fewest_of_a_class,
    least_p_value,
    mover,
    mover_p_value,
)
from metrics.intervals.proportions import normal_quantile

_CANCELLED = 1e-6
"""Below this share of the two variances, that of the difference has lost digits."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Differences of all pairs, first less second, in the order of ``np.triu_indices``.

    ``first`` and ``second`` (pairs,) are places of submissions; ``value``, ``low``, ``high``,
    ``error`` and ``p_value`` (pairs,). ``error`` is 0 where the data show no variance.
    ``covariance`` (submissions, submissions) is that of the figures themselves.
    """

    first: Ints
    second: Ints
    value: Floats
    low: Floats
    high: Floats
    error: Floats
    p_value: Floats
    covariance: Floats
    method: str


def delong_pairs(
    y: Bools, scores: Floats, patient: Ints, n_patients: int, confidence: float
) -> Pairs:
    """All pairs of AUROCs by the paired DeLong test, over patients where patients repeat.

    ``scores`` (submissions, cases). The numbers are those of ``paired_delong`` of each pair.
    Undefined with fewer than two cases, or patients, of a class. Source: DeLong 1988; Obuchowski
    1997 for patients.
    """
    found = [placements(y, s) for s in scores]
    clustered = n_patients < y.size
    fewest = fewest_of_a_class(y, patient)
    value = np.array([each.auroc for each in found])
    moved = _moved(found, y, patient, n_patients if clustered else None)
    covariance = moved.covariance()
    first, second = np.triu_indices(len(found), 1)
    own = np.diag(covariance)
    variance = own[first] + own[second] - 2.0 * covariance[first, second]
    lost = variance <= _CANCELLED * (own[first] + own[second])
    for one in np.unique(first[lost]).tolist():
        mine = np.flatnonzero(lost & (first == one))
        variance[mine] = moved.apart(one, second[mine])
    method = "paired DeLong, patient-clustered (Obuchowski)" if clustered else "paired DeLong"
    made = _normal_pairs(value, variance, covariance, confidence, fewest, method)
    np.clip(made.low, -1.0, None, out=made.low)
    np.clip(made.high, None, 1.0, out=made.high)
    _without_variance(made, scores, own, value, fewest, confidence)
    return made


@dataclass(frozen=True, slots=True)
class _Moved:
    """Centred placements (submissions, cases of a class), or their sums over patients.

    A covariance is ``of_positive`` times the product of two rows of ``positive``, plus
    ``of_negative`` times that of ``negative``, plus ``mixed`` times both products of one with the
    other.
    """

    positive: Floats
    negative: Floats
    of_positive: float
    of_negative: float
    mixed: float

    def covariance(self) -> Floats:
        """Covariances of the AUROCs (submissions, submissions)."""
        found = self.of_positive * (self.positive @ self.positive.T)
        found += self.of_negative * (self.negative @ self.negative.T)
        if self.mixed:
            both = self.positive @ self.negative.T
            found += self.mixed * (both + both.T)
        return found

    def apart(self, one: int, others: Ints) -> Floats:
        """Variances of the differences of one and others: of differences, so nothing cancels."""
        positive = self.positive[others] - self.positive[one]
        negative = self.negative[others] - self.negative[one]
        found = self.of_positive * (positive**2).sum(axis=1)
        found += self.of_negative * (negative**2).sum(axis=1)
        if self.mixed:
            found += 2.0 * self.mixed * (positive * negative).sum(axis=1)
        return np.asarray(found)


def _moved(found: list[Placements], y: Bools, patient: Ints, n_patients: int | None) -> _Moved:
    """How far cases, or patients, move each AUROC; ``n_patients`` None where each has one case."""
    value = np.array([each.auroc for each in found])[:, None]
    positive = np.stack([each.positive for each in found]) - value
    negative = np.stack([each.negative for each in found]) - value
    m, n = positive.shape[1], negative.shape[1]
    if n_patients is None:
        delong_covariance(found[0], found[0])  # says so where a class has one case
        return _Moved(positive, negative, 1.0 / (m * (m - 1)), 1.0 / (n * (n - 1)), 0.0)
    clustered_covariance(found[0], found[0], y, patient)
    i10, i01 = (np.unique(patient[side]).size for side in (y, ~y))
    k = n_patients
    return _Moved(
        np.stack([np.bincount(patient[y], row, k) for row in positive]),
        np.stack([np.bincount(patient[~y], row, k) for row in negative]),
        i10 / ((i10 - 1) * m * m),
        i01 / ((i01 - 1) * n * n),
        k / ((k - 1) * m * n),
    )


def replicate_pairs(
    value: Floats, replicates: Floats, confidence: float, fewest: int, coins: Floats | None
) -> Pairs:
    """All pairs of any figure, from replicates that all submissions share.

    ``value`` (submissions,); ``replicates`` (submissions, replicates), all finite. The standard
    error of a difference is that of its replicates. The p-value is that of
    z = D / sqrt(SE^2 + D^2 / k), k the patients of the smaller class: the variance about no
    difference instead of about the one seen, as in McNemar's test of a paired rate. No p-value is
    below 2^(1 - k), nor below 2^(1 - c) with ``coins`` (submissions, submissions), the number c of
    patients on whom two submissions differ: c coins can agree by chance. Source: Efron &
    Tibshirani 1993, chapter 12, for the standard error; McNemar 1947; Phipson & Smyth 2010 for why
    no p-value is a count of so few replicates. A difference that is the same in every replicate
    has bounds that are not numbers: its spread is unknown.
    """
    centred = replicates - replicates.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / (replicates.shape[1] - 1)
    first, second = np.triu_indices(value.size, 1)
    own = np.diag(covariance)
    variance = own[first] + own[second] - 2.0 * covariance[first, second]
    for pair in np.flatnonzero(variance <= _CANCELLED * (own[first] + own[second])):
        variance[pair] = np.var(centred[first[pair]] - centred[second[pair]], ddof=1)
    method = f"paired bootstrap, {replicates.shape[1]} replicates"
    made = _normal_pairs(value, variance, covariance, confidence, fewest, method, null=True)
    alike = made.error == 0.0
    made.p_value[alike] = least_p_value(fewest)
    if coins is not None:
        made.p_value[:] = np.maximum(made.p_value, np.exp2(1.0 - coins[first, second]).clip(max=1))
    made.p_value[alike & (made.value == 0.0)] = 1.0
    reach_zero(made, confidence)
    unknown = alike & (made.value != 0.0)
    made.low[unknown] = made.high[unknown] = np.nan
    return made


def _normal_pairs(
    value: Floats,
    variance: Floats,
    covariance: Floats,
    confidence: float,
    fewest: int,
    method: str,
    *,
    null: bool = False,
) -> Pairs:
    from scipy.special import erfc  # scipy is costly to import

    first, second = np.triu_indices(value.size, 1)
    difference = value[first] - value[second]
    error = np.sqrt(np.where(variance > NO_VARIANCE, variance, 0.0))
    about = np.sqrt(error**2 + difference**2 / fewest) if null else error
    z = np.divide(np.abs(difference), about, out=np.zeros_like(about), where=about > 0.0)
    p = np.maximum(erfc(z / np.sqrt(2.0)), least_p_value(fewest))
    half = normal_quantile(confidence) * error
    made = Pairs(
        first,
        second,
        difference,
        difference - half,
        difference + half,
        error,
        p,
        covariance,
        method,
    )
    reach_zero(made, confidence)
    return made


def reach_zero(made: Pairs, confidence: float) -> None:
    """Let the bounds reach 0 where the p-value does not exclude it."""
    open_ = made.p_value > 1.0 - confidence
    made.low[open_] = np.minimum(made.low[open_], 0.0)
    made.high[open_] = np.maximum(made.high[open_], 0.0)


def _without_variance(
    made: Pairs, scores: Floats, own: Floats, value: Floats, fewest: int, confidence: float
) -> None:
    """Give pairs that show no variance what ``paired_delong`` gives them."""
    pairs = np.flatnonzero(made.error == 0.0)
    if not pairs.size:
        return
    involved = np.unique(np.concatenate([made.first[pairs], made.second[pairs]]))
    ranks = {i: np.unique(scores[i], return_inverse=True)[1].tobytes() for i in involved.tolist()}

    @cache
    def bounds_and_p(a: Area, b: Area) -> tuple[float, float, float]:
        return (*mover(a, b, confidence, related=True), mover_p_value(a, b, related=True))

    for pair in pairs.tolist():
        a, b = int(made.first[pair]), int(made.second[pair])
        if ranks[a] == ranks[b]:
            low = high = made.value[pair]
            p = 1.0
        else:
            areas = [Area(float(value[i]), float(own[i]), fewest) for i in (a, b)]
            low, high, p = bounds_and_p(*areas)
        made.low[pair], made.high[pair], made.p_value[pair] = low, high, p
    reach_zero(made, confidence)


def patients_apart(calls: Bools, patient: Ints, n_patients: int) -> Floats:
    """On how many patients two submissions call a case differently: (submissions, submissions).

    ``calls`` (submissions, cases).
    """
    if n_patients == calls.shape[1]:
        each = calls.astype(np.float32)
        said = each.sum(axis=1)
        both = each @ each.T
        return np.asarray(said[:, None] + said[None, :] - 2.0 * both, dtype=np.float64)
    order = np.argsort(patient, kind="stable")
    starts = np.searchsorted(patient[order], np.arange(n_patients))
    sorted_calls = calls[:, order]
    found = np.zeros((calls.shape[0], calls.shape[0]))
    for place, row in enumerate(sorted_calls):
        differs = np.logical_or.reduceat(sorted_calls[place:] != row, starts, axis=1)
        found[place, place:] = found[place:, place] = differs.sum(axis=1)
    return found
