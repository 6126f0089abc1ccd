"""Makes of a DICOM file the square float32 image that networks see.

The container image holds a copy of this file, beside ``cohort_selection.pixels.intensities``, which
reads the pixels. It needs numpy and pydicom alone. Every step is elementwise arithmetic, a
running sum or a sort, never a matrix product, so that the same file gives the same bits in training
and in the container, whatever the number of threads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.pixels.intensities import read_frame

DARKEST, BRIGHTEST = 1.0, 99.0
"""Percentiles of the image that become 0 and 1: robust against markers and collimation."""


def resize(image: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Resample to (rows, columns) by the mean over each new pixel's area."""
    return _average_rows(_average_rows(image, rows).T, columns).T


def _average_rows(image: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Exact area average along the first axis: differences of the linearly read running sum."""
    height = image.shape[0]
    running = np.concatenate([np.zeros((1, image.shape[1])), np.cumsum(image, axis=0)])
    edges = np.arange(rows + 1, dtype=np.float64) * height / rows
    below = np.minimum(edges.astype(np.int64), height - 1)
    part = (edges - below)[:, np.newaxis]
    at_edges = running[below] + part * image[below]
    return np.diff(at_edges, axis=0) * (rows / height)


def normalise(
    image: NDArray[np.float64], shown: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Map the robust range of intensities to [0, 1] and clip; a flat image becomes 0.

    The range is that of the pixels in ``shown``, of all where it is None or holds none.
    """
    counted = image if shown is None or not shown.any() else image[shown]
    low, high = np.percentile(counted, (DARKEST, BRIGHTEST))
    if not high > low:
        return np.zeros_like(image)
    return np.clip((image - low) / (high - low), 0.0, 1.0)


def model_input(path: Path, size: int) -> NDArray[np.float32]:
    """Read one DICOM file as a (size, size) image in [0, 1], aspect kept, padded with 0.

    Bright is dense. Window settings are left aside, since they differ by vendor and percentiles
    replace them; what shows nothing (padding, the outside of a CT's field of view) becomes dark and
    is not counted. Raises UnreadableImage.
    """
    frame = read_frame(path)
    image = frame.values.astype(np.float64)
    longer = max(image.shape)
    rows, columns = (max(1, round(side * size / longer)) for side in image.shape)
    shown = None
    if frame.outside is not None:
        shown = resize(frame.outside.astype(np.float64), rows, columns) < 0.5
    square = np.zeros((size, size), dtype=np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    small = normalise(resize(image, rows, columns), shown)
    square[top : top + rows, left : left + columns] = small
    return square
