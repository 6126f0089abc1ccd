"""Intervals of figures read off a ROC or precision-recall curve.

Each takes the group and gives an interval that follows its sampling design, its patients and the
few cases that decide a figure near its limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.discrimination import curves
from metrics.estimate import Interval, UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised
from metrics.intervals.near_limits import equal_patients, logit_share, mixed_variance
from metrics.intervals.proportions import score_bounds

LEAST_BEYOND = 1.5
"""Cases of the class that sets the threshold which are expected beyond the declared level."""


def average_precision_interval(group: Group, confidence: float) -> Interval:
    """Interval of the average precision: its influence function, logit scale, Student's t.

    Precision at a positive case counts the case itself, which pushes the figure up where
    positives are few. The lower end is therefore taken about the figure with each such case
    counted half, the upper end about the figure. See ``limit_intervals.logit_share``, with the
    effective number of positive patients. Undefined with fewer than two patients of a class.
    """
    positive, negative = _effective_classes(group)
    curve = precision_curve(group.y, group.s)
    known = _error(group, curve.influence, min(positive, negative))
    low = logit_share(curve.halved, known, positive, confidence)[0]
    high = logit_share(curve.value, known, positive, confidence)[1]
    return Interval(low, high, f"influence function{_over(group)}, logit, t")


def partial_auroc_interval(group: Group, low: float, high: float, confidence: float) -> Interval:
    """Interval of the standardised partial AUROC between two false positive rates.

    The share of the area that is under the curve is a mean of truncated placements, and has the
    variance of DeLong's kind (Dodd & Pepe 2003). Steps of the curve lie half a negative case too
    far left, so the ends span the intervals about the area and about the area moved by that half.
    Logit scale, Student's t; then McClish's standardisation of both ends. Undefined with fewer
    than two patients of a class or an empty range.
    """
    value = curves.partial_auroc(group.y, group.s, low, high, standardized=False)
    width = high - low
    positive, negative = _effective_classes(group)
    n = min(positive, negative)
    ranks = _ranks(group)
    plain, moved = (_strip(ranks, low, high, by) for by in (0.0, 0.5))
    centre = min(1.0, value / width)
    ends: list[float] = []
    for part, share in ((plain, centre), (moved, centre - plain.share + moved.share)):
        known = _error(group, part.influence, n)
        ends += logit_share(min(1.0, max(0.0, share)), known, n, confidence)
    bounds = np.array([min(ends), max(ends)]) * width
    lower, upper = curves.standardized_area(bounds, low, high)
    return Interval(float(lower), float(upper), f"truncated placements{_over(group)}, logit, t")


def partial_auroc_sensitivity_interval(
    group: Group, low: float, high: float, confidence: float
) -> Interval:
    """Interval of the partial AUROC between two sensitivities: classes swapped, scores turned.

    Undefined as ``partial_auroc_interval``.
    """
    return partial_auroc_interval(_turned(group), 1.0 - high, 1.0 - low, confidence)


def sensitivity_at_interval(group: Group, specificity: float, confidence: float) -> Interval:
    """Interval of the sensitivity at a declared specificity, its threshold read from the data.

    MOVER adds two errors. One is that of a share of positive cases, by Wilson's limits. The other
    is that of the threshold: the curve at the Wilson limits of the false positive rate, or the
    curve moved along the line of slope 1 on normal deviates by the limits of the order statistic
    (beta), whichever is farther. Effective numbers of cases where patients repeat. Undefined where
    fewer than 1.5 negative cases are expected beyond the declared level.
    """
    return _height_interval(group, 1.0 - specificity, confidence, "negative")


def specificity_at_interval(group: Group, sensitivity: float, confidence: float) -> Interval:
    """Interval of the specificity at a declared sensitivity: classes swapped, scores turned.

    Undefined where fewer than 1.5 positive cases are expected beyond the declared level.
    """
    return _height_interval(_turned(group), 1.0 - sensitivity, confidence, "positive")


def _height_interval(group: Group, rate: float, confidence: float, class_: str) -> Interval:
    from scipy.special import betaincinv, ndtr, ndtri  # scipy is costly to import

    value = float(curves.roc_sensitivities(group.y, group.s, np.array([rate]))[0])
    threshold = _quantile_above(group.s[~group.y], rate)
    trials, t = _effective_trials(group, group.y, group.s > threshold, value, confidence)
    others, t_others = _effective_trials(group, ~group.y, group.s > threshold, rate, confidence)
    if others * rate < LEAST_BEYOND - 1e-9:
        least = math.ceil(LEAST_BEYOND / rate - 1e-9)
        raise UndefinedMetric(
            f"insufficient data: a threshold at the level {1.0 - rate:g} needs {least} {class_} "
            f"cases, effective number where patients repeat; got {others:.4g}"
        )
    rates = np.array(score_bounds(rate, others, t_others))
    seen_low, seen_high = curves.roc_sensitivities(group.y, group.s, rates)
    beyond = math.floor(rate * others + 1e-9)
    tail = (1.0 - confidence) / 2.0
    places = betaincinv(beyond + 1.0, others - beyond, np.array([1.0 - tail, tail]))
    deviate = ndtri((value * trials + 0.5) / (trials + 1.0))
    moved_low, moved_high = ndtr(deviate + ndtri(rate) - ndtri(places))
    fall = value - min(value, float(seen_low), float(moved_low))
    rise = max(value, float(seen_high), float(moved_high)) - value
    below, above = score_bounds(value, trials, t)
    return Interval(
        max(0.0, value - math.hypot(value - below, fall)),
        min(1.0, value + math.hypot(above - value, rise)),
        f"MOVER of Wilson and the threshold's error{_numbers(group)}",
    )


def _effective_trials(
    group: Group, of: Bools, hits: Bools, share: float, confidence: float
) -> tuple[float, float]:
    """Effective number of cases behind a share of a class, and the quantile that fits it."""
    n = float(np.count_nonzero(of))
    if not group.clustered:
        return n, linearised.quantile(confidence, math.inf)
    patients = equal_patients(group.patient[of])
    rate = float(np.count_nonzero(hits & of)) / n
    known = linearised.error(group, np.where(of, (hits - rate) / n, 0.0))
    binomial = max(share * (1.0 - share), rate * (1.0 - rate))
    variance = mixed_variance(rate, known, patients)
    effective = min(n, binomial / variance) if variance > 0.0 else patients
    freedom = linearised.effective_patients(group.patient[of], group.n_patients) - 1.0
    return effective, linearised.quantile(confidence, freedom)


def _quantile_above(s: Floats, rate: float) -> float:
    """The score that a share ``rate`` of the cases is above, at most."""
    place = min(s.size - 1, math.floor(rate * s.size + 1e-9))
    return float(np.partition(s, s.size - 1 - place)[s.size - 1 - place])


@dataclass(frozen=True, slots=True)
class PrecisionCurve:
    """Average precision, the same with each positive case counted half, and its influence."""

    value: float
    halved: float
    influence: Floats


def precision_curve(y: Bools, s: Floats) -> PrecisionCurve:
    """How average precision moves with the weight of each case, (cases,).

    Formula, with g_k positives at the k-th distinct score from above, P_k = TP_k / n_k the
    precision there and n_k the cases at or above: a positive case at k moves it by
    (P_k + sum_{j >= k} g_j FP_j / n_j^2 - AP) / m, a negative one by
    -sum_{j >= k} g_j TP_j / n_j^2 / m.
    """
    distinct, member = np.unique(-s, return_inverse=True)
    gain = np.bincount(member[y], minlength=distinct.size).astype(np.float64)
    all_ = np.cumsum(np.bincount(member, minlength=distinct.size)).astype(np.float64)
    true = np.cumsum(gain)
    positive = float(true[-1])
    precision = true / all_
    value = float(gain @ precision) / positive
    halved = float(gain @ ((true - 0.5) / (all_ - 0.5))) / positive
    rise = np.cumsum((gain * (all_ - true) / all_**2)[::-1])[::-1]
    fall = np.cumsum((gain * true / all_**2)[::-1])[::-1]
    moved = np.where(y, (precision + rise)[member] - value, -fall[member])
    return PrecisionCurve(value, halved, moved / positive)


@dataclass(frozen=True, slots=True)
class Strip:
    """Share of a strip of the ROC square under the curve, and its influence (cases,)."""

    share: float
    influence: Floats


def strip(group: Group, low: float, high: float, by: float) -> Strip:
    """The strip from ``low`` to ``high``, each negative case moved ``by`` cases to the right."""
    return _strip(_ranks(group), low, high, by)


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Ranks of each class among the other; ``positive`` and ``negative`` the rows by rising score.

    ``above`` (positives,) how many negatives are above, ties one half; ``first`` and ``last``
    (negatives,) how many positives are below, without and with those tied.
    """

    positive: Ints
    negative: Ints
    above: Floats
    first: Ints
    last: Ints


def _ranks(group: Group) -> _Ranks:
    order = np.argsort(group.s, kind="stable")
    positive, negative = order[group.y[order]], order[~group.y[order]]
    diseased, healthy = group.s[positive], group.s[negative]
    first = np.searchsorted(healthy, diseased, "left")
    last = np.searchsorted(healthy, diseased, "right")
    return _Ranks(
        positive,
        negative,
        np.asarray(healthy.size - 0.5 * (first + last), dtype=np.float64),
        np.searchsorted(diseased, healthy, "left"),
        np.searchsorted(diseased, healthy, "right"),
    )


def _strip(ranks: _Ranks, low: float, high: float, by: float) -> Strip:
    m, n = ranks.positive.size, ranks.negative.size
    place = (ranks.above + by) / n  # falls
    part = (high - np.clip(place, low, high)) / (high - low)
    start = int(np.searchsorted(-place, -high, "right"))
    stop = int(np.searchsorted(-place, -low, "left"))
    twice = np.clip(ranks.first, start, stop) + np.clip(ranks.last, start, stop)
    beaten = (0.5 * twice - start) / (m * (high - low))
    influence = np.empty(m + n)
    influence[ranks.positive] = (part - part.mean()) / m
    influence[ranks.negative] = (beaten.mean() - beaten) / n
    return Strip(float(part.mean()), influence)


def _error(group: Group, influence: Floats, fewest: float) -> linearised.Error:
    """Standard error of a figure; without variance, the degrees of freedom of ``fewest``."""
    known = linearised.error(group, influence)
    if known.standard_error > 0.0:
        return known
    return linearised.Error(0.0, max(1.0, fewest - 1.0))


def _effective_classes(group: Group) -> tuple[float, float]:
    """Effective number of patients with positive and with negative cases, two of each at least."""
    counts = []
    for of_class, name in ((group.y, "positive"), (~group.y, "negative")):
        patients = arrays.renumbered(group.patient[of_class])[1]
        if patients < 2:
            raise UndefinedMetric(
                f"insufficient data: an interval needs two patients with {name} cases; "
                f"got {patients}"
            )
        counts.append(equal_patients(group.patient[of_class]))
    return counts[0], counts[1]


def _turned(group: Group) -> Group:
    return replace(group, y=~group.y, s=-group.s)


def _over(group: Group) -> str:
    return " over patients" if group.clustered else ""


def _numbers(group: Group) -> str:
    return ", effective numbers of cases (patient-clustered)" if group.clustered else ""
