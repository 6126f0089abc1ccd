"""The joint table of a pool: combinations of levels, and the patients of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.coded import Coded, coded

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


def tabulate(columns: Mapping[str, Sequence[str]]) -> Cells:
    """Tabulate text columns of equal length; units keep the order they came in."""
    n = len(next(iter(columns.values()), ()))
    return tabulate_coded({name: coded(column) for name, column in columns.items()}, n)


def tabulate_coded(columns: Mapping[str, Coded], n_units: int) -> Cells:
    """Tabulate variables of so many units; without a variable all are in one cell."""
    columns = columns or {"everyone": Coded(np.zeros(n_units, np.int32), ("",))}
    return tabulate_codes(
        tuple(columns),
        [column.codes for column in columns.values()],
        [column.levels for column in columns.values()],
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
