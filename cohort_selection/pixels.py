"""One sealed or open DICOM image as a picture and as header fields, for the checks on a cohort."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.pixels import pixel_array

TRANSFER_SYNTAX = "transfer syntax"


def read_grey(path: Path) -> NDArray[np.float64]:
    """Read a DICOM image's middle frame as grey values."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        image = pydicom.dcmread(path, force=True)
        frames = int(image.get("NumberOfFrames") or 1)
        pixels = pixel_array(image, index=frames // 2)
    grey: NDArray[np.float64] = np.asarray(pixels, dtype=np.float64)
    return grey.mean(axis=2) if grey.ndim == 3 else grey


def header_fields(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Read attributes of an image's header as text, empty where absent, and its transfer syntax."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        image = pydicom.dcmread(
            path, stop_before_pixels=True, force=True, specific_tags=list(names)
        )
        found = {name: str(image.get(name, "")) for name in names}
        found[TRANSFER_SYNTAX] = str(image.file_meta.get("TransferSyntaxUID", ""))
    return found
