"""On which side of a threshold or a bin edge a score lies: one rule for every figure.

A network writes its scores as float32, which has 24 bits: 0.7 becomes 0.699999988. The threshold
and the edges are float64, and 0.1 + 0.2 is not 0.3 even there. A score this near to an edge is
therefore taken to lie on it. The tolerance is used in comparisons alone; stored scores stay as they
are.

It is relative to the edge, as the rounding is. An absolute one would call scores at the threshold
of a rare finding that lie well below it: 0.0018711 at 0.001872.
"""

from __future__ import annotations

import math

import numpy as np

from metrics.arrays import Bools, Floats, Ints

TOLERANCE = 0.999e-6
"""Share of an edge within which a score lies on it.

It is a little under 1e-6, so that probabilities written with six decimals stay apart.
"""


def called(s: Floats, threshold: float) -> Bools:
    """Whether each score (cases,) is called positive: at or above ``threshold``."""
    return np.asarray(s >= _lowest(threshold))


def n_called(falling: Floats, threshold: float) -> int:
    """How many of the scores, in falling order, are called positive."""
    return int(np.searchsorted(-falling, -_lowest(threshold), side="right"))


def bin_of(p: Floats, n_bins: int) -> Ints:
    """Equal-width bin 0..n_bins-1 of each probability, right edges included."""
    place = np.ceil(p * (n_bins * (1.0 - TOLERANCE))) - 1
    return np.clip(place, 0, n_bins - 1).astype(np.int64)


def _lowest(threshold: float) -> float:
    """The lowest number that counts as the threshold itself."""
    return threshold - TOLERANCE * abs(threshold) if math.isfinite(threshold) else threshold
