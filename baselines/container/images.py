"""Makes of a DICOM file the square float32 image that networks see.

The container image holds a copy of this file, beside the modules of ``cohort_selection.pixels``,
which read the pixels. It needs numpy and pydicom with its decoders. Every step is elementwise
arithmetic, a sum in a fixed order or a sort, never a matrix product, so that the same file gives
the same bits in training and in the container, whatever the number of threads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.pixels.area import area_mean
from cohort_selection.pixels.intensities import read_levels

PREPROCESSING = 2
"""Raised whenever ``model_input`` may give other values for a file. A cache of images and the card
of a model name it. 2: JPEG streams are decoded by libjpeg-turbo, which in a lossy one differs by a
grey level here and there from the decoder before; the mean over an area is summed otherwise (other
by 1e-6 of the range at most)."""

DARKEST, BRIGHTEST = 1.0, 99.0
"""Percentiles of the image that become 0 and 1: robust against markers and collimation."""


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
    levels = read_levels(path)
    stored = levels.filled()
    longer = max(stored.shape)
    rows, columns = (max(1, round(side * size / longer)) for side in stored.shape)
    small = area_mean(stored, rows, columns)
    if levels.falling:
        small = -small
    shown = None
    if levels.outside is not None:
        shown = area_mean(levels.outside, rows, columns) < 0.5
    square = np.zeros((size, size), dtype=np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    square[top : top + rows, left : left + columns] = normalise(small, shown)
    return square
