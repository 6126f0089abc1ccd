"""One-sided bounds of a proportion, and of the difference of two on the same cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.claims import tango
from metrics.estimate import UndefinedMetric
from metrics.intervals import linearised
from metrics.intervals.proportions import score_bounds


@dataclass(frozen=True, slots=True)
class Count:
    """``hits`` of ``n`` independent cases."""

    hits: int
    n: int

    def lower(self, level: float) -> float:
        """Exact lower bound: the beta quantile at ``level`` (Clopper & Pearson 1934)."""
        from scipy.special import betaincinv  # scipy is costly to import

        if self.hits == 0:
            return 0.0
        return float(betaincinv(self.hits, self.n - self.hits + 1.0, level))

    def upper(self, level: float) -> float:
        """Exact upper bound: 1 less the lower one of the cases that are no hits."""
        return 1.0 - Count(self.n - self.hits, self.n).lower(level)


@dataclass(frozen=True, slots=True)
class ClusteredShare:
    """A share of cases of patients who have several: its ``effective`` number of cases.

    ``freedom`` is the effective number of patients less 1.
    """

    value: float
    effective: float
    freedom: float

    def lower(self, level: float) -> float:
        """Wilson's lower bound at the effective number, by Student's t."""
        return self._bounds(level)[0]

    def upper(self, level: float) -> float:
        """Wilson's upper bound at the effective number, by Student's t."""
        return self._bounds(level)[1]

    def _bounds(self, level: float) -> tuple[float, float]:
        t = linearised.quantile(1.0 - 2.0 * level, self.freedom)
        return score_bounds(self.value, self.effective, t)


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """Pairs in which one alone is right: ``only_first``, ``only_second``, of ``n`` pairs.

    Where patients repeat all three are scaled to the effective number of pairs, and ``freedom`` is
    the effective number of patients less 1; endless where none repeats.
    """

    only_first: float
    only_second: float
    n: float
    freedom: float

    def lower(self, level: float) -> float:
        """Tango's lower bound of first less second, by the normal quantile or Student's t."""
        t = linearised.quantile(1.0 - 2.0 * level, self.freedom)
        return tango.lower_bound(self.only_first, self.only_second, self.n, t)


def clustered_share(hits: Floats, patient: Ints) -> ClusteredShare:
    """Share of ``hits`` (cases,) 0 or 1, over patients (cases,) numbered from 0."""
    effective, freedom = effective_number(hits, patient)
    return ClusteredShare(float(hits.mean()), effective, freedom)


def paired_counts(first: Floats, second: Floats, patient: Ints, n_patients: int) -> PairedCounts:
    """Counts of two rows of answers (cases,), 1 where right, on the same cases."""
    apart = first - second
    n = float(apart.size)
    b, c = float((apart > 0).sum()), float((apart < 0).sum())
    if n_patients == apart.size:
        return PairedCounts(b, c, n, np.inf)
    effective, freedom = effective_number(apart, patient)
    return PairedCounts(b * effective / n, c * effective / n, effective, freedom)


def effective_number(values: Floats, patient: Ints) -> tuple[float, float]:
    """Independent cases that would tell as much of the mean of ``values`` (cases,).

    With the degrees of freedom of its variance, both as in ``effective_numbers``.
    """
    size = np.bincount(patient).astype(np.float64)
    sums = np.bincount(patient, values).astype(np.float64)
    numbers, freedom = effective_numbers(sums[None, :], np.array([float(values @ values)]), size)
    return float(numbers[0]), freedom


def effective_numbers(sums: Floats, squares: Floats, size: Floats) -> tuple[Floats, float]:
    """Independent cases that would tell as much of a mean, for many studies: (studies,).

    ``sums`` (studies, patients) of the values of each patient's cases, ``squares`` (studies,) the
    sum of all squared values, ``size`` (patients,) cases of each. Formula: s^2 / V, never above
    the cases: s^2 the mean square of the values about their mean, V the jackknife variance of the
    mean over patients (Rao & Scott 1992). Where no value differs, (sum m)^2 / sum m^2 for patients
    of m cases, as if all of a patient were alike (Kish 1965). Freedom: (sum m^2)^2 / sum m^4 - 1,
    the same for all. Undefined with one patient.
    """
    n = float(size.sum())
    k = int(np.count_nonzero(size))
    if k < 2:
        raise UndefinedMetric("a bound over patients needs two patients; got one")
    mean = sums.sum(axis=1) / n
    spread = squares / n - mean**2
    moved = (sums - mean[:, None] * size) / np.maximum(n - size, 0.5)
    variance = (k - 1) / k * np.einsum("ij,ij->i", moved, moved)
    differs = spread > 1e-12
    varies = differs & (variance > 0.0)
    numbers = np.where(varies, spread / np.where(varies, variance, 1.0), n)
    numbers = np.where(differs, np.minimum(numbers, n), arrays.kish_effective_n(size))
    return numbers, arrays.kish_effective_n(size**2) - 1.0
