"""Variance of the AUROC, for cases that stand alone and for patients with several cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.intervals import logit_symmetric, symmetric, wilson


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
    interval: str = "logit",
) -> Estimate:
    """AUROC with its DeLong interval, over patients where patients repeat.

    ``interval`` is "logit" or "symmetric" (as pROC). At an AUROC of exactly 0 or 1 the variance is
    zero and says nothing; the interval then is Wilson's for the smaller class counted as trials.
    With one case of a class there is a value and no interval. Undefined with one class only.
    """
    y_ = arrays.labels(y)
    s_ = arrays.scores(s, y_.size)
    patient, n_patients = (
        (None, y_.size) if patients is None else arrays.clusters(patients, y_.size)
    )
    if n_patients == y_.size:
        patient = None
    name = "DeLong" if patient is None else "DeLong, patient-clustered (Obuchowski)"
    value, variance = _auroc_and_variance(y_, s_, patient)
    low: float | None
    high: float | None
    if isinstance(variance, UndefinedMetric):
        low, high, method = None, None, f"no interval: {variance}"
    else:
        low, high, method = _interval(value, variance, y_, patient, confidence, interval)
        method = f"{name}, {method}"
    return Estimate(value, low, high, int(y_.size), n_patients, int(y_.sum()), method)


def auroc_and_variance(y: Bools, s: Floats) -> tuple[float, float]:
    """AUROC, rounded once, and its DeLong variance by two sorts and three merges.

    Undefined with fewer than two cases of a class. O(n log n).
    """
    from metrics.kernels import placement_sums, split  # numba is costly to import

    m = int(np.count_nonzero(y))
    n = y.size - m
    arrays.both_classes("auroc", m, n)
    diseased, healthy = split(y, s, m)
    diseased.sort()
    healthy.sort()
    twice, positive, negative = placement_sums(diseased, healthy)
    if m < 2 or n < 2:
        raise UndefinedMetric(_few(m, n))
    variance = positive / (2 * n) ** 2 / (m - 1) / m + negative / (2 * m) ** 2 / (n - 1) / n
    return int(twice) / (2 * m * n), float(variance)


def _auroc_and_variance(
    y: Bools, s: Floats, patient: Ints | None
) -> tuple[float, float | UndefinedMetric]:
    try:
        if patient is None:
            return auroc_and_variance(y, s)
        found = placements(y, s)
        return found.auroc, clustered_covariance(found, found, y, patient)
    except UndefinedMetric as reason:
        return placements(y, s).auroc, reason


def _few(m: int, n: int) -> str:
    return f"the variance of an AUROC needs two cases of each class; got {m} positive, {n} negative"


def _interval(
    value: float, variance: float, y: Bools, patient: Ints | None, confidence: float, interval: str
) -> tuple[float, float, str]:
    if interval not in ("logit", "symmetric"):
        raise UndefinedMetric(f"interval must be 'logit' or 'symmetric'; got {interval!r}")
    standard_error = math.sqrt(max(variance, 0.0))
    if interval == "symmetric":
        return *symmetric(value, standard_error, confidence, (0.0, 1.0)), "symmetric"
    if value <= 0.0 or value >= 1.0:
        trials = min(_distinct(y, patient), _distinct(~y, patient))
        return *wilson(value * trials, trials, confidence), "at its limit: Wilson, smaller class"
    return *logit_symmetric(value, standard_error, confidence), "logit"


def _distinct(kept: Bools, patient: Ints | None) -> int:
    return int(kept.sum()) if patient is None else arrays.renumbered(patient[kept])[1]


def _twice_below(s: Floats, others: Floats) -> Ints:
    ranked = np.sort(others)
    below = np.searchsorted(ranked, s, side="left")
    return np.asarray(below + np.searchsorted(ranked, s, side="right"), dtype=np.int64)
