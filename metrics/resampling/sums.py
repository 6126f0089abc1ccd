"""Sums that one walk down the scores leaves for each replicate, and figures made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats
from metrics.operating_points.rates import Confusion

# kernels.py compiles these numbers in: after a change there, delete its cached machine code.
LANES = 64
"""Replicates in a block: one cache line of bytes."""

POSITIVE = 1
"""Flag of a case: it is positive."""
TIED = 2
"""It shares its score with another of its group, and not all of those are negative."""
TIE_START = 4
TIE_END = 8
BIN_END = 16
"""It is the last of its equal-width bin."""
CALLED_END = 32
"""It is the last at or above the threshold."""

FIGURES = 9
TP, FP, CALLED_TP, CALLED_FP, AREA, PRECISION, SQUARES, GAP, BIN_GAP = range(FIGURES)
"""Rows of the sums: weight of positives and negatives, the same at or above the threshold, twice
the Mann-Whitney count, precision over positives, (p - y)^2, y - p, |sum of y - p| over bins."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of every replicate for one group: (figures of ``kernels``, replicates)."""

    values: Floats

    @property
    def positive(self) -> Floats:
        """Weight of positive cases."""
        return self.values[TP]

    @property
    def negative(self) -> Floats:
        """Weight of negative cases."""
        return self.values[FP]

    @property
    def true_positive(self) -> Floats:
        """Weight of positive cases at or above the threshold."""
        return self.values[CALLED_TP]

    @property
    def false_positive(self) -> Floats:
        """Weight of negative cases at or above the threshold."""
        return self.values[CALLED_FP]

    @property
    def confusion(self) -> Confusion[Floats]:
        """The 2x2 table a replicate at the threshold of the walk."""
        tp, fp = self.true_positive, self.false_positive
        return Confusion(tp, fp, self.positive - tp, self.negative - fp)

    @property
    def auroc(self) -> Floats:
        """AUROC a replicate; not finite where a class is missing."""
        return _share(self.values[AREA], 2.0 * self.positive * self.negative)

    @property
    def average_precision(self) -> Floats:
        """Average precision a replicate; not finite without positives."""
        return np.minimum(_share(self.values[PRECISION], self.positive), 1.0)

    @property
    def brier(self) -> Floats:
        """Brier score a replicate."""
        return np.minimum(_share(self.values[SQUARES], self.positive + self.negative), 1.0)

    @property
    def ece(self) -> Floats:
        """Expected calibration error a replicate."""
        return np.minimum(_share(self.values[BIN_GAP], self.positive + self.negative), 1.0)

    @property
    def observed_minus_expected(self) -> Floats:
        """Prevalence minus mean probability a replicate."""
        return np.clip(_share(self.values[GAP], self.positive + self.negative), -1.0, 1.0)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
