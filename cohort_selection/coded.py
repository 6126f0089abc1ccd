"""A column of texts as codes into its distinct texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Coded:
    """One variable: ``codes`` (n,) int32 into ``levels``, its distinct texts in sorted order."""

    codes: NDArray[np.int32]
    levels: tuple[str, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        """The text of one row."""
        return self.levels[self.codes[row]]

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Coded:
        """The rows at these places, or where a mask is true; levels that nobody has go."""
        return compact(self.codes[rows], self.levels)

    def counts(self) -> dict[str, int]:
        """How many rows have each text, in the order in which the rows meet them."""
        return {self.levels[code]: n for code, n in met(self.codes).items()}

    def texts(self) -> list[str]:
        """The text of each row."""
        return [self.levels[code] for code in self.codes.tolist()]


def met(codes: NDArray[np.int32]) -> dict[int, int]:
    """Code -> how often it occurs, in the order in which rows meet them."""
    counts = np.bincount(codes)
    first: NDArray[np.int64] = np.zeros(len(counts), np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    used = np.flatnonzero(counts)
    used = used[np.argsort(first[used])]
    return dict(zip(used.tolist(), counts[used].tolist(), strict=True))


def coded(texts: Sequence[str]) -> Coded:
    """Code a sequence of texts."""
    levels = tuple(sorted(set(texts)))
    place = {level: code for code, level in enumerate(levels)}
    return Coded(np.fromiter((place[text] for text in texts), np.int32, len(texts)), levels)


def compact(codes: NDArray[np.integer], levels: Sequence[str]) -> Coded:
    """Code by the levels that occur, each once and in sorted order.

    ``codes`` (n,) point into ``levels``, which may hold a text twice.
    """
    used = np.flatnonzero(np.bincount(codes, minlength=len(levels)))
    texts = [levels[code] for code in used.tolist()]
    kept = tuple(sorted(set(texts)))
    place = {level: code for code, level in enumerate(kept)}
    moved: NDArray[np.int32] = np.zeros(len(levels), np.int32)
    moved[used] = [place[text] for text in texts]
    return Coded(moved[codes], kept)


def of_arrow(column: pa.ChunkedArray | pa.Array, absent: str = "") -> Coded:
    """Code a column of texts or of a dictionary of texts; ``absent`` stands for null."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    levels = [absent if text is None else text for text in column.dictionary.to_pylist()]
    codes = pc.fill_null(column.indices, len(levels)).to_numpy(zero_copy_only=False)
    return compact(codes, [*levels, absent])
