"""Means of areas under several curves of the same cases, with one variance for all of them.

An area moves with each of its cases (placements, DeLong 1988). The influences of a case on all the
areas are added before they are squared over patients, so that what the areas share is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.discrimination.delong import placements
from metrics.discrimination.roc_intervals import precision_curve
from metrics.estimate import Interval, UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised
from metrics.intervals.near_limits import equal_patients, logit_share


@dataclass(frozen=True, slots=True, eq=False)
class Dichotomy:
    """One curve: its cases (places in the group, (k,)), their labels and their scores (k,)."""

    rows: Ints
    y: Bools
    s: Floats


@dataclass(frozen=True, slots=True, eq=False)
class MeanArea:
    """A mean of areas in [0, 1], and how far each case of the group (cases,) moves it.

    ``low_centre`` is what the lower end of the interval is about: the mean but for average
    precision. ``freedom`` are degrees of freedom. ``fewest`` are the patients of the smallest class
    of any curve, ``effective`` those that would tell as much of one curve as all do of the mean.
    """

    value: float
    influence: Floats
    low_centre: float
    freedom: float
    fewest: float
    effective: float


def mean_auroc(curves: Sequence[Dichotomy], group: Group) -> MeanArea:
    """Mean AUROC of ``curves``. Undefined where one has a single class, or none is given.

    Formula: sum_k AUROC_k / K; a case moves it by the sum of what it moves each AUROC_k, over K.
    Degrees of freedom: 1 / f = sum_k w_k / f_k, f_k Satterthwaite's of curve k and w_k its share
    of the variances, which is what they are where all curves agree. Effective patients:
    K^2 / sum_k (1 / n_k), n_k those of the smaller class of curve k, divided by how much larger
    the variance is than that of K curves that share nothing, which is K where all curves agree.
    """
    moved, values = [], []
    for curve in curves:
        placed = placements(curve.y, curve.s)
        own = np.empty(curve.y.size)
        own[curve.y] = (placed.positive - placed.auroc) / placed.positive.size
        own[~curve.y] = (placed.negative - placed.auroc) / placed.negative.size
        moved.append(own)
        values.append(placed.auroc)
    return _mean_of(curves, group, moved, values, values)


def mean_average_precision(curves: Sequence[Dichotomy], group: Group) -> MeanArea:
    """Mean average precision of ``curves``; the lower end is about each positive counted half.

    Formula: sum_k AP_k / K. Undefined where a curve has a single class, or none is given.
    """
    moved, values, halved = [], [], []
    for curve in curves:
        positive = int(np.count_nonzero(curve.y))
        arrays.both_classes("average precision", positive, curve.y.size - positive)
        precision = precision_curve(curve.y, curve.s)
        moved.append(precision.influence)
        values.append(precision.value)
        halved.append(precision.halved)
    return _mean_of(curves, group, moved, values, halved)


def _mean_of(
    curves: Sequence[Dichotomy],
    group: Group,
    moved: Sequence[Floats],
    values: Sequence[float],
    low_centres: Sequence[float],
) -> MeanArea:
    """The mean of figures of curves, each with how far the curve's cases move it."""
    if not curves:
        raise UndefinedMetric("insufficient data: a mean needs one curve; got none")
    k = len(curves)
    influence = np.zeros(group.y.size)
    variances, unknown, inverse, fewest = 0.0, 0.0, 0.0, np.inf
    for curve, own in zip(curves, moved, strict=True):
        influence[curve.rows] += own / k
        variance, freedom = _freedom(group, curve, own)
        variances += variance
        unknown += variance / freedom
        smallest = _smallest_class(group, curve)
        inverse += 1.0 / smallest
        fewest = min(fewest, smallest)
    sums = np.bincount(group.patient, influence, group.n_patients)
    apart = variances / k**2
    shared = min(float(k), max(1.0, float(sums @ sums) / apart)) if apart > 0.0 else float(k)
    return MeanArea(
        value=float(np.mean(values)),
        influence=influence,
        low_centre=float(np.mean(low_centres)),
        freedom=variances / unknown if variances > 0.0 else np.inf,
        fewest=fewest,
        effective=k**2 / inverse / shared,
    )


def area_interval(area: MeanArea, group: Group, confidence: float) -> Interval:
    """Interval on the logit scale: influence over patients within the strata, Student's t.

    Undefined where the smallest class of a curve has fewer than two patients.
    """
    if area.fewest < 2.0:
        raise UndefinedMetric(
            "insufficient data: an interval needs two patients of each class of each output"
        )
    known = linearised.error(group, area.influence)
    if not known.standard_error > 0.0:
        known = linearised.Error(0.0, area.fewest - 1.0)
    known = replace(known, freedom=min(known.freedom, area.freedom))
    low = logit_share(area.low_centre, known, area.effective, confidence)[0]
    high = logit_share(area.value, known, area.effective, confidence)[1]
    over = " over patients" if group.clustered else ""
    return Interval(low, high, f"shared influence{over}, logit, t")


def _freedom(group: Group, curve: Dichotomy, moved: Floats) -> tuple[float, float]:
    """Variance of one curve's area through its classes, and Satterthwaite's degrees of freedom."""
    variance = known = 0.0
    patient = group.patient[curve.rows]
    for of_class in (curve.y, ~curve.y):
        sums = np.bincount(patient[of_class], moved[of_class], group.n_patients)
        part = float(sums @ sums)
        variance += part
        known += part**2 / max(_patients(group, patient[of_class]) - 1.0, 1.0)
    return variance, variance**2 / known if known > 0.0 else np.inf


def _patients(group: Group, patient: Ints) -> float:
    return equal_patients(patient) if group.clustered else float(patient.size)


def _smallest_class(group: Group, curve: Dichotomy) -> float:
    return min(
        _patients(group, group.patient[curve.rows[of_class]]) for of_class in (curve.y, ~curve.y)
    )
