"""One-sided bounds of an AUROC, and of the difference of two on the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.discrimination.delong import (
    Placements,
    auroc_and_variance,
    clustered_covariance,
    delong_covariance,
    placements,
)
from metrics.intervals.no_variance import NO_VARIANCE, fewest_of_a_class
from metrics.intervals.proportions import logit_bounds

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Area:
    """An AUROC, its variance, and the patients of the class that has fewer."""

    value: float
    variance: float
    fewest: int

    def lower(self, level: float) -> float:
        """Lower bound at the one-sided ``level``, by the normal quantile on the logit scale.

        Formula: expit(logit A - z SE / (A (1 - A))). Without variance, as at an AUROC of 1, it is
        A level^(1/k), k the ``fewest`` patients: with this level at most 1 - level^(1/k) of such
        patients would do otherwise (Clopper & Pearson 1934), and at worst each of these loses to
        all of the other class. Source: DeLong 1988; Pepe 2003, section 5.2.4.
        """
        if not self.variance > NO_VARIANCE or not 0.0 < self.value < 1.0:
            return self.value * level ** (1.0 / self.fewest)
        reach = quantile(level) * math.sqrt(self.variance)
        return logit_bounds(self.value, reach)[0]

    def upper(self, level: float) -> float:
        """Upper bound at the one-sided ``level``: 1 less the lower one of 1 - A."""
        return 1.0 - Area(1.0 - self.value, self.variance, self.fewest).lower(level)


@dataclass(frozen=True, slots=True)
class AreaDifference:
    """The difference of two AUROCs on the same cases, its variance, and the fewer patients."""

    value: float
    variance: float
    fewest: int

    def lower(self, level: float) -> float:
        """Lower bound at the one-sided ``level``: D - z SE.

        Without variance, as where both rank all pairs alike, it is (1 + D) level^(1/k) - 1, k the
        ``fewest`` patients: at most 1 - level^(1/k) of such patients would do otherwise, and at
        worst each of these brings -1. Source: DeLong 1988.
        """
        if not self.variance > NO_VARIANCE:
            return (1.0 + self.value) * level ** (1.0 / self.fewest) - 1.0
        return max(-1.0, self.value - quantile(level) * math.sqrt(self.variance))


def area(y: Bools, s: Floats, patient: Ints, n_patients: int) -> Area:
    """AUROC with DeLong's variance, over patients where they repeat (Obuchowski 1997).

    Undefined with fewer than two cases, or patients, of a class.
    """
    arrays.both_classes("auroc", float(y.sum()), float((~y).sum()))
    fewest = fewest_of_a_class(y, patient)
    if n_patients == y.size:
        return Area(*auroc_and_variance(y, s), fewest)
    placed = placements(y, s)
    return Area(placed.auroc, clustered_covariance(placed, placed, y, patient), fewest)


def area_difference(
    y: Bools, s: Floats, other: Floats, patient: Ints, n_patients: int
) -> AreaDifference:
    """AUROC of ``s`` less that of ``other`` on the same cases, with DeLong's variance.

    Over patients where they repeat. Undefined with fewer than two cases, or patients, of a class.
    """
    first, second = placements(y, s), placements(y, other)
    # the variance of the difference of placements: nothing cancels, as it would in V + V - 2 C
    apart = Placements(
        first.auroc - second.auroc,
        first.positive - second.positive,
        first.negative - second.negative,
    )
    if n_patients == y.size:
        variance = delong_covariance(apart, apart)
    else:
        variance = clustered_covariance(apart, apart, y, patient)
    return AreaDifference(apart.auroc, variance, fewest_of_a_class(y, patient))


def quantile(level: float) -> float:
    """Standard normal quantile that a share ``level`` lies above; exact in the far tail."""
    return -_NORMAL.inv_cdf(level)
