"""The bound of a part of a claim, as it is released and as it decides."""

from __future__ import annotations

import math

import numpy as np

from metrics import arrays, edges
from metrics.arrays import Bools, Floats, Ints
from metrics.claims import areas, shares
from metrics.claims.claim import STEPS, Bound, CaseData, Part
from metrics.estimate import UndefinedMetric

_ROUNDING = 1e-7
"""Share of a thousandth by which the arithmetic of a bound may err."""

CLOPPER_PEARSON = "Clopper-Pearson"
CLUSTERED_SCORE = "Wilson, effective number of cases, Student's t (patient-clustered)"
TANGO = "Tango's score bound"
CLUSTERED_TANGO = "Tango's score bound, effective number of cases, Student's t (patient-clustered)"
DELONG = "DeLong, logit"
CLUSTERED_DELONG = "DeLong, patient-clustered (Obuchowski), logit"
PAIRED_DELONG = "paired DeLong"
CLUSTERED_PAIRED_DELONG = "paired DeLong, patient-clustered (Obuchowski)"


def bound(part: Part, data: CaseData, level: float) -> Bound:
    """The printed bound of ``part`` at the one-sided ``level``.

    The lower bound, the upper one where the part is ``at_most``; of the difference, submission
    less comparator, where it names a comparator. Proportions: Clopper-Pearson, and Wilson's at the
    effective number of cases where patients repeat; their difference Tango's score bound. AUROC:
    DeLong on the logit scale; their difference DeLong's. It holds in either sampling design: these
    figures do not depend on the prevalence. Undefined with fewer than two cases, or patients, of a
    class for an AUROC, without a case of the class for a rate, and without a threshold.
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"the level of a bound is {level:g}; give one above 0 and below 0.5")
    y = arrays.labels(data.labels)
    s = arrays.scores(data.scores, y.size)
    patient, n_patients = arrays.clusters(
        None if data.patients is None else np.asarray(data.patients), y.size
    )
    if part.figure == "auroc":
        value, limit, method = _of_areas(part, data, y, s, patient, n_patients, level)
    else:
        value, limit, method = _of_shares(part, data, y, s, patient, level)
    return Bound(
        figure=part.figure,
        value=value,
        bound=outward(limit, upper=part.upper),
        level=level,
        n_cases=int(y.size),
        n_positive=int(np.count_nonzero(y)),
        n_patients=n_patients,
        method=method,
    )


def outward(bound: float, *, upper: bool = False) -> float:
    """A bound in whole thousandths: a lower one rounded down, an upper one rounded up.

    A bound that lies on a thousandth but for the error of its arithmetic stays there.
    """
    steps = bound * STEPS
    rounded = math.ceil(steps - _ROUNDING) if upper else math.floor(steps + _ROUNDING)
    return rounded / STEPS + 0.0  # no -0.0


def _of_areas(
    part: Part,
    data: CaseData,
    y: Bools,
    s: Floats,
    patient: Ints,
    n_patients: int,
    level: float,
) -> tuple[float, float, str]:
    clustered = n_patients < y.size
    if part.comparator is None:
        one = areas.area(y, s, patient, n_patients)
        limit = one.upper(level) if part.upper else one.lower(level)
        return one.value, limit, CLUSTERED_DELONG if clustered else DELONG
    other = arrays.scores(_comparator(part, data), y.size)
    two = areas.area_difference(y, s, other, patient, n_patients)
    method = CLUSTERED_PAIRED_DELONG if clustered else PAIRED_DELONG
    return two.value, two.lower(level), method


def _of_shares(
    part: Part, data: CaseData, y: Bools, s: Floats, patient: Ints, level: float
) -> tuple[float, float, str]:
    positive = part.figure == "sensitivity"
    counted = y if positive else ~y
    if not counted.any():
        raise UndefinedMetric(
            f"{part.figure} needs {'positive' if positive else 'negative'} cases; got none"
        )
    right = (edges.called(s, _threshold(part, data)) == positive)[counted]
    own, n_patients = arrays.renumbered(patient[counted])
    clustered = n_patients < right.size
    if part.comparator is None:
        share = float(right.mean())
        one: shares.Count | shares.ClusteredShare
        if clustered:
            one = shares.clustered_share(right.astype(np.float64), own)
        else:
            one = shares.Count(int(right.sum()), right.size)
        limit = one.upper(level) if part.upper else one.lower(level)
        return share, limit, CLUSTERED_SCORE if clustered else CLOPPER_PEARSON
    theirs = (_calls(part, data, y.size) == positive)[counted]
    two = shares.paired_counts(right.astype(np.float64), theirs.astype(np.float64), own, n_patients)
    value = float(right.mean()) - float(theirs.mean())
    return value, two.lower(level), CLUSTERED_TANGO if clustered else TANGO


def _threshold(part: Part, data: CaseData) -> float:
    threshold = data.threshold if part.threshold is None else part.threshold
    if threshold is None:
        raise UndefinedMetric(
            f"{part.figure} needs a threshold; neither the claim nor the submission declares one"
        )
    return threshold


def _comparator(part: Part, data: CaseData) -> np.ndarray:
    if data.comparator is None:
        raise UndefinedMetric(f"the cases lack the comparator {part.comparator!r}")
    return data.comparator


def _calls(part: Part, data: CaseData, n: int) -> Bools:
    calls = np.asarray(_comparator(part, data))
    if calls.shape != (n,) or not np.isin(calls, (0, 1)).all():
        raise UndefinedMetric(
            f"{part.figure} compares calls; give a call, 0 or 1, of {part.comparator!r} for each "
            f"of the {n} cases"
        )
    return calls.astype(np.bool_)
