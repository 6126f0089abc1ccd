"""Exact power of a claim on one proportion, by the bound that decides it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats, Ints

NEGLIGIBLE = 1e-12
"""Chance of the counts, or numbers of discordant pairs, that are left out, at either end."""
OfCounts = Callable[[Ints], Floats]
"""Power over an array of counts."""


def least_hits(n: ArrayLike, goal: float, level: float) -> Ints:
    """Fewest hits among ``n`` cases with which Clopper-Pearson's lower bound reaches ``goal``.

    ``n`` (any shape) cases; the answer has its shape and is n + 1 where even n hits are too few.
    Clopper & Pearson 1934: the bound reaches the goal where P(X >= hits | goal) is at most
    ``level``.
    """
    from scipy.stats import binom  # scipy is costly to import

    n_ = np.asarray(n, dtype=np.int64)
    least = np.asarray(binom.isf(level, n_, goal), dtype=np.int64) + 1
    least = np.where(binom.sf(least - 2, n_, goal) <= level, least - 1, least)
    least = np.where(binom.sf(least - 1, n_, goal) > level, least + 1, least)
    return np.minimum(least, n_ + 1)


def power(
    n: ArrayLike,
    goal: float,
    true: float,
    level: float,
    *,
    upper: bool = False,
) -> Floats:
    """Chance that the bound of a proportion of ``n`` cases reaches ``goal`` where it is ``true``.

    ``n`` (any shape); exact, from the binomial. ``upper``: the goal is a highest value, and the
    upper bound must reach it.
    """
    from scipy.stats import binom  # scipy is costly to import

    if upper:
        goal, true = 1.0 - goal, 1.0 - true
    n_ = np.asarray(n, dtype=np.int64)
    return np.asarray(binom.sf(least_hits(n_, goal, level) - 1, n_, true))


def left_to_chance(
    n_cases: int,
    prevalence: float,
    of_positives: OfCounts,
    of_negatives: OfCounts,
) -> float:
    """Power where the number of positives among ``n_cases`` is left to chance.

    The two functions give the power over arrays of counts, of the claims on positives and of those
    on negatives, which are independent given the counts. Exact, over the binomial number of
    positives but for those beyond a chance of 1e-12.
    """
    from scipy.stats import binom  # scipy is costly to import

    positives = np.arange(n_cases + 1)
    if n_cases:
        first, last = binom.ppf([NEGLIGIBLE, 1.0 - NEGLIGIBLE], n_cases, prevalence)
        positives = np.arange(int(first), int(last) + 1)
    chance = binom.pmf(positives, n_cases, prevalence)
    return float(chance @ (of_positives(positives) * of_negatives(n_cases - positives)))
