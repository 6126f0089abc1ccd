"""Reads one frame of a DICOM file as it is stored, by the decoders that are asked for by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import SEEK_CUR, BufferedReader
from os import fstat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cohort_selection.pixels.decoders import PLUGIN
from cohort_selection.pixels.scratch import scratch

_PIXEL_DATA, _UNDEFINED = b"\xe0\x7f\x10\x00", 0xFFFFFFFF


def syntax_of(image: Dataset) -> UID:
    """The transfer syntax that a file states, or else the one that it was read by."""
    stated = str(getattr(image, "file_meta", {}).get("TransferSyntaxUID") or "")
    if stated:
        return UID(stated, validation_mode=IGNORE)
    implicit, little = image.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRBigEndian if little is False else ExplicitVRLittleEndian


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pixels of a header lie: ``stream`` stands where they begin, if they may be read
    into memory that is used again."""

    path: Path
    stream: BufferedReader | None


def stored_values(
    image: Dataset, source: Source | None, frame: int, photometric: str
) -> NDArray[np.generic]:
    """One frame as it is stored, (rows, columns) or (rows, columns, 3) in RGB; unused bits cleared.

    From ``source`` where the image's header alone was read.
    """
    bits = int(image.get("BitsStored") or 0)
    plain = None
    if source is None:
        plain = _plain_in_memory(image, frame)
    elif source.stream is not None:
        plain = _plain(image, source.stream, frame)
    if plain is not None:
        return within_bits(plain, bits)
    syntax = syntax_of(image)
    options: dict[str, Any] = {"index": frame, "photometric_interpretation": photometric}
    if image.get("SamplesPerPixel") == 3 and image.get("PlanarConfiguration") is None:
        options["planar_configuration"] = 0
    if source is not None:
        given = source.path
        stored = pixel_array(given, decoding_plugin=PLUGIN, transfer_syntax_uid=syntax, **options)
    elif getattr(image, "file_meta", {}).get("TransferSyntaxUID"):
        stored = pixel_array(image, decoding_plugin=PLUGIN, **options)
    else:
        decoder = get_decoder(syntax)
        stored, _ = decoder.as_array(image, decoding_plugin=PLUGIN, **options)
    return within_bits(stored, bits)


def _plain(image: Dataset, stream: BufferedReader, frame: int) -> NDArray[Any] | None:
    """One frame of uncompressed grey numbers, read straight into memory that is used again.

    None for whatever else a file holds, or where it is shorter than its header says: pydicom
    judges it.
    """
    form = _plain_form(image)
    if form is None:
        return None
    shape, kind, frames = form
    long = b"" if image.is_implicit_VR else stream.peek(6)[4:6]
    header = stream.read(12 if long in {b"OB", b"OW"} else 8)
    tag, length = header[:4], int.from_bytes(header[-4:], "little")
    stored = scratch("stored", shape, kind)
    held = min(length, fstat(stream.fileno()).st_size - stream.tell())
    if tag != _PIXEL_DATA or length == _UNDEFINED or held < max(length, frames * stored.nbytes):
        return None
    stream.seek(frame * stored.nbytes, SEEK_CUR)
    return stored if stream.readinto(stored.data.cast("B")) == stored.nbytes else None


def _plain_in_memory(image: Dataset, frame: int) -> NDArray[Any] | None:
    """One frame of such numbers, where a file's pixels lie in memory that is used again."""
    element = image.get_item("PixelData") if "PixelData" in image else None
    form = None if element is None else _plain_form(image)
    if element is None or form is None or not isinstance(element.value, memoryview):
        return None
    shape, kind, frames = form
    size = math.prod(shape)
    if len(element.value) < frames * size * np.dtype(kind).itemsize:
        return None
    stored = np.frombuffer(element.value, kind, size, frame * size * np.dtype(kind).itemsize)
    return stored.reshape(shape)


def _plain_form(image: Dataset) -> tuple[tuple[int, int], str, int] | None:
    """Shape and type of one frame of uncompressed grey numbers, and how many; None of others."""
    if syntax_of(image) not in {ImplicitVRLittleEndian, ExplicitVRLittleEndian}:
        return None
    names = ("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored")
    numbers = [image.get(name) for name in (*names, "PixelRepresentation")]
    if not all(type(number) is int for number in numbers):
        return None
    samples, rows, columns, allocated, bits, signed = numbers
    if samples != 1 or allocated not in {8, 16} or not 0 < bits <= allocated:
        return None
    if signed not in {0, 1} or rows * columns == 0:
        return None
    kind = f"<{'ui'[signed]}{allocated // 8}"
    return (rows, columns), kind, max(1, int(image.get("NumberOfFrames") or 1))


def within_bits(stored: NDArray[Any], bits: int) -> NDArray[Any]:
    """Clear the bits above the ``bits`` in use: an overlay, or what a lossy coder spilled there.

    The very array where there is nothing to clear. pydicom clears some transfer syntaxes.
    """
    unused = stored.dtype.itemsize * 8 - bits
    if stored.dtype.kind not in "iu" or not 0 < unused < stored.dtype.itemsize * 8:
        return stored
    lowest, highest = (0, (1 << bits) - 1)
    if stored.dtype.kind == "i":
        lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if stored.min() >= lowest and stored.max() <= highest:
        return stored
    return (stored << unused) >> unused  # of signed numbers this carries the sign up
