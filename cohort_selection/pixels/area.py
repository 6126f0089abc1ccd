"""Resizes a grey picture by the mean over the area of each new pixel.

Sums and products in double precision, in one order and elementwise: the same picture gives the same
bits on every machine and with any number of threads, as no product of matrices does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cohort_selection.pixels.scratch import scratch

_AT_ONCE = 16
"""New rows made at a time: so many old ones lie in the processor's cache."""


def area_mean(image: NDArray[Any], rows: int, columns: int) -> NDArray[np.float64]:
    """Resample ``image`` (any rows, any columns) of numbers to (``rows``, ``columns``).

    A new pixel is the mean of the old ones that it covers, each weighted by the part that is
    covered; of a smaller picture it is a copy of the pixel that it lies in. Mean and range are
    kept.
    """
    low = scratch("rows made", (rows, image.shape[1]), np.float64)
    _mean_of_rows(image, low)
    if image.shape[1] % columns == 0:
        found = np.empty((rows, columns))
        _mean_of_whole_rows(low.T, found.T)
        return found
    turned = scratch("rows made, turned", low.T.shape, np.float64)
    turned[...] = low.T
    found = np.empty((columns, rows))
    _mean_of_cut_rows(turned, found)
    return found.T


def _mean_of_rows(image: NDArray[Any], found: NDArray[np.float64]) -> None:
    """Fill ``found`` (fewer or more rows, the same columns) from ``image``."""
    if len(image) % len(found):
        _mean_of_cut_rows(image, found)
    else:
        _mean_of_whole_rows(image, found)


def _mean_of_whole_rows(image: NDArray[Any], found: NDArray[np.float64]) -> None:
    each = len(image) // len(found)
    found[...] = image[::each]
    for further in range(1, each):
        found += image[further::each]
    if each > 1:
        found *= len(found) / len(image)


def _mean_of_cut_rows(image: NDArray[Any], found: NDArray[np.float64]) -> None:
    """The same where the edges of new rows cut old ones."""
    (height, width), rows = image.shape, len(found)
    edges = np.arange(rows + 1, dtype=np.float64) * height / rows
    below = np.minimum(edges.astype(np.int64), height - 1)
    whole, part = below.tolist(), (edges - below).tolist()
    before, edge = np.zeros(width), np.zeros(width)  # what of the row at an edge lies before it
    held = np.empty((_AT_ONCE * height // rows + 3, width))
    for start in range(0, rows, _AT_ONCE):
        end, base = min(start + _AT_ONCE, rows), whole[start]
        held[: whole[end] + 1 - base] = image[base : whole[end] + 1]
        for row in range(start, end):
            mean, last = found[row], whole[row + 1] - base
            np.add.reduce(held[whole[row] - base : last], axis=0, out=mean)
            np.subtract(mean, before, out=mean)
            np.multiply(held[last], part[row + 1], out=edge)
            np.add(mean, edge, out=mean)
            before, edge = edge, before
    found *= rows / height
