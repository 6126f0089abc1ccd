"""Intervals over patients for figures of ordinal grades; the prediction probability.

Every figure here is smooth in the weight of each case. Its influences give a variance within the
strata of the sampling design (``linearised``); the quantile is Student's. Figures that end at 1
are brought to [0, 1] and take a logit scale, which is Fisher's z for those of [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats
from metrics.estimate import Interval, UndefinedMetric
from metrics.grades import agreement, influences
from metrics.grades.influences import Pairs, finite_grades, pairs_of
from metrics.group import Group
from metrics.intervals import linearised
from metrics.intervals.mover import Part, combine, difference
from metrics.intervals.near_limits import equal_patients, logit_share

_ROUNDING = 1e-12


def prediction_probability(reference: ArrayLike, grade: ArrayLike) -> float:
    """Chance that of two cases that differ in the reference the higher one is graded higher.

    Formula: P_K = (C + T / 2) / (C + D + T), C concordant and D discordant pairs, T those tied in
    the grade alone; pairs tied in the reference do not count. 1 is perfect, 1/2 chance; with two
    reference grades it is the AUROC. Undefined where the reference is constant.
    It is (1 + d) / 2, d Somers' d of the grade given the
    reference. Source: Kim 1971; Smith, Dutton & Smith 1996.
    """
    return _prediction(pairs_of(*finite_grades(reference, grade)))


def prediction_probability_interval(
    group: Group, reference: ArrayLike, grade: ArrayLike, confidence: float
) -> Interval:
    """Interval of the prediction probability: influence over patients, logit scale, t.

    Undefined as ``prediction_probability``, or with one patient.
    """
    pairs = pairs_of(*finite_grades(reference, grade))
    value = _prediction(pairs)
    influence = influences.of_prediction_probability(pairs, value)
    return _logit(group, value, influence, confidence)


def kendall_tau_b_interval(
    group: Group, reference: ArrayLike, grade: ArrayLike, confidence: float
) -> Interval:
    """Interval of Kendall's tau-b: influence over patients, Fisher's z, t.

    Undefined as ``kendall_tau_b``, or with one patient.
    """
    value = agreement.kendall_tau_b(reference, grade)
    pairs = pairs_of(*finite_grades(reference, grade))
    return _fisher(group, value, influences.of_kendall_tau_b(pairs, value), confidence)


def quadratic_weighted_kappa_interval(
    group: Group,
    reference: ArrayLike,
    grade: ArrayLike,
    lowest: int,
    highest: int,
    confidence: float,
) -> Interval:
    """Interval of the quadratic-weighted kappa: influence over patients, Fisher's z, t.

    For single cases the variance is that of Fleiss, Cohen & Everitt 1969 for large samples.
    """
    value = agreement.quadratic_weighted_kappa(reference, grade, lowest, highest)
    a, b = finite_grades(reference, grade)
    influence = influences.of_quadratic_weighted_kappa(a, b, value)
    return _fisher(group, value, influence, confidence)


def linear_weighted_kappa_interval(
    group: Group,
    reference: ArrayLike,
    grade: ArrayLike,
    lowest: int,
    highest: int,
    confidence: float,
) -> Interval:
    """Interval of the linear-weighted kappa: influence over patients, Fisher's z, t.

    For single cases the variance is that of Fleiss, Cohen & Everitt 1969 for large samples.
    """
    value = agreement.linear_weighted_kappa(reference, grade, lowest, highest)
    a, b = finite_grades(reference, grade)
    influence = influences.of_linear_weighted_kappa(a, b, lowest, highest, value)
    return _fisher(group, value, influence, confidence)


def mean_absolute_error_interval(
    group: Group, reference: ArrayLike, grade: ArrayLike, confidence: float
) -> Interval:
    """Interval of the mean absolute error: mean over patients, log scale, t.

    Undefined where every distance is the same: the data then show no variance.
    """
    a, b = finite_grades(reference, grade)
    distance = np.abs(a - b)
    value = float(distance.mean())
    known = linearised.error(group, influences.of_mean(distance))
    if not known.standard_error > _ROUNDING * value:
        raise UndefinedMetric(
            f"insufficient data: every distance is {value:g}, which shows no variance"
        )
    factor = math.exp(known.reach(confidence) / value)
    return Interval(value / factor, value * factor, "mean over patients, log scale, t")


@dataclass(frozen=True, slots=True)
class BlandAltmanIntervals:
    """Intervals of the mean difference and of both limits of agreement."""

    bias: Interval
    low: Interval
    high: Interval


def bland_altman_intervals(
    group: Group, reference: ArrayLike, grade: ArrayLike, confidence: float
) -> BlandAltmanIntervals:
    """Intervals of bias and limits of agreement: influence over patients, t, MOVER.

    The bias m is a mean. The standard deviation s of the differences has an interval on the log
    scale by the influence ((d - m)^2 - s^2) / (2 s n), with at least the error s / sqrt(2 (n - 1))
    of normal differences, n the patients of equal size. A limit m -+ 1.96 s adds both errors
    (Zou & Donner 2008; Carkeet 2015 for normal differences). Undefined where all differences are
    equal.
    """
    limits = agreement.bland_altman(reference, grade)
    a, b = finite_grades(reference, grade)
    spread = (limits.high - limits.bias) / agreement.REACH
    reach = linearised.error(group, influences.of_mean(b - a)).reach(confidence)
    if not min(spread, reach) > _ROUNDING * float(np.abs(b - a).max()):
        raise UndefinedMetric("insufficient data: all differences are equal")
    bias = Part(limits.bias, limits.bias - reach, limits.bias + reach)
    known = linearised.error(group, influences.of_deviation(b - a, spread))
    patients = max(equal_patients(group.patient), 2.0)
    error = max(known.standard_error, spread / math.sqrt(2.0 * (patients - 1.0)))
    factor = math.exp(linearised.Error(error, known.freedom).reach(confidence) / spread)
    deviation = Part(spread, spread / factor, spread * factor).scaled(agreement.REACH)
    total = combine(lambda m, s: m + s, (bias, deviation))
    return BlandAltmanIntervals(
        Interval(*bias.bounds, "mean over patients, t"),
        Interval(*difference(bias, deviation).bounds, _LIMIT),
        Interval(*total.bounds, _LIMIT),
    )


_LIMIT = "MOVER of mean and log standard deviation over patients, t"


def _prediction(pairs: Pairs) -> float:
    untied = float(pairs.untied_reference.sum())
    if not untied > 0.0:
        raise UndefinedMetric("the prediction probability is undefined: the reference is constant")
    return (1.0 + float(pairs.balance.sum()) / untied) / 2.0


def _fisher(group: Group, value: float, influence: Floats, confidence: float) -> Interval:
    """Interval of a figure of [-1, 1], halved to [0, 1]: there Fisher's z is half the logit."""
    half = _logit(group, (1.0 + min(1.0, max(-1.0, value))) / 2.0, influence / 2.0, confidence)
    return Interval(2.0 * half.low - 1.0, 2.0 * half.high - 1.0, "influence, Fisher's z, t")


def _logit(group: Group, value: float, influence: Floats, confidence: float) -> Interval:
    known = linearised.error(group, influence)
    if not known.standard_error > 0.0:
        known = linearised.Error(0.0, max(1.0, group.n_patients - 1.0))
    low, high = logit_share(value, known, equal_patients(group.patient), confidence)
    return Interval(low, high, "influence over patients, logit, t")
