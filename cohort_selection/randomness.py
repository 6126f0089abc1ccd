"""Random streams keyed by what they are for, and draws that do not depend on file order."""

from __future__ import annotations

from zlib import crc32

import numpy as np
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
    ticket = rng.random(len(cell))
    order = np.lexsort((ticket, cell))
    sorted_cell = cell[order]
    first = np.searchsorted(sorted_cell, np.arange(len(take)))
    rank = np.arange(len(cell)) - first[sorted_cell]
    drawn: NDArray[np.bool_] = np.zeros(len(cell), dtype=np.bool_)
    drawn[order] = rank < take[sorted_cell]
    return drawn
