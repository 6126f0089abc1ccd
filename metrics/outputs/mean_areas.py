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
    precision. ``freedom`` are degrees of freedom, ``fewest`` the effective patients of the
    smallest class of any curve.
    """

    value: float
    influence: Floats
    low_centre: float
    freedom: float
    fewest: float


def mean_auroc(curves: Sequence[Dichotomy], group: Group) -> MeanArea:
    """Mean AUROC of ``curves``. Undefined where one has a single class, or there is none.

    Formula: sum_k AUROC_k / K; a case moves it by the sum of what it moves each AUROC_k, over K.
    Degrees of freedom: 1 / f = sum_k w_k / f_k, f_k Satterthwaite's of curve k and w_k its share
    of the variances, which is what they are where all curves agree.
    """
    influence = np.zeros(group.y.size)
    values: list[float] = []
    variances: list[float] = []
    unknown: list[float] = []
    for curve in curves:
        found = placements(curve.y, curve.s)
        moved = np.empty(curve.y.size)
        moved[curve.y] = (found.positive - found.auroc) / found.positive.size
        moved[~curve.y] = (found.negative - found.auroc) / found.negative.size
        influence[curve.rows] += moved / len(curves)
        values.append(found.auroc)
        variance, freedom = _freedom(group, curve, moved)
        variances.append(variance)
        unknown.append(variance / freedom)
    value = _mean(values)
    total = sum(variances)
    freedom = total / sum(unknown) if total > 0.0 else np.inf
    return MeanArea(value, influence, value, freedom, _fewest(curves, group))


def mean_average_precision(curves: Sequence[Dichotomy], group: Group) -> MeanArea:
    """Mean average precision of ``curves``; the lower end is about each positive counted half.

    Formula: sum_k AP_k / K. Undefined where a curve has a single class, or there is none.
    """
    influence = np.zeros(group.y.size)
    values, halved, variances, unknown = [], [], [], []
    for curve in curves:
        positive = int(np.count_nonzero(curve.y))
        arrays.both_classes("average precision", positive, curve.y.size - positive)
        found = precision_curve(curve.y, curve.s)
        influence[curve.rows] += found.influence / len(curves)
        values.append(found.value)
        halved.append(found.halved)
        variance, freedom = _freedom(group, curve, found.influence)
        variances.append(variance)
        unknown.append(variance / freedom)
    total = sum(variances)
    freedom = total / sum(unknown) if total > 0.0 else np.inf
    return MeanArea(_mean(values), influence, _mean(halved), freedom, _fewest(curves, group))


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
    low = logit_share(area.low_centre, known, area.fewest, confidence)[0]
    high = logit_share(area.value, known, area.fewest, confidence)[1]
    over = " over patients" if group.clustered else ""
    return Interval(low, high, f"shared influence{over}, logit, t")


def _mean(values: Sequence[float]) -> float:
    if not values:
        raise UndefinedMetric("insufficient data: a mean needs one curve; got none")
    return float(np.mean(values))


def _freedom(group: Group, curve: Dichotomy, moved: Floats) -> tuple[float, float]:
    """Variance of one curve's area through its classes, and Satterthwaite's degrees of freedom."""
    variance = known = 0.0
    patient = group.patient[curve.rows]
    for kept in (curve.y, ~curve.y):
        sums = np.bincount(patient[kept], moved[kept], group.n_patients)
        part = float(sums @ sums)
        variance += part
        known += part**2 / max(_patients(group, patient[kept]) - 1.0, 1.0)
    return variance, variance**2 / known if known > 0.0 else np.inf


def _patients(group: Group, patient: Ints) -> float:
    return equal_patients(patient) if group.clustered else float(patient.size)


def _fewest(curves: Sequence[Dichotomy], group: Group) -> float:
    return min(
        _patients(group, group.patient[curve.rows[kept]])
        for curve in curves
        for kept in (curve.y, ~curve.y)
    )
