"""From a DICOM file to the square float32 image that the networks see.

This very file is copied into the container image and so needs numpy and pydicom alone. Every step
is elementwise arithmetic, a running sum or a sort, never a matrix product, so that the same file
gives the same bits in training and in the container, whatever the number of threads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels import apply_modality_lut, pixel_array

DARKEST, BRIGHTEST = 1.0, 99.0
"""Percentiles of the image that become 0 and 1: robust against markers, collimation and padding."""


class UnreadableImage(ValueError):
    """A file holds no image that can be decoded; the message says why."""


def read_intensities(path: Path) -> NDArray[np.float64]:
    """Decode one DICOM file to physical intensities, shape (rows, columns), bright = dense.

    The modality LUT or rescale is applied and MONOCHROME1 inverted; window settings are left
    aside, since they differ by vendor and the percentiles of ``model_input`` replace them. Of
    several frames the middle one is read; colour is averaged. Raises UnreadableImage.
    """
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        middle = int(header.get("NumberOfFrames") or 1) // 2
        stored = pixel_array(path, index=middle)
        values = np.asarray(apply_modality_lut(stored, header), dtype=np.float64)
    except Exception as error:  # a decoder may raise anything on a broken file
        raise UnreadableImage(
            f"{path.name}: no pixels could be decoded ({type(error).__name__}: {error}); "
            "give a DICOM image in a transfer syntax that pydicom decodes"
        ) from error
    if values.ndim == 3:
        values = values.mean(axis=2)
    if values.ndim != 2 or not values.size:
        raise UnreadableImage(f"{path.name}: pixels of shape {values.shape}; give a 2-D image")
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        values = values.max() - values
    return values


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


def normalise(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map the robust range of intensities to [0, 1] and clip; a flat image becomes 0."""
    low, high = np.percentile(image, (DARKEST, BRIGHTEST))
    if not high > low:
        return np.zeros_like(image)
    return np.clip((image - low) / (high - low), 0.0, 1.0)


def model_input(path: Path, size: int) -> NDArray[np.float32]:
    """Read one DICOM file as a (size, size) image in [0, 1], aspect kept, padded with 0.

    Raises UnreadableImage.
    """
    image = read_intensities(path)
    longer = max(image.shape)
    rows, columns = (max(1, round(side * size / longer)) for side in image.shape)
    square = np.zeros((size, size), dtype=np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    square[top : top + rows, left : left + columns] = normalise(resize(image, rows, columns))
    return square
