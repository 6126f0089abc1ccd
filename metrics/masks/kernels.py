"""Compiled loops of the distance between two sets of grid points.

A grid is cut into slices. In each slice, every place learns which point of the slice is nearest to
it: first along its row, then over the rows by the lower envelope of parabolas (Felzenszwalb &
Huttenlocher 2012). A place then looks through the slices, its own first, until none can be nearer.
Distances come from whole steps, so that a shift of both sets changes no bit. Work grows with the
places of the grid alone, but for the slices that far points have to look through.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int16] | NDArray[np.int32]


@numba.njit(nogil=True, cache=True)
def nearest_in_slices(
    mask: NDArray[np.bool_],
    row_size: float,
    column_size: float,
    row: Places,
    column: Places,
    some: NDArray[np.bool_],
) -> None:
    """For each place of each slice, the nearest point of ``mask`` in that slice.

    ``mask`` (slices, rows, columns); ``some`` (slices,) whether a slice has a point. The nearest
    point of (z, y, x) is at row r = ``row``[z, y, x] and column ``column``[z, r, x]; spacings of
    rows and columns in mm. Slices without a point are left as they are.
    """
    for z in range(mask.shape[0]):
        some[z] = _along_rows(mask[z], column[z])
        if some[z]:
            _over_rows(column[z], row_size, column_size, row[z])


@numba.njit(nogil=True, cache=True)
def _along_rows(mask: NDArray[np.bool_], column: Places) -> bool:
    """Column of the nearest point in each row, -1 for rows without; whether any has one."""
    rows, columns = mask.shape
    some = False
    for y in range(rows):
        last = -1
        for x in range(columns):
            if mask[y, x]:
                last = x
            column[y, x] = last
        if last < 0:
            continue
        some = True
        for x in range(columns - 1, -1, -1):
            if mask[y, x]:
                last = x
            before = column[y, x]
            if before < 0 or (last >= x and last - x < x - before):
                column[y, x] = last
    return some


@numba.njit(nogil=True, cache=True)
def _over_rows(column: Places, row_size: float, column_size: float, row: Places) -> None:
    """Row of the nearest point at each place, by the lower envelope of the rows' parabolas."""
    rows, columns = column.shape
    places = np.empty(rows, dtype=np.int64)
    heights = np.empty(rows)
    starts = np.empty(rows)
    for x in range(columns):
        n = 0
        for y in range(rows):
            if column[y, x] < 0:
                continue
            away = (x - column[y, x]) * column_size
            height = away * away + (y * row_size) ** 2
            start = -np.inf
            while n > 0:
                apart = 2.0 * row_size * row_size * (y - places[n - 1])
                start = (height - heights[n - 1]) / apart
                if start > starts[n - 1]:
                    break
                n -= 1
            places[n] = y
            heights[n] = height
            starts[n] = start if n else -np.inf
            n += 1
        k = 0
        for y in range(rows):
            while k + 1 < n and starts[k + 1] < y:
                k += 1
            row[y, x] = places[k]


@numba.njit(nogil=True, cache=True)
def distances(
    mask: NDArray[np.bool_],
    size: NDArray[np.float64],
    within: float,
    row: Places,
    column: Places,
    some: NDArray[np.bool_],
    out: NDArray[np.float64],
) -> None:
    """Distance of each point of ``mask`` to the nearest point, in the order of the grid.

    ``size`` (3,) spacings in mm; the other arrays are those of ``nearest_in_slices``. Points with
    none as near as ``within`` may get infinity. ``out`` (points,).
    """
    slices, rows, columns = mask.shape
    limit = within * within
    place = 0
    for z in range(slices):
        farthest = max(z, slices - 1 - z)
        for y in range(rows):
            for x in range(columns):
                if not mask[z, y, x]:
                    continue
                best = np.inf
                for step in range(farthest + 1):
                    up = (step * size[0]) ** 2
                    if up >= best or up > limit:
                        break
                    for other in (z - step, z + step):
                        if other < 0 or other >= slices or not some[other]:
                            continue
                        r = row[other, y, x]
                        over = (y - r) * size[1]
                        along = (x - column[other, r, x]) * size[2]
                        best = min(best, up + over * over + along * along)
                out[place] = np.sqrt(best)
                place += 1
