"""Exact power of a claim on the difference of two paired proportions, by Tango's bound."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats, Ints
from metrics.claims.needed import of_pairs
from metrics.planning.proportions import NEGLIGIBLE


def power(n: ArrayLike, goal: float, only_first: float, only_second: float, level: float) -> Floats:
    """Chance that Tango's lower bound of first less second reaches ``goal``.

    ``n`` (sizes,) pairs; the first alone is right with chance ``only_first``, the second alone
    with ``only_second``. Exact, over the trinomial, but for numbers of discordant pairs beyond a
    chance of 1e-12.
    """
    n_ = np.atleast_1d(np.asarray(n, dtype=np.int64))
    powers = [_power(int(each), goal, only_first, only_second, level) for each in n_.ravel()]
    return np.array(powers).reshape(n_.shape)


@lru_cache(maxsize=8192)
def _power(n: int, goal: float, only_first: float, only_second: float, level: float) -> float:
    from scipy.stats import binom  # scipy is costly to import

    if n < 1:
        return 0.0
    both = only_first + only_second
    if not both > 0.0:
        rejects = of_pairs(np.zeros(1), np.zeros(1), n, goal) <= level
        return float(rejects[0])
    first, last = (int(binom.ppf(at, n, both)) for at in (NEGLIGIBLE, 1.0 - NEGLIGIBLE))
    apart = np.arange(first, last + 1)
    chance = binom.pmf(apart, n, both)
    least = _least_first(apart, n, goal, level)
    return float(chance @ binom.sf(least - 1, apart, only_first / both))


def _least_first(apart: Ints, n: int, goal: float, level: float) -> Ints:
    """Fewest of ``apart`` (numbers,) discordant pairs that the first must win; one more: never.

    The bound rises with the pairs that the first wins of so many discordant ones.
    """
    low, high = np.zeros_like(apart), apart + 1
    while (low < high).any():
        middle = (low + high) // 2
        won = np.minimum(middle, apart).astype(np.float64)
        rejects = (of_pairs(won, apart - won, n, goal) <= level) & (middle <= apart)
        undecided = low < high
        high = np.where(undecided & rejects, middle, high)
        low = np.where(undecided & ~rejects, middle + 1, low)
    return np.asarray(np.minimum(low, apart + 1))
