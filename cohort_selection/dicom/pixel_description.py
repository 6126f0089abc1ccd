"""Tells whether a file's pixels are an image that can be read here; decodes nothing.

Judged by the header, by the length of the file, and by the first bytes of a compressed stream. What
is damaged further inside a stream shows only when it is decoded: the look of ``seal`` and training
decode every file, and list those that they could not.
"""

from __future__ import annotations

import math
import os
import struct
from functools import lru_cache
from typing import NamedTuple

from pydicom.config import IGNORE
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from cohort_selection.dicom.element_walk import END_OF_ITEMS, ITEM, UNDEFINED, tag_and_length
from cohort_selection.dicom.elements import Elements, Unfit
from cohort_selection.pixels.intensities import decodable, number_of

_JPEG = frozenset(map(str, (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes)))
_JPEG_2000 = frozenset(map(str, JPEG2000TransferSyntaxes))
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_FLOATING = frozenset({0x7FE00008, 0x7FE00009})
_HEAD = 640
"""Bytes read where compressed pixels begin: the offset table of one frame, and a stream's head."""

_RLE_SEGMENTS = struct.Struct("<I")
_SIZE = struct.Struct(">HH")
_SIZ = struct.Struct(">4I")
_LENGTH = struct.Struct(">H")


def decodable_syntaxes() -> tuple[str, ...]:
    """The transfer syntaxes whose images can be decoded here; a new decoder adds to them."""
    return tuple(syntax for syntax in AllTransferSyntaxes if decodable(syntax))


LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
_NEWER = {
    LABEL_MAP: "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}
"""Classes of the standard (PS3.6, Table A-1) that pydicom's dictionary does not have yet."""


@lru_cache(maxsize=256)
def no_image(sop_class: str) -> str:
    """What an object of this class is, where the standard says that it is not an image; else ''.

    A parametric map, a segmentation or a dose has pixels, and somebody's results in them. A class
    that the standard does not list (a vendor's own) is taken for an image.
    """
    name = _NEWER.get(sop_class) or UID(sop_class, validation_mode=IGNORE).name
    if name == sop_class or "Storage" not in name or "Image" in name or "US Volume" in name:
        return ""
    return name.removesuffix(" Storage")


def refuse_unreadable_pixels(descriptor: int, size: int, elements: Elements) -> None:
    """Raise ``Unfit`` where the pixels of a file of ``size`` bytes cannot be read here."""
    start, length = elements.pixels_at, elements.pixels_length
    if elements.inflated:
        size = elements.inflated
    if not start:
        if elements.ended_at + 8 >= size:
            raise Unfit("no pixel data: the file ends with its header (truncated, or no image)")
        raise Unfit("truncated: ends before pixel data")
    if elements.pixels_tag in _FLOATING:
        raise Unfit("its pixels are floating-point numbers: a computed map and not an image")
    get = elements.fields.get
    more = elements.description
    compressed = length == UNDEFINED
    shape, needed, fault = _judged(
        get("Rows"),
        get("Columns"),
        get("NumberOfFrames"),
        get("SamplesPerPixel"),
        get("BitsAllocated"),
        get("BitsStored"),
        get("HighBit"),
        get("PixelRepresentation"),
        get("PhotometricInterpretation"),
        get("RescaleSlope"),
        get("RescaleIntercept"),
        more.get("PlanarConfiguration") if more else None,
        more.get("RedPaletteColorLookupTableDescriptor") if more else None,
        elements.syntax,
        compressed,
    )
    if fault:
        raise Unfit(fault)
    if compressed:
        _refuse_broken_fragments(descriptor, size, start, elements.syntax, shape)
        return
    if start + length > size:
        raise Unfit(
            f"truncated: its pixel data should hold {length} bytes and {size - start} are there"
        )
    if length < needed:
        raise Unfit(
            f"unreadable pixel description: Rows, Columns and bits ask for {needed} bytes, "
            f"the pixel data holds {length}"
        )


class _Shape(NamedTuple):
    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int


def _number(text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:
        return 0


# What a device writes is the same in thousands of files.
@lru_cache(maxsize=4096)
def _judged(
    rows: str | None,
    columns: str | None,
    frames: str | None,
    samples: str | None,
    allocated: str | None,
    stored: str | None,
    high: str | None,
    signed: str | None,
    photometric: str | None,
    slope: str | None,
    intercept: str | None,
    planar: str | None,
    palette: str | None,
    syntax: str,
    compressed: bool,
) -> tuple[_Shape, int, str]:
    """The shape of pixels so described, the bytes they take, and why they cannot be read here."""
    shape = _Shape(
        _number(rows), _number(columns), _number(frames) or 1, _number(samples), _number(allocated)
    )
    kind = (photometric or "").upper()
    fault = (
        _coding_fault(shape, syntax, compressed)
        or _frames_fault(frames or "")
        or _fault(shape, stored, high, signed, kind, planar, palette, compressed)
        or _rescale_fault(slope or "", intercept or "")
    )
    return shape, _bytes_needed(shape, kind), fault


def _coding_fault(shape: _Shape, syntax: str, compressed: bool) -> str:
    if not (shape.rows and shape.columns and shape.allocated):
        return (
            f"unreadable pixel description: Rows {shape.rows}, Columns {shape.columns}, "
            f"BitsAllocated {shape.allocated}; each must be above 0"
        )
    uid = UID(syntax, validation_mode=IGNORE)
    if syntax and not decodable(syntax):
        return f"no decoder here for its transfer syntax ({uid.name})"
    if compressed and not (syntax and uid.is_encapsulated):
        return (
            "its pixels are compressed, and its transfer syntax "
            f"({uid.name if syntax else 'not stated'}) does not say how"
        )
    if syntax and uid.is_encapsulated and not compressed:
        return f"its transfer syntax ({uid.name}) is a compressed one, and its pixels are not"
    return ""


def _frames_fault(frames: str) -> str:
    number = number_of(frames)
    if number is None or (number >= 0 and number == number // 1):
        return ""
    return f"unreadable pixel description: NumberOfFrames {frames}; expected a whole number"


def _fault(
    shape: _Shape,
    stored: str | None,
    high: str | None,
    signed: str | None,
    photometric: str,
    planar: str | None,
    palette: str | None,
    compressed: bool,
) -> str:
    columns, samples, allocated = shape.columns, shape.samples, shape.allocated
    bits = _number(stored)
    wrong = ""
    if allocated not in {1, 8, 16, 32, 64} or (allocated == 1 and compressed):
        wrong = f"BitsAllocated {allocated}; expected 8, 16, 32 or 64, or 1 uncompressed"
    elif not 1 <= bits <= allocated:
        wrong = f"BitsStored {stored or 'absent'}; expected 1 to BitsAllocated, {allocated}"
    elif high and _number(high) != bits - 1:
        wrong = (
            f"HighBit {high} with BitsStored {bits}; expected HighBit {bits - 1} (left-justified "
            "pixels are read wrong by most software)"
        )
    elif signed not in {"0", "1"}:
        wrong = f"PixelRepresentation {signed or 'absent'}; expected 0 or 1"
    elif samples not in {1, 3}:
        wrong = f"SamplesPerPixel {samples or 'absent'}; expected 1 or 3"
    elif photometric not in (_GREY if samples == 1 else _COLOUR):
        wrong = (
            f"PhotometricInterpretation {photometric or 'absent'} with SamplesPerPixel {samples}; "
            f"expected {', '.join(sorted(_GREY if samples == 1 else _COLOUR))}"
        )
    elif photometric == "PALETTE COLOR" and not palette:
        wrong = "PALETTE COLOR without its table of colours"
    elif samples == 3 and planar not in {None, "", "0", "1"}:
        wrong = f"PlanarConfiguration {planar}; expected 0 or 1"
    elif photometric.startswith("YBR_FULL") and allocated != 8:
        wrong = f"{photometric} with BitsAllocated {allocated}; expected 8"
    elif photometric == "YBR_FULL_422" and not compressed and columns % 2:
        wrong = f"YBR_FULL_422 with {columns} columns; expected an even number"
    return f"unreadable pixel description: {wrong}" if wrong else ""


def _rescale_fault(slope: str, intercept: str) -> str:
    for keyword, text in (("RescaleSlope", slope), ("RescaleIntercept", intercept)):
        number = number_of(text)
        if number is None:
            continue
        if not math.isfinite(number):
            return f"its {keyword} is {text}; expected a number"
        if keyword == "RescaleSlope" and not number:
            return "its RescaleSlope is 0, which makes every pixel the same"
    return ""


def _bytes_needed(shape: _Shape, photometric: str) -> int:
    rows, columns, frames, samples, allocated = shape
    values = rows * columns * frames * samples
    if photometric == "YBR_FULL_422":  # two pixels share their colour
        values = values // 3 * 2
    return (values * allocated + 7) // 8


# Compressed pixels


def _refuse_broken_fragments(
    descriptor: int, size: int, start: int, syntax: str, shape: _Shape
) -> None:
    """Walk the fragments of compressed pixel data by their lengths (PS3.5 A.4)."""
    at, fragments = start, -1  # the first item is the table of offsets
    head = os.pread(descriptor, _HEAD, start)
    while True:
        inside = at - start
        item = head[inside : inside + 8]
        if len(item) < 8:
            item = os.pread(descriptor, 8, at)
        if len(item) < 8:
            raise Unfit("truncated: its compressed pixel data has no end")
        group, element, length = tag_and_length(item, 0)
        tag = group << 16 | element
        if tag == END_OF_ITEMS:
            break
        if tag != ITEM:
            raise Unfit("damaged: its compressed pixel data is not made of items")
        if at + 8 + length > size:
            raise Unfit("truncated: its compressed pixel data stops inside a fragment")
        fragments += 1
        if fragments == 1:
            _refuse_other_stream(
                head[inside + 8 : inside + 8 + length]
                if inside + 8 + min(length, 512) <= _HEAD
                else os.pread(descriptor, min(length, 512), at + 8),
                syntax,
                shape,
            )
        at += 8 + length
    if fragments < shape.frames:
        raise Unfit(
            f"truncated: NumberOfFrames is {shape.frames}, and its compressed pixel data holds "
            f"{max(fragments, 0)} fragments"
        )


def _refuse_other_stream(head: bytes, syntax: str, shape: _Shape) -> None:
    """Hold the head of the first compressed frame against the transfer syntax and the header."""
    found: tuple[int, int] | None = None
    if syntax in _JPEG:
        known = head.startswith(b"\xff\xd8")
        found = _jpeg_size(head) if known else None
    elif syntax in _JPEG_2000:
        at = head.find(b"\xff\x4f\xff\x51")
        known = at == 0 or head[4:8] == b"jP  "
        found = _jpeg_2000_size(head, at) if at >= 0 else None
    elif syntax == RLELossless:
        segments = shape.samples * shape.allocated // 8
        known = len(head) >= 64 and _RLE_SEGMENTS.unpack_from(head)[0] == segments
    else:
        return
    if not known:
        name = UID(syntax, validation_mode=IGNORE).name
        raise Unfit(f"damaged: its pixel data does not begin as {name} does")
    if found is not None and found != (shape.rows, shape.columns):
        raise Unfit(
            f"its compressed picture has {found[0]} rows and {found[1]} columns, "
            f"its header says {shape.rows} and {shape.columns}"
        )


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Rows and columns by the frame header of a JPEG or JPEG-LS stream; None where it comes later.

    Rows of 0 (they follow the first scan, ITU-T T.81 B.2.5) count as unknown.
    """
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}):
            rows, columns = _SIZE.unpack_from(head, at + 5)
            return (rows, columns) if rows and columns else None
        if marker in {0xD9, 0xDA}:
            return None
        at += 2 + _LENGTH.unpack_from(head, at + 2)[0]
    return None


def _jpeg_2000_size(head: bytes, at: int) -> tuple[int, int] | None:
    """Rows and columns by the SIZ marker of a codestream that begins at ``at``."""
    if at + 24 > len(head):
        return None
    right, bottom, left, top = _SIZ.unpack_from(head, at + 8)
    return bottom - top, right - left
