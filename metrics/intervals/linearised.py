"""One variance for every smooth figure: its influence, summed over patients within strata.

A figure F of the data is near F + sum of ``influence`` over the cases: how much the figure moves
for each case. Influences of a patient's cases are added up, centred within the strata of the
sampling design, and squared. Where the number of positives was set by design the strata are the
classes, and the part of the variance that comes from chance in the prevalence is gone; where it
was left to chance there is one stratum (Deville 1999; Binder 1983).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.group import Group
from metrics.intervals.proportions import normal_quantile

FEWEST_INFORMATIVE = 15
"""Patients' worth of information that predictions must hold for a test or interval of calibration.

Predictions near 0 and 1 hold next to none. With fewer, Welch's F rejected 0.06 to 0.14 where
nothing differed, and the interval of the Brier score held 0.86 to 0.92 (AUROC 0.99, groups of 30 to
60 patients).
"""


@dataclass(frozen=True, slots=True)
class Error:
    """Standard error of a figure, the degrees of freedom it is known with, and its skewness.

    ``skewness`` is that of the figure itself, sum Z^3 / (sum Z^2)^1.5 over the patients' centred
    influences Z.
    """

    standard_error: float
    freedom: float
    skewness: float = 0.0

    def reach(self, confidence: float) -> float:
        """Half the width of a symmetric interval: Student's quantile times the error."""
        return quantile(confidence, self.freedom) * self.standard_error

    def skewed_reach(self, confidence: float) -> tuple[float, float]:
        """How far an interval reaches below and above the figure, its skewness allowed for.

        Formula: t turned into (3 / a) ((1 + a (t - a / 6))^(1/3) - 1), a the skewness: Hall's
        transformation, which gives the mean of a long tail the upper end that the symmetric
        interval denies it. Source: Hall 1992; Zhou & Gao 2000.
        """
        t, a = quantile(confidence, self.freedom), self.skewness
        if abs(a) < 1e-6:
            return t * self.standard_error, t * self.standard_error

        def turned(x: float) -> float:
            return float(3.0 / a * (np.cbrt(1.0 + a * (x - a / 6.0)) - 1.0))

        return turned(t) * self.standard_error, -turned(-t) * self.standard_error


def error(group: Group, influence: Floats, *, skewed: bool = False) -> Error:
    """Standard error of the figure whose ``influence`` (cases,) is given.

    Formula: sum over strata h of c_h [sum_p Z_p^2 - (sum_p Z_p)^2 / N_h], Z_p the influence of
    patient p, N_h the patients that the cohort drew in h and c_h = n_h / (n_h - 1) for the n_h of
    them in the group. Where patients repeat, the influence of a patient through the cases of a
    class is divided by 1 - its share of them, which is how far the figure moves without it, and
    c_h = (n_h - 1) / n_h: the jackknife over patients (Efron 1982). Degrees of freedom:
    Satterthwaite's over the two classes, each with its ``effective_patients`` less one. ``skewed``
    asks for the skewness too. Undefined with fewer than two patients.
    """
    if group.n_patients < 2:
        raise UndefinedMetric("an interval needs two patients; got one")
    positive, negative = _by_class(group, influence)
    each = positive + negative
    variance = _within_strata(group, each, each)
    skewness = _skewness(group, each) if skewed else 0.0
    return Error(math.sqrt(max(variance, 0.0)), _freedom(group, positive, negative), skewness)


@dataclass(frozen=True, slots=True, eq=False)
class PatientSums:
    """Influences of several figures of one group through each class of patients' cases.

    ``positive`` and ``negative`` (figures, patients).
    """

    positive: Floats
    negative: Floats

    @classmethod
    def of(cls, group: Group, influences: Floats) -> PatientSums:
        """Add up the ``influences`` (figures, cases), as ``error`` does for one figure."""
        both = [_by_class(group, each) for each in influences]
        return cls(np.stack([each[0] for each in both]), np.stack([each[1] for each in both]))

    def less(self, other: int, others: slice) -> PatientSums:
        """Those of the differences of one figure, by its place, and ``others``."""
        return PatientSums(
            self.positive[other] - self.positive[others],
            self.negative[other] - self.negative[others],
        )

    def covariance(self, group: Group) -> Floats:
        """Covariances of the figures (figures, figures) within the strata of the design."""
        each = self.positive + self.negative
        found = np.zeros((each.shape[0], each.shape[0]))
        for h, few in enumerate(_corrections(group)):
            mine = each[:, group.stratum == h]
            total = mine.sum(axis=1)
            found += few * (mine @ mine.T - np.outer(total, total) / max(1, int(group.drawn[h])))
        return found

    def errors(self, group: Group) -> tuple[Floats, Floats]:
        """Standard error and degrees of freedom of each figure, both (figures,); as ``error``."""
        each = self.positive + self.negative
        variance = np.zeros(each.shape[0])
        for h, few in enumerate(_corrections(group)):
            mine = each[:, group.stratum == h]
            square = (mine**2).sum(axis=1)
            centred = square - mine.sum(axis=1) ** 2 / max(1, int(group.drawn[h]))
            variance += few * np.where(np.abs(centred) <= 1e-12 * square, 0.0, centred)
        spread, known = np.zeros(variance.size), np.zeros(variance.size)
        for kept, part in ((group.y, self.positive), (~group.y, self.negative)):
            own = (part**2).sum(axis=1)
            spread += own
            known += own**2 / max(_patients_with(group, kept) - 1.0, 1.0)
        freedom = np.divide(spread**2, known, out=np.full(known.size, np.inf), where=known > 0)
        return np.sqrt(np.maximum(variance, 0.0)), freedom


def covariance(group: Group, a: Floats, b: Floats) -> float:
    """Covariance of two figures of one group from their influences (cases,)."""
    one = sum(_by_class(group, a))
    other = sum(_by_class(group, b))
    return _within_strata(group, np.asarray(one), np.asarray(other))


def correlation(group: Group, a: Floats, b: Floats) -> float:
    """Correlation of two figures of one group; 0 where one of them does not vary."""
    variances = covariance(group, a, a) * covariance(group, b, b)
    if not variances > 0:
        return 0.0
    return min(1.0, max(-1.0, covariance(group, a, b) / math.sqrt(variances)))


def effective_patients(patient: Ints, n_patients: int) -> float:
    """Number of patients of equal size that would estimate a variance as well as these do.

    Formula: (sum m^2)^2 / sum m^4 over patients with m cases: the patients themselves where all
    have as many, few where some have most of the cases (Satterthwaite 1946; Kish 1965).
    """
    size = np.bincount(patient, minlength=n_patients).astype(np.float64)
    return arrays.kish_effective_n(size**2)


def quantile(confidence: float, freedom: float) -> float:
    """Two-sided quantile of Student's t; the normal's where the degrees of freedom are endless."""
    if not freedom < 1e6:
        return normal_quantile(confidence)
    from scipy.special import stdtrit  # scipy is costly to import

    return float(stdtrit(max(freedom, 1.0), 0.5 + confidence / 2.0))


def _by_class(group: Group, influence: Floats) -> tuple[Floats, Floats]:
    """Influence of each patient through its positive and through its negative cases."""
    return (
        _of_patients(group, influence, group.y),
        _of_patients(group, influence, ~group.y),
    )


def _of_patients(group: Group, influence: Floats, kept: Bools) -> Floats:
    """Sums over each patient's ``kept`` cases, enlarged where the patient has many of them."""
    if not group.clustered:
        moved = np.empty(group.n_patients)
        moved[group.patient] = np.where(kept, influence, 0.0)
        return moved
    found = np.bincount(group.patient[kept], influence[kept], group.n_patients)
    size = np.bincount(group.patient[kept], minlength=group.n_patients)
    return found / np.maximum(1.0 - size / max(1, int(size.sum())), 0.5)


def _within_strata(group: Group, a: Floats, b: Floats) -> float:
    n_strata = group.drawn.size
    products = np.bincount(group.stratum, a * b, n_strata)
    sum_a = np.bincount(group.stratum, a, n_strata)
    sums = sum_a * (sum_a if b is a else np.bincount(group.stratum, b, n_strata))
    centred = products - sums / np.maximum(group.drawn, 1)
    centred[np.abs(centred) <= 1e-12 * np.abs(products)] = 0.0  # what rounding leaves of nothing
    return float(_corrections(group) @ centred)


def _corrections(group: Group) -> Floats:
    """What the variance of each stratum (strata,) is multiplied by for its few patients."""
    own = np.bincount(group.stratum, minlength=group.drawn.size)
    some = np.where(own > 1, own, group.n_patients)
    few = (some - 1.0) / some  # leaving a patient out already enlarged what it adds
    return np.asarray(few if group.clustered else 1.0 / few)


def _skewness(group: Group, each: Floats) -> float:
    own = np.bincount(group.stratum)
    mean = np.bincount(group.stratum, each) / np.maximum(own, 1)
    centred = each - (mean[group.stratum] if mean.size > 1 else mean[0])
    square = centred * centred
    spread = float(square.sum())
    return float(square @ centred) / spread**1.5 if spread > 0 else 0.0


def _freedom(group: Group, positive: Floats, negative: Floats) -> float:
    variance, known = 0.0, 0.0
    for kept, part in ((group.y, positive), (~group.y, negative)):
        mine = float(part @ part)
        if mine > 0:
            variance += mine
            known += mine**2 / max(_patients_with(group, kept) - 1.0, 1.0)
    return variance**2 / known if known > 0 else math.inf


def _patients_with(group: Group, kept: Bools) -> float:
    """How many patients have the cases ``kept`` (cases,); effective ones where they repeat."""
    if group.clustered:
        return effective_patients(group.patient[kept], group.n_patients)
    return float(np.count_nonzero(kept))
