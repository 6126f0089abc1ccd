"""Recognises a picture that was resized, recompressed, windowed, turned or cropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.fft import dctn

_COARSE = 128
_SIDE = 64
_LOW = 16
BITS = 256
WORDS = BITS // 64
CLOSE = 36
"""Of 256 bits: pictures whose hashes differ in more are not copies; those below are looked at.

On 824 chest radiographs of 735 patients no two differ in fewer than 54 (340,000 pairs), and in
fewer than 44 in any of the views below; of copies that were resized, recompressed, windowed,
inverted, turned or cropped nine in ten and more differ in fewer.
"""
ALIKE = 0.95
"""``likeness`` of copies: 0.956 or more of those above, at most 0.893 for the nearest others."""
TURNS = 8
_CROPS = (
    *((part, part, part, part) for part in (0.0125, 0.025, 0.0375, 0.05)),
    (0.03, 0.0, 0.0, 0.0),
    (0.0, 0.03, 0.0, 0.0),
    (0.0, 0.0, 0.03, 0.0),
    (0.0, 0.0, 0.0, 0.03),
)
"""Shares of the height and width taken off at top, bottom, left and right."""
_WHOLE = (0.0, 0.0, 0.0, 0.0)
VIEWS = TURNS + len(_CROPS)
_DIAGONAL = np.add.outer(np.arange(_SIDE), np.arange(_SIDE))
_FINE = (_DIAGONAL >= 16) & (_DIAGONAL < 40)


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Images number ``opened`` and ``sealed`` of two lists, whose nearest views differ in ``bits``.

    ``bits`` counts of 256.
    """

    opened: int
    sealed: int
    bits: int


def perceptual_hashes(pixels: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Hash a grey picture (rows, columns) in each of its views: (views, words).

    The first is the picture as it stands, then come its seven turns and mirrors, then crops. A
    view is averaged down to 64 x 64; each of 256 bits says whether one of its lowest cosine
    coefficients is above their median (pHash, Zauner 2010, with 16 x 16 coefficients). Scaling,
    windowing and recompression leave nearly all bits alone; inverting the greys flips nearly all.
    """
    table = _sums(_average(pixels, _COARSE))
    whole = _spectrum(table, _WHOLE)[:_LOW, :_LOW]
    # Mirroring a picture changes the sign of its odd coefficients; transposing it transposes them.
    odd = np.where(np.arange(_LOW) % 2, -1.0, 1.0)
    turned = [
        (spectrum * rows[:, None]) * columns[None, :]
        for spectrum in (whole, whole.T)
        for rows in (np.ones(_LOW), odd)
        for columns in (np.ones(_LOW), odd)
    ]
    spectra = np.array([*turned, *(_spectrum(table, crop)[:_LOW, :_LOW] for crop in _CROPS)])
    low = spectra.reshape(VIEWS, BITS)[:, 1:]
    bits = np.zeros((VIEWS, BITS), dtype=np.bool_)
    bits[:, 1:] = low > np.median(low, axis=1)[:, None]
    words: NDArray[np.uint64] = np.packbits(bits, axis=1).view(np.uint64)
    return words


def averaged(pixels: NDArray[np.generic], side: int) -> NDArray[np.float64]:
    """A grey picture averaged down, or a small one stretched, to ``side`` x ``side``."""
    return _average(pixels, side)


def coarse(pixels: NDArray[np.generic]) -> NDArray[np.float64]:
    """A grey picture averaged to 128 x 128: all that ``likeness`` and the hashes look at."""
    return _average(pixels, _COARSE)


def likeness(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """How alike two grey pictures are in what the hashes do not see: 0 to 1 for the same picture.

    The two are laid over each other in the best turn or mirroring and with the best crops of
    either, of up to a tenth a side; then it is the correlation of their finer cosine coefficients,
    without regard to sign. Two blank pictures are the same one.
    """
    coarse = _average(np.ascontiguousarray(other), _COARSE)
    tables = [
        _sums(np.rot90(side, quarter)) for side in (coarse, coarse[:, ::-1]) for quarter in range(4)
    ]
    fixed = _sums(_average(one, _COARSE))
    starts = [(k, _WHOLE, _WHOLE) for k in range(TURNS)]
    starts += [(0, crop, _WHOLE) for crop in _CROPS] + [(0, _WHOLE, crop) for crop in _CROPS]
    best, k, crops = max(
        (_correlation(fixed, tables[k], mine, theirs), k, [*mine, *theirs])
        for k, mine, theirs in starts
    )
    for step in (0.02, 0.01, 0.005, 0.0025):
        for side in range(8):
            for change in (step, -step):
                tried = list(crops)
                tried[side] = min(max(tried[side] + change, 0.0), 0.1)
                found = _correlation(fixed, tables[k], tried[:4], tried[4:])
                if found > best:
                    best, crops = found, tried
    return best


def near_duplicates(
    opened: NDArray[np.uint64], sealed: NDArray[np.uint64], *, close: int = CLOSE
) -> list[NearDuplicate]:
    """Compare every open image with every sealed one, each (images, views, words); nearest first.

    The whole of one is held against every view of the other. Comparing is exhaustive, nothing is
    left to chance: 24 comparisons a pair of images.
    """
    found: dict[tuple[int, int], int] = {}
    for view in range(VIEWS):
        for i, j, bits in close_pairs(opened[:, 0], sealed[:, view], close):
            found[i, j] = min(bits, found.get((i, j), BITS))
        if view >= TURNS:  # a turn of the one is a turn of the other; a crop is not
            for i, j, bits in close_pairs(opened[:, view], sealed[:, 0], close):
                found[i, j] = min(bits, found.get((i, j), BITS))
    pairs = [NearDuplicate(i, j, bits) for (i, j), bits in found.items()]
    return sorted(pairs, key=lambda pair: (pair.bits, pair.opened, pair.sealed))


def near_duplicates_among(
    images: NDArray[np.uint64], *, close: int = CLOSE
) -> list[tuple[int, int, int]]:
    """As ``near_duplicates``, of the images among each other: (i, j, bits) with i < j."""
    found: dict[tuple[int, int], int] = {}
    whole = images[:, 0]
    for view in range(VIEWS):
        for i, j, bits in close_pairs(whole, images[:, view], close, themselves=view == 0):
            if i != j:
                pair = min(i, j), max(i, j)
                found[pair] = min(bits, found.get(pair, BITS))
    return sorted(((i, j, bits) for (i, j), bits in found.items()), key=lambda pair: pair[2])


def close_pairs(
    left: NDArray[np.uint64], right: NDArray[np.uint64], close: int, *, themselves: bool = False
) -> list[tuple[int, int, int]]:
    """Pairs (i, j, bits) of hashes, (n, words) and (m, words), that differ in at most ``close``.

    A picture and its negative are one picture: what counts is the smaller of the bits that differ
    and the bits that agree. ``themselves``: the two sides are one, and a hash alone with itself is
    passed over.
    """
    if not len(left) or not len(right):
        return []
    candidates = _candidates(
        np.ascontiguousarray(left.T), np.ascontiguousarray(right.T), close, max(0, 126 - 2 * close)
    )
    found = []
    for i in np.flatnonzero(candidates > int(themselves)):
        differing = np.bitwise_count(left[i][None, :] ^ right).sum(axis=1).astype(np.int64)
        differing = np.minimum(differing, BITS - 1 - differing)
        found += [(int(i), int(j), int(differing[j])) for j in np.flatnonzero(differing <= close)]
    return found


@njit(cache=True, parallel=True)  # pragma: no cover - compiled
def _candidates(
    left: NDArray[np.uint64], right: NDArray[np.uint64], close: int, far: int
) -> NDArray[np.int64]:
    """How many of ``right`` may be close to each of ``left``, by their first two words of four.

    Close hashes differ there in at most ``close`` bits, or agree in at most so many of the 127
    that are in use; few others do: ``far`` numbers of bits lie between. Columns are hashes, so
    that the inner loop runs over memory in order and is vectorised.
    """
    counts = np.zeros(left.shape[1], dtype=np.int64)
    after, between = np.uint64(close + 1), np.uint64(far)
    for i in prange(left.shape[1]):
        a, b = left[0, i], left[1, i]
        near = np.uint64(0)
        for j in range(right.shape[1]):
            bits = _ones(a ^ right[0, j]) + _ones(b ^ right[1, j])
            near += np.uint64(bits - after >= between)  # unsigned: what is below wraps round
        counts[i] = near
    return counts


@njit(inline="always")  # pragma: no cover - compiled
def _ones(word: np.uint64) -> np.uint64:
    """Population count (Warren, Hacker's Delight, 5-1), which vectorises."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


def _sums(coarse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the coarse picture from its corner to each place."""
    table = np.zeros((_COARSE + 1, _COARSE + 1))
    table[1:, 1:] = coarse.cumsum(axis=0).cumsum(axis=1)
    return table


def _spectrum(table: NDArray[np.float64], crop: Sequence[float]) -> NDArray[np.float64]:
    """Cosine coefficients of a part of the coarse picture, averaged to 64 x 64."""
    top, bottom, left, right = (part * _COARSE for part in crop)
    rows = np.linspace(top, _COARSE - bottom, _SIDE + 1)
    columns = np.linspace(left, _COARSE - right, _SIDE + 1)
    at = _between(_between(table, rows).T, columns).T
    small = np.diff(np.diff(at, axis=0), axis=1)
    spectrum: NDArray[np.float64] = dctn(small, norm="ortho")
    return spectrum


def _correlation(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    crop: Sequence[float],
    other_crop: Sequence[float],
) -> float:
    x, y = _spectrum(one, crop)[_FINE], _spectrum(other, other_crop)[_FINE]
    blank = [float(np.abs(side).max()) < 1e-9 for side in (x, y)]
    if any(blank):
        return float(all(blank))
    return float(abs(x @ y) / np.sqrt((x @ x) * (y @ y)))


def _between(table: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of a table at fractional places, interpolated."""
    low = np.minimum(places.astype(np.int64), len(table) - 2)
    part = (places - low)[:, None]
    return table[low] * (1.0 - part) + table[low + 1] * part


def _average(pixels: NDArray[np.generic], side: int) -> NDArray[np.float64]:
    """Average a picture of any size down (or stretch a small one) to ``side`` x ``side``.

    Sums of whole numbers of at most 32 bits are whole too: these are added as such, which is faster
    and gives the same bits.
    """
    whole = pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 4
    sums = np.zeros(pixels.shape[1] + 1, np.int64 if whole else np.float64)
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return _averaged(np.ascontiguousarray(native), side, sums)


@njit(cache=True, nogil=True)  # pragma: no cover - compiled
def _averaged(
    pixels: NDArray[np.generic], side: int, sums: NDArray[np.generic]
) -> NDArray[np.float64]:
    """``sums`` (columns + 1) is memory for those of a row, in the type that they are added in."""
    n_rows, n_columns = pixels.shape
    edges = np.linspace(0.0, n_columns, side + 1)
    total = np.zeros((side, side))
    for row in range(n_rows):
        added = sums[0]
        for column in range(n_columns):
            added += pixels[row, column]
            sums[column + 1] = added
        # A row lies in one line of the small picture or, in shares, in several.
        first = int(row * side / n_rows)
        last = min(int(np.ceil((row + 1) * side / n_rows)), side)
        before = 0.0
        for k in range(side):
            place = edges[k + 1]
            whole = min(int(place), n_columns - 1)
            until = sums[whole] + (place - whole) * (sums[whole + 1] - sums[whole])
            for line in range(first, last):
                top = max(row, line * n_rows / side)
                share = min(row + 1.0, (line + 1) * n_rows / side) - top
                total[line, k] += share * (until - before)
            before = until
    return total * (side * side / (n_rows * n_columns))
