"""The size from which every larger one has the power: power of counts rises in a saw-tooth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats, Ints

MOST = 100_000
"""Sizes beyond which none is looked for."""
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Always:
    """A size from which every larger one up to ``looked_to`` has the power; ``power`` is its own.

    The size below it lacks the power. A smaller one yet may have it: the first tooth above.
    """

    n: int
    power: float
    looked_to: int


def first_always(
    power_of: Callable[[Ints], Floats], target: float, *, least_looked: int = 0
) -> Always | None:
    """The first size from which every larger one has the power ``wanted``; None if none has.

    ``power_of`` gives the power of an array of sizes. Sizes are looked at from twice one that has
    the power and a hundred more, or from ``least_looked`` where that is larger, downwards.
    """
    has = _one_that_has(power_of, target)
    if has is None:
        return None
    looked_to = max(2 * has + 100, least_looked)
    above = 0.0
    for end in range(looked_to, 0, -_BLOCK):
        sizes = np.arange(max(1, end - _BLOCK + 1), end + 1)
        powers = power_of(sizes)
        lacking = np.flatnonzero(powers < target)
        if lacking.size:
            place = int(lacking[-1]) + 1
            n = int(sizes[0]) + place
            return Always(n, float(powers[place]) if place < powers.size else above, looked_to)
        above = float(powers[0])
    return Always(1, above, looked_to)


def first_with(has: Callable[[int], bool], above: int, most: float = math.inf) -> int | None:
    """The first size larger than ``above`` that has it, where every larger one has it too.

    None where neither ``most`` nor a smaller size is known to have it.
    """
    low, high = above, above + 1
    while not has(high):
        low, high = high, 2 * high
        if low > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if has(middle) else (middle, high)
    return high


def _one_that_has(power_of: Callable[[Ints], Floats], target: float) -> int | None:
    """A size that has the power, near the smallest."""

    def has(n: int) -> bool:
        return bool(power_of(np.array([n]))[0] >= target)

    low, high = 0, 16
    while not has(high):
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > max(1, low // 16):
        middle = (low + high) // 2
        low, high = (low, middle) if has(middle) else (middle, high)
    return high
