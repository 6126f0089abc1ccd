"""Random streams keyed by purpose, and draws that do not depend on file order."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numba import njit
from numpy.typing import NDArray


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return the stream of ``seed`` for one purpose; other purposes do not disturb it."""
    return np.random.default_rng([seed, *(crc32(part.encode()) for part in purpose)])


def draw_in_cells(
    cell: NDArray[np.int64], take: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Mark ``take[c]`` of the units of each cell c, every subset of that size equally likely.

    ``cell`` is (units,), in an order that must not depend on the files; ``take`` is (cells,), at
    most the number of units of the cell. One random number a unit, whatever ``take`` is.
    """
    return _select(cell, take.astype(np.int64), rng.random(len(cell)))


@njit(cache=True)  # pragma: no cover - compiled
def _select(
    cell: NDArray[np.int64], take: NDArray[np.int64], ticket: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Selection sampling (Fan, Muller & Rezucha 1962) in every cell at once, in one pass."""
    ahead = np.zeros(len(take), dtype=np.int64)
    for unit in range(len(cell)):
        ahead[cell[unit]] += 1
    wanted = take.copy()
    drawn = np.zeros(len(cell), dtype=np.bool_)
    for unit in range(len(cell)):
        c = cell[unit]
        if ticket[unit] * ahead[c] < wanted[c]:
            drawn[unit] = True
            wanted[c] -= 1
        ahead[c] -= 1
    return drawn
