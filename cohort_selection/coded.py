"""A column of texts as codes into its distinct texts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import eq

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


def numbered_lists(
    lengths: NDArray[np.integer], flat: Coded
) -> tuple[NDArray[np.int32], list[tuple[str, ...]]]:
    """Number equal lists of texts alike: the number (n,) of each list, and the distinct ones.

    ``lengths`` (n,) are those of the lists, ``flat`` their items, one list after the other.
    """
    starts = np.concatenate([[0], np.cumsum(lengths)])
    codes: NDArray[np.int32] = np.zeros(len(lengths), np.int32)
    lists: list[tuple[str, ...]] = [()]
    for length in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths == length)
        key = np.zeros(len(rows), np.int64)
        first = np.zeros(1, np.int64)
        for item in range(length):
            first, key = distinct(key * len(flat.levels) + flat.codes[starts[rows] + item])
        codes[rows] = key + len(lists)
        for start in starts[rows[first]].tolist():
            items = flat.codes[start : start + length].tolist()
            lists.append(tuple(flat.levels[code] for code in items))
    return codes, lists


def distinct(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A place of each distinct key, and the number (n,) of the key at each place."""
    most = int(keys.max(initial=0))
    if most > len(keys):
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        return first, number.reshape(-1)
    place = np.full(most + 1, -1)
    place[keys] = np.arange(len(keys))
    there = place >= 0
    return place[there], (np.cumsum(there) - 1)[keys]


def place_of(texts: pa.LargeStringArray, text: str) -> int | None:
    """Where a text stands among sorted distinct ones; None where it does not."""
    place = bisect_left(texts, text, key=str)
    return place if place < len(texts) and texts[place].as_py() == text else None


_KEY = 8
"""Bytes after the beginning that all texts share, by which they are sorted first."""


def order_of(texts: pa.LargeStringArray) -> NDArray[np.int64]:
    """Where each of the sorted texts stands: ``texts.take(order)`` is sorted.

    The order is that of the bytes in UTF-8, which is that of the characters' numbers. Numbers made
    of eight bytes are sorted several times faster than texts; those alike in them are sorted whole.
    """
    if pc.all(pc.less_equal(texts[:-1], texts[1:])).as_py():
        return np.arange(len(texts))
    first, last = ((end.as_py() or "").encode() for end in pc.min_max(texts).values())
    shared = sum(takewhile(bool, map(eq, first, last)))
    parts = pc.binary_slice(texts.cast(pa.large_binary()), shared, shared + _KEY)
    lengths = pc.binary_length(parts).to_numpy()
    padded: NDArray[np.uint8] = np.zeros((len(texts), _KEY), np.uint8)
    data = parts.buffers()[2]
    if data is not None:
        there = np.arange(_KEY) < lengths[:, None]
        padded[there] = np.frombuffer(data, np.uint8)[: lengths.sum()]
    keys = padded.view(">u8").ravel().astype(np.uint64)
    order = np.argsort(keys)
    keys = keys[order]
    same = keys[1:] == keys[:-1]
    tied = np.append(same, False) | np.append(False, same)
    rows = order[tied[: len(order)]]
    if len(rows):
        order[tied] = rows[pc.sort_indices(texts.take(pa.array(rows))).to_numpy()]
    return order


def numbered(texts: pa.LargeStringArray) -> tuple[NDArray[np.int32], pa.LargeStringArray]:
    """The place (n,) of each text among the distinct ones, and these in sorted order."""
    order = order_of(texts)
    ordered = texts.take(pa.array(order))
    new: NDArray[np.bool_] = np.ones(len(texts), np.bool_)
    new[1:] = pc.not_equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
    codes: NDArray[np.int32] = np.empty(len(texts), np.int32)
    codes[order] = np.cumsum(new, dtype=np.int32) - 1
    return codes, ordered.filter(pa.array(new))


_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hashes(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """A number (n,) of 64 bits for each text, the same for the same text.

    Eight bytes at a time are mixed into it by the steps of SplitMix64 (Steele, Lea and Flood 2014).
    """
    column = texts.cast(pa.large_string())
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    left = np.diff(ends)
    content = np.frombuffer(data or b"", np.uint8)
    padded = np.concatenate([content[: ends[-1]], np.zeros(_KEY, np.uint8)])
    found = left.astype(np.uint64) * _ODD[0]
    rows, at = np.flatnonzero(left > 0), ends[:-1].copy()
    while len(rows):
        words = padded[at[rows, None] + np.arange(_KEY)].view("<u8").ravel()
        unused = (_KEY - np.minimum(left[rows], _KEY)).astype(np.uint64) * np.uint64(8)
        mixed = (found[rows] ^ ((words << unused) >> unused)) + _ODD[0]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _ODD[1]
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _ODD[2]
        found[rows] = mixed ^ (mixed >> np.uint64(31))
        at[rows] += _KEY
        left[rows] -= _KEY
        rows = rows[left[rows] > 0]
    return found
