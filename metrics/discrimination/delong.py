"""Variance of the AUROC, for cases that stand alone and for patients with several cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays, group
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.intervals import linearised
from metrics.intervals.near_limits import equal_patients, logit_share, score_area
from metrics.intervals.proportions import symmetric


@dataclass(frozen=True, slots=True)
class Placements:
    """Share of the other class that each case beats: positives over negatives, and back.

    ``positive`` (m,) and ``negative`` (n,) follow the order of the cases; both average ``auroc``.
    """

    auroc: float
    positive: Floats
    negative: Floats


def placements(y: Bools, s: Floats) -> Placements:
    """Placement values (DeLong 1988, the structural components V10 and V01) by sorting.

    Undefined with one class only. O(n log n), as Sun & Xu 2014.
    """
    diseased, healthy = s[y], s[~y]
    arrays.both_classes("auroc", diseased.size, healthy.size)
    beaten, beating = _twice_below(diseased, healthy), _twice_below(healthy, diseased)
    m, n = diseased.size, healthy.size
    exact = int(beaten.sum()) / (2 * m * n)
    return Placements(exact, beaten / (2.0 * n), 1.0 - beating / (2.0 * m))


def delong_covariance(a: Placements, b: Placements) -> float:
    """Covariance of two AUROCs over the same cases, or the variance when ``a`` is ``b``.

    Undefined with fewer than two cases of a class. Source: DeLong, DeLong & Clarke-Pearson 1988.
    """
    m, n = a.positive.size, a.negative.size
    if m < 2 or n < 2:
        raise UndefinedMetric(_few(m, n))
    s10 = float((a.positive - a.auroc) @ (b.positive - b.auroc)) / (m - 1)
    s01 = float((a.negative - a.auroc) @ (b.negative - b.auroc)) / (n - 1)
    return s10 / m + s01 / n


def clustered_covariance(a: Placements, b: Placements, y: Bools, patient: Ints) -> float:
    """Covariance of two AUROCs when patients contribute several cases (Obuchowski 1997).

    ``y`` (cases,), ``patient`` (cases,) numbers of patients. A patient may have cases of both
    classes. Undefined with fewer than two patients of a class.
    """
    m, n = a.positive.size, a.negative.size
    i10, i01 = _distinct(y, patient), _distinct(~y, patient)
    number, k = arrays.renumbered(patient)
    if i10 < 2 or i01 < 2:
        raise UndefinedMetric(
            f"the clustered variance of an AUROC needs two patients of each class; got {i10} "
            f"with positive cases, {i01} with negative cases"
        )
    a10, b10 = (np.bincount(number[y], p.positive - p.auroc, k) for p in (a, b))
    a01, b01 = (np.bincount(number[~y], p.negative - p.auroc, k) for p in (a, b))
    s10 = i10 / ((i10 - 1) * m) * float(a10 @ b10)
    s01 = i01 / ((i01 - 1) * n) * float(a01 @ b01)
    s11 = k / (k - 1) * float(a10 @ b01 + a01 @ b10)
    return s10 / m + s01 / n + s11 / (m * n)


def auroc_estimate(
    y: ArrayLike,
    s: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    interval: str = "score",
) -> Estimate:
    """AUROC with its DeLong interval, over patients where patients repeat.

    ``interval`` is "score" (``limit_intervals.score_area``), "logit" (``logit_share``) or
    "symmetric" (normal, as pROC; the score interval at an AUROC of 0 or 1). The first two use
    Student's t with Satterthwaite's degrees of freedom over the variances of the two classes; where
    patients repeat, the linearised variance and effective patients. With one case of a class there
    is a value and no interval. Undefined with one class only.
    """
    y_ = arrays.labels(y)
    s_ = arrays.scores(s, y_.size)
    patient, n_patients = (
        (None, y_.size) if patients is None else arrays.clusters(patients, y_.size)
    )
    if n_patients == y_.size:
        patient = None
    if interval not in ("score", "logit", "symmetric"):
        raise UndefinedMetric(f"interval must be 'score', 'logit' or 'symmetric'; got {interval!r}")
    low: float | None
    high: float | None
    try:
        value, low, high = _interval(y_, s_, patient, n_patients, confidence, interval)
        method = "DeLong" if patient is None else "DeLong, patient-clustered (Obuchowski)"
        method += f", {_METHODS[interval]}"
    except UndefinedMetric as reason:
        value, low, high = placements(y_, s_).auroc, None, None
        method = f"no interval: {reason}"
    return Estimate(
        value=value,
        low=low,
        high=high,
        n_cases=int(y_.size),
        n_patients=n_patients,
        n_positive=int(y_.sum()),
        method=method,
    )


def auroc_and_variance(y: Bools, s: Floats) -> tuple[float, float]:
    """AUROC, rounded once, and its DeLong variance by two sorts and three merges.

    Undefined with fewer than two cases of a class. O(n log n).
    """
    value, positive, negative = _components(y, s)
    return value, positive + negative


_METHODS = {
    "score": "score interval, t",
    "logit": "logit, t",
    "symmetric": "symmetric",
}


def _interval(
    y: Bools, s: Floats, patient: Ints | None, n_patients: int, confidence: float, interval: str
) -> tuple[float, float, float]:
    """Value and both ends."""
    if interval == "symmetric":
        value, variance = _auroc_and_variance(y, s, patient)
        if 0.0 < value < 1.0:  # at its limit the variance is 0 and says nothing
            error = math.sqrt(max(variance, 0.0))
            return value, *symmetric(value, error, confidence, (0.0, 1.0))
    if patient is None:
        value, known = _alone(y, s)
        m = float(np.count_nonzero(y))
        n = y.size - m
    else:
        value, known = _clustered(y, s, patient, n_patients)
        m, n = equal_patients(patient[y]), equal_patients(patient[~y])
    if interval == "logit":
        return value, *logit_share(value, known, min(m, n), confidence)
    return value, *score_area(value, known, m, n, confidence)


def _alone(y: Bools, s: Floats) -> tuple[float, linearised.Error]:
    """AUROC and its error; degrees of freedom of the smaller class where it does not vary."""
    value, positive, negative = _components(y, s)
    m = int(np.count_nonzero(y))
    n = y.size - m
    variance = positive + negative
    if not variance > 0.0:
        return value, linearised.Error(0.0, min(m, n) - 1.0)
    known = positive**2 / (m - 1) + negative**2 / (n - 1)
    return value, linearised.Error(math.sqrt(variance), variance**2 / known)


def _clustered(
    y: Bools, s: Floats, patient: Ints, n_patients: int
) -> tuple[float, linearised.Error]:
    placed = placements(y, s)
    fewest = min(_distinct(y, patient), _distinct(~y, patient))
    if fewest < 2:
        raise UndefinedMetric(
            "the clustered variance of an AUROC needs two patients of each class; got one"
        )
    influence = np.empty(y.size)
    influence[y] = (placed.positive - placed.auroc) / placed.positive.size
    influence[~y] = (placed.negative - placed.auroc) / placed.negative.size
    cohort = group.everyone(y, s, patient, n_patients, group.FIXED_PREVALENCE)
    known = linearised.error(cohort, influence)
    if not known.standard_error > 0.0:
        known = linearised.Error(0.0, fewest - 1.0)
    return placed.auroc, known


def _components(y: Bools, s: Floats) -> tuple[float, float, float]:
    """AUROC and the part of its variance from each class."""
    from metrics.resampling.kernels import (
        placement_sums,
        split,  # numba is costly to import
    )

    m = int(np.count_nonzero(y))
    n = y.size - m
    arrays.both_classes("auroc", m, n)
    diseased, healthy = split(y, s, m)
    diseased.sort()
    healthy.sort()
    twice, positive, negative = placement_sums(diseased, healthy)
    if m < 2 or n < 2:
        raise UndefinedMetric(_few(m, n))
    of_positive = positive / (2 * n) ** 2 / (m - 1) / m
    of_negative = negative / (2 * m) ** 2 / (n - 1) / n
    return int(twice) / (2 * m * n), float(of_positive), float(of_negative)


def _auroc_and_variance(y: Bools, s: Floats, patient: Ints | None) -> tuple[float, float]:
    if patient is None:
        return auroc_and_variance(y, s)
    placed = placements(y, s)
    return placed.auroc, clustered_covariance(placed, placed, y, patient)


def _few(m: int, n: int) -> str:
    return f"the variance of an AUROC needs two cases of each class; got {m} positive, {n} negative"


def _distinct(counted: Bools, patient: Ints) -> int:
    return arrays.renumbered(patient[counted])[1]


def _twice_below(s: Floats, others: Floats) -> Ints:
    ranked = np.sort(others)
    below = np.searchsorted(ranked, s, side="left")
    return np.asarray(below + np.searchsorted(ranked, s, side="right"), dtype=np.int64)
