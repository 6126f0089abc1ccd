"""The difference of two AUROCs whose estimated variance is 0.

The variance of a perfect AUROC is estimated as 0, from four cases as from a thousand. Dividing by
it gives p = 0. The interval of each AUROC by itself, Wilson's at 0 and 1, still knows the number of
patients: the two make an interval of the difference (MOVER), and the interval a p-value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.intervals.mover import Part, difference
from metrics.intervals.proportions import logit_symmetric, normal_p_value, wilson

NO_VARIANCE = 1e-30
_LARGEST_Z = 7.0
"""The furthest that a confidence below 1 still tells apart: p = 2.6e-12."""


@dataclass(frozen=True, slots=True)
class Area:
    """An AUROC, its variance, and the patients of the class that has fewer."""

    value: float
    variance: float
    fewest: int

    def bounds(self, confidence: float) -> tuple[float, float]:
        """The AUROC's own interval: logit, or Wilson's at 0 and 1."""
        if 0.0 < self.value < 1.0:
            error = math.sqrt(max(self.variance, 0.0))
            return logit_symmetric(self.value, error, confidence)
        return wilson(self.value * self.fewest, self.fewest, confidence)


def mover(first: Area, second: Area, confidence: float, *, related: bool) -> tuple[float, float]:
    """Interval of a difference D = A - B from the intervals of A and B.

    Formula: as ``metrics.intervals.mover.difference``. ``related``: both figures are of
    the same cases; then the correlation is taken as -1, the worst case. Source: Zou & Donner 2008.
    """
    a, b = (Part(area.value, *area.bounds(confidence)) for area in (first, second))
    ends = difference(a, b, -1.0 if related else 0.0)
    return max(ends.low, -1.0), min(ends.high, 1.0)


def mover_p_value(first: Area, second: Area, *, related: bool) -> float:
    """P-value of no difference, from ``mover`` turned about.

    Formula: 1 less the confidence at which the interval ends at 0. Not below ``least_p_value``; 1
    where the two are equal.
    """

    def excludes_zero(z: float) -> bool:
        low, high = mover(first, second, 1.0 - normal_p_value(z), related=related)
        return low > 0.0 or high < 0.0

    inside, outside = 0.0, _LARGEST_Z
    if first.value != second.value:
        for _ in range(60):
            z = (inside + outside) / 2.0
            inside, outside = (z, outside) if excludes_zero(z) else (inside, z)
    return max(normal_p_value(inside), least_p_value(min(first.fewest, second.fewest)))


def least_p_value(fewest: int) -> float:
    """The least p-value that ``fewest`` patients of a class can support.

    Formula: 2^(1 - k). Were the submission that wins a coin's choice in each of k pairs of a
    positive and a negative patient, all k would still agree that often.
    """
    return min(1.0, 2.0 ** (1 - fewest))


def fewest_of_a_class(y: Bools, patient: Ints) -> int:
    """How many patients the class has that has fewer."""
    return min(arrays.renumbered(patient[side])[1] for side in (y, ~y))


def rank_alike(a: Floats, b: Floats) -> bool:
    """Whether two scores put the cases in one and the same order, ties included."""
    first, second = (np.unique(s, return_inverse=True)[1] for s in (a, b))
    return bool(np.array_equal(first, second))
