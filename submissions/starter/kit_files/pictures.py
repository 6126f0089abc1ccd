"""Reads a DICOM file as the picture that the network sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom

SIZE = 64


def picture(file: Path) -> np.ndarray[Any, Any]:
    """One DICOM file as float32 from 0 to 1, SIZE x SIZE, bone bright."""
    image = pydicom.dcmread(file)
    pixels = image.pixel_array.astype(np.float32)
    if image.get("SamplesPerPixel", 1) > 1:
        pixels = pixels.mean(axis=-1)
    if pixels.ndim > 2:  # several frames
        pixels = pixels.mean(axis=0)
    if image.PhotometricInterpretation == "MONOCHROME1":
        pixels = pixels.max() - pixels
    pixels = (pixels - pixels.min()) / max(float(np.ptp(pixels)), 1.0)
    rows, columns = (np.linspace(0, side - 1, SIZE).round().astype(int) for side in pixels.shape)
    return np.asarray(pixels[np.ix_(rows, columns)])
