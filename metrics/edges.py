"""On which side of a threshold or a bin edge a score lies: one rule for every figure.

A network writes its scores as float32, which has 24 bits: 0.7 becomes 0.699999988. The threshold
and the edges are float64, and 0.1 + 0.2 is not 0.3 even there. A score this near to an edge is
therefore taken to lie on it. The tolerance is used in comparisons alone; stored scores stay as they
are.
"""

from __future__ import annotations

import math

import numpy as np

from metrics.arrays import Bools, Floats, Ints

TOLERANCE = 0.999e-6
"""Scores this near to an edge lie on it; relative for edges above 1, as of logits or percent.

It is a little under 1e-6, so that numbers written with six decimals stay apart.
"""


def lowest_called(threshold: float) -> float:
    """The lowest number that counts as the ``threshold`` itself.

    Formula: t - min(0.999e-6 max(1, |t|), |t| / 2). The half keeps a score of 0 below every
    threshold above 0.
    """
    if not math.isfinite(threshold):
        return threshold
    size = abs(threshold)
    return threshold - min(TOLERANCE * max(1.0, size), size / 2.0)


def called(s: Floats, threshold: float) -> Bools:
    """Whether each score (cases,) is called positive: at or above ``threshold``."""
    return np.asarray(s >= lowest_called(threshold))


def n_called(falling: Floats, threshold: float) -> int:
    """How many of the scores, in falling order, are called positive."""
    return int(np.searchsorted(-falling, -lowest_called(threshold), side="right"))


def bin_of(p: Floats, n_bins: int) -> Ints:
    """Equal-width bin 0..n_bins-1 of each probability, right edges included."""
    place = np.ceil((p - TOLERANCE) * n_bins) - 1
    return np.clip(place, 0, n_bins - 1).astype(np.int64)
