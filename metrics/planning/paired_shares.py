"""Exact power of a claim on the difference of two paired proportions, by Tango's bound."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats

_NEGLIGIBLE = 1e-12
"""Chance below which a number of discordant pairs is left out."""


def power(
    n: ArrayLike, goal: float, only_first: float, only_second: float, level: float
) -> Floats:
    """Chance that Tango's lower bound of first less second reaches ``goal``.

    ``n`` (sizes,) pairs; the first alone is right with chance ``only_first``, the second alone with
    ``only_second``. Exact, over the trinomial, but for numbers of discordant pairs whose chance is
    below 1e-12 each.
    """
    n_ = np.atleast_1d(np.asarray(n, dtype=np.int64))
    found = [_power(int(each), goal, only_first, only_second, level) for each in n_.ravel()]
    return np.array(found).reshape(n_.shape)


@lru_cache(maxsize=8192)
def _power(n: int, goal: float, only_first: float, only_second: float, level: float) -> float:
    from scipy.stats import binom  # scipy is costly to import

    from metrics.claims.needed import of_pairs

    if n < 1:
        return 0.0
    both = only_first + only_second
    if not both > 0.0:
        met = of_pairs(np.zeros(1), np.zeros(1), n, goal) <= level
        return float(met[0])
    apart = np.arange(n + 1)
    chance = binom.pmf(apart, n, both)
    apart, chance = apart[chance > _NEGLIGIBLE], chance[chance > _NEGLIGIBLE]
    first = np.arange(int(apart.max()) + 1)[np.newaxis, :]
    second = apart[:, np.newaxis] - first
    of_first = binom.pmf(first, apart[:, np.newaxis], only_first / both)
    kept = (second >= 0) & (of_first > _NEGLIGIBLE)
    met = np.zeros(kept.shape, dtype=np.bool_)
    b = np.broadcast_to(first, kept.shape)[kept].astype(np.float64)
    met[kept] = of_pairs(b, second[kept].astype(np.float64), n, goal) <= level
    return float(chance @ (of_first * met).sum(axis=1))
