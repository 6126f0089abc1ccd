"""Reads a DICOM file with its pixels, these into memory that is used again for the next file."""

from __future__ import annotations

from io import BufferedReader
from os import fstat
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset
from pydicom.tag import BaseTag

from cohort_selection.pixels.scratch import scratch

_PIXEL_DATA, _UNDEFINED = b"\xe0\x7f\x10\x00", 0xFFFFFFFF
_LONGEST = 64 << 20
"""Bytes that a thread keeps for the next file at the most."""


def read_whole(path: Path) -> FileDataset:
    """All elements of a file, as ``pydicom.dcmread`` reads them.

    Pixels that are not compressed and end the file are a memoryview of memory that this thread's
    next call uses again. Raises whatever pydicom raises.
    """
    with path.open("rb") as stream:
        image = pydicom.dcmread(stream, force=True, stop_before_pixels=True)
        pixels = _pixels(image, stream)
        if pixels is None:
            stream.seek(0)
            return pydicom.dcmread(stream, force=True)
    image[pixels.tag] = pixels
    return image


def _pixels(image: FileDataset, stream: BufferedReader) -> RawDataElement | None:
    """The pixels before which the stream stands; None where pydicom has to read them."""
    rows = image.get_item("Rows")
    if not isinstance(rows, RawDataElement) or not rows.is_little_endian:
        return None
    head, vr = stream.read(8), None
    if not rows.is_implicit_VR:
        vr = {b"OB": "OB", b"OW": "OW"}.get(head[4:6])
        if vr is None:
            return None
        head += stream.read(4)
    length, at = int.from_bytes(head[-4:], "little"), stream.tell()
    if head[:4] != _PIXEL_DATA or not 0 < length < min(_UNDEFINED, _LONGEST + 1):
        return None
    if at + length != fstat(stream.fileno()).st_size:
        return None
    memory = scratch("pixel data", (length,), np.uint8)
    if stream.readinto(memory.data) != length:
        return None
    return RawDataElement(
        BaseTag(0x7FE00010), vr, length, memory.data, at, rows.is_implicit_VR, True
    )
