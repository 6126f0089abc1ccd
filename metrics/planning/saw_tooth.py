"""The size from which every larger one has the power: power of counts rises in a saw-tooth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats, Ints

FIRST_BLOCK = 512
MOST = 100_000
"""Sizes beyond which none is looked for."""


@dataclass(frozen=True, slots=True)
class Always:
    """A size from which every larger one up to ``looked_to`` has the power.

    ``first`` is the smallest that has it; some between the two lack it. ``power`` is that at ``n``.
    """

    n: int
    power: float
    first: int
    looked_to: int


def first_always(
    power_of: Callable[[Ints], Floats], wanted: float, *, least_looked: int = 0
) -> Always | None:
    """The first size from which every larger one has the power ``wanted``; None if none has.

    ``power_of`` gives the power of an array of sizes. Sizes are looked at up to twice the first
    that has the power and a hundred more, and to ``least_looked`` at least.
    """
    found = np.array([], dtype=float)
    end = FIRST_BLOCK
    while True:
        sizes = np.arange(found.size + 1, end + 1)
        found = np.concatenate([found, power_of(sizes)])
        has = found >= wanted
        if has.any():
            first = int(np.argmax(has)) + 1
            needed = max(2 * first + 100, least_looked)
            if found.size >= needed:
                has, found = has[:needed], found[:needed]
                break
            end = needed
        elif found.size >= MOST:
            return None
        else:
            end = 2 * end
    lacking = np.flatnonzero(~has)
    n = int(lacking[-1]) + 2 if lacking.size else 1
    if n > found.size:
        return None
    return Always(n, float(found[n - 1]), first, found.size)
