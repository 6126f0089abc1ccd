"""The joint table of a pool: combinations of levels, and the patients of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DENSE_LIMIT = 20_000_000


@dataclass(frozen=True, slots=True)
class Cells:
    """Non-empty cells of a joint table, in lexicographic order of their levels.

    ``codes`` is (cells, attributes), indices into ``levels``; ``counts`` is (cells,);
    ``of_unit`` is (units,), the cell of each patient.
    """

    attributes: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    of_unit: NDArray[np.int64]

    def indicator(self, attribute: int) -> NDArray[np.float64]:
        """(cells, levels) matrix with a one where the cell has that level."""
        matrix: NDArray[np.float64] = np.zeros((len(self.counts), len(self.levels[attribute])))
        matrix[np.arange(len(self.counts)), self.codes[:, attribute]] = 1.0
        return matrix

    def name(self, cell: int) -> tuple[str, ...]:
        """The levels of one cell."""
        return tuple(self.levels[k][code] for k, code in enumerate(self.codes[cell].tolist()))


def encode(column: Sequence[str] | NDArray[np.str_]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Turn a column of text into codes into its sorted levels."""
    levels, codes = np.unique(np.asarray(column, dtype=np.str_), return_inverse=True)
    return codes.astype(np.int64).reshape(-1), tuple(str(level) for level in levels)


def tabulate(columns: Mapping[str, Sequence[str]]) -> Cells:
    """Tabulate text columns of equal length; units keep the order they came in."""
    encoded = [encode(column) for column in columns.values()]
    return tabulate_codes(
        tuple(columns), [codes for codes, _ in encoded], [levels for _, levels in encoded]
    )


def tabulate_codes(
    attributes: tuple[str, ...],
    codes: Sequence[NDArray[np.integer]],
    levels: Sequence[tuple[str, ...]],
) -> Cells:
    """Tabulate coded columns (units,) each; linear in the units while the full table is small."""
    sizes = [len(level) for level in levels]
    key = np.zeros(len(codes[0]) if codes else 0, dtype=np.int64)
    for column, size in zip(codes, sizes, strict=True):
        key *= size
        key += column
    n_possible = int(np.prod(sizes, dtype=np.float64)) if sizes else 1
    if n_possible <= _DENSE_LIMIT:
        dense = np.bincount(key, minlength=n_possible)
        occupied = np.flatnonzero(dense)
        position = np.empty(n_possible, dtype=np.int64)
        position[occupied] = np.arange(len(occupied))
        counts, of_unit = dense[occupied], position[key]
    else:
        occupied, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
        of_unit = inverse.reshape(-1)
    unpacked: NDArray[np.int64] = np.empty((len(occupied), len(sizes)), dtype=np.int64)
    rest = occupied.astype(np.int64)
    for k in range(len(sizes) - 1, -1, -1):
        rest, unpacked[:, k] = np.divmod(rest, sizes[k])
    return Cells(
        attributes, tuple(levels), unpacked, counts.astype(np.int64), of_unit.astype(np.int64)
    )
