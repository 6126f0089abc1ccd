"""Intervals over patients of figures of marks.

Areas have the variance of their structural components, summed over patients (DeLong 1988;
Obuchowski 1997). A sensitivity at a rate of false marks has two errors, which MOVER adds: that of a
share of lesions, and that of the threshold, which was read from the false marks.
"""

from __future__ import annotations

import math

import numpy as np

from metrics.arrays import Floats, kish_effective_n
from metrics.estimate import Interval, UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised
from metrics.intervals.near_limits import equal_patients, logit_share
from metrics.marks.areas import Area
from metrics.marks.study import Froc, Study

LEAST_EXPECTED = 1.5
"""False marks that a declared rate must expect in the group, for its threshold to have an error."""
_POISSON_MARKS = 0.5


def area_interval(group: Group, study: Study, area: Area, confidence: float) -> Interval:
    """Interval of an AFROC or wAFROC: structural components over patients, logit scale, t.

    Undefined with fewer than two patients with lesions or without.
    """
    diseased = _patients(group, study.lesions_of_case)
    others = study.normal if study.normal.any() else np.ones(study.n_cases, dtype=np.bool_)
    normal = equal_patients(group.patient[others])
    fewest = min(diseased, normal)
    if fewest < 2.0 - 1e-9:
        raise UndefinedMetric(
            f"insufficient data: an interval needs two patients on either side; got {fewest:.4g}"
        )
    known = linearised.error(group, area.influence)
    if not known.standard_error > 0.0:
        known = linearised.Error(0.0, fewest - 1.0)
    low, high = logit_share(area.value, known, fewest, confidence)
    return Interval(low, high, "structural components over patients, logit, t")


def lesion_share_interval(group: Group, study: Study, hits: Floats, confidence: float) -> Interval:
    """Interval of a share of lesions; ``hits`` (cases,) how many of each case's were found.

    Formula: influence (hits - share lesions) / all lesions of each case, summed over patients;
    logit scale, t.
    """
    lesions = study.lesions_of_case
    share = float(hits.sum() / lesions.sum())
    patients = _patients(group, lesions)
    known = linearised.error(group, (hits - share * lesions) / lesions.sum())
    if not known.standard_error > 0.0:
        known = linearised.Error(0.0, max(1.0, patients - 1.0))
    low, high = logit_share(share, known, patients, confidence)
    return Interval(low, high, "share of lesions over patients, logit, t")


def sensitivity_interval(
    group: Group, study: Study, curve: Froc, rate: float, confidence: float
) -> Interval:
    """Interval of the sensitivity at ``rate`` false marks an image.

    MOVER adds the error of a share of lesions at the threshold read from the data to that of the
    threshold: the sensitivities at both ends of the interval of the rate, on a log scale. The
    variance of a rate is mixed with that of a Poisson count, as much as if that were half a false
    mark. Undefined where fewer than 1.5 false marks are expected at the rate and lower thresholds
    would give more.
    """
    place = curve.place_at(rate)
    threshold, value = float(curve.threshold[place]), float(curve.sensitivity[place])
    hits = study.hits(threshold)
    share = lesion_share_interval(group, study, hits, confidence)
    below, above = value - share.low, share.high - value
    more = place + 1 < curve.rate.size
    if more:
        low, high = _ends_of_rate(group, study, threshold, rate, confidence)
        fall = value - curve.sensitivity_at(low)
        rise = curve.sensitivity_at(high) - value
        below, above = math.hypot(below, max(0.0, fall)), math.hypot(above, max(0.0, rise))
    return Interval(
        max(0.0, value - below),
        min(1.0, value + above),
        "MOVER of the share of lesions and the threshold's error, over patients",
    )


def rate_interval(group: Group, study: Study, confidence: float) -> Interval:
    """Interval of the false marks an image: mean over patients, skewness allowed for, t.

    Without a false mark the upper end is that of a Poisson count of 0 (Garwood 1936) over the
    effective number of patients.
    """
    count = study.false_marks()
    value = float(count.mean())
    if not value > 0.0:
        patients = equal_patients(group.patient)
        return Interval(0.0, -math.log((1.0 - confidence) / 2.0) / patients, "Poisson (Garwood)")
    known = linearised.error(group, (count - value) / study.n_cases, skewed=True)
    if not known.standard_error > 0.0:
        raise UndefinedMetric("the cases show no variance")
    below, above = known.skewed_reach(confidence)
    return Interval(
        max(0.0, value - below), value + above, "mean over patients, skewness allowed for, t"
    )


def _ends_of_rate(
    group: Group, study: Study, threshold: float, rate: float, confidence: float
) -> tuple[float, float]:
    """Ends of the rate of false marks that a threshold of ``rate`` may show in such a group."""
    patients = equal_patients(group.patient)
    expected = rate * patients
    if expected < LEAST_EXPECTED - 1e-9:
        raise UndefinedMetric(
            f"insufficient data: a threshold at {rate:g} false marks an image needs "
            f"{math.ceil(LEAST_EXPECTED / rate - 1e-9)} images, effective number where patients "
            f"repeat; got {patients:.4g}"
        )
    count = study.false_marks(threshold)
    known = linearised.error(group, (count - count.mean()) / study.n_cases)
    marks = float(count.sum()) / study.n_cases * patients
    observed, model = known.standard_error**2, rate / patients
    variance = (marks * observed + _POISSON_MARKS * model) / (marks + _POISSON_MARKS)
    freedom = known.freedom if known.standard_error > 0.0 else patients - 1.0
    reach = linearised.quantile(confidence, freedom) * math.sqrt(variance) / rate
    return rate * math.exp(-reach), rate * math.exp(reach)


def _patients(group: Group, lesions: Floats) -> float:
    """Number of patients of equal size with as much to say on a share of the lesions."""
    own: Floats = np.bincount(group.patient, lesions, group.n_patients).astype(np.float64)
    return kish_effective_n(own)
