"""Reads the grey values of one frame of a DICOM file; the only reader of pixels.

The look across the wall, training and the container all take their pixels from here. This very file
is copied into a model's image, with the decoders beside it. Every step is elementwise arithmetic or
a look into a table, so that the same file gives the same bits everywhere.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from os import fstat
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import IGNORE, disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
)

from cohort_selection.pixels.decoders import LIBRARY, PLUGIN
from cohort_selection.pixels.stored import Source, stored_values, syntax_of

FILL_UNDER = -1024.0
"""Hounsfield units: a CT's value below it is no tissue and no air, but what a device writes outside
its field of view."""

_MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})


class UnreadableImage(ValueError):
    """A file holds no image that can be decoded; ``reason`` is the message without the name."""

    def __init__(self, name: str, reason: str) -> None:
        """Name the file."""
        super().__init__(f"{name}: {reason}")
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnreadableImage], tuple[str, str]]:
        """Cross to another process whole."""
        name = str(self).removesuffix(f": {self.reason}")
        return UnreadableImage, (name, self.reason)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: ``values`` (rows, columns), and where it shows nothing, ``outside``, or None.

    ``values`` are in the unit of the rescale (Hounsfield units in a CT) and integers where there is
    none; inverted where the lowest value is shown white; the mean of the channels in colour.
    ``outside`` is padding and what lies beyond a CT's field of view. Its values are the lowest of
    the rest.
    """

    values: NDArray[Any]
    outside: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """One frame as it is stored, and what makes values of it.

    ``stored`` (rows, columns); a value is ``slope`` times the stored one, plus ``intercept`` (None
    where the file has none). ``inverted`` where the lowest value is shown white. ``outside`` as in
    a ``Frame``.
    """

    stored: NDArray[Any]
    slope: float | None
    intercept: float | None
    inverted: bool
    outside: NDArray[np.bool_] | None = None

    @property
    def falling(self) -> bool:
        """Whether a higher stored value is a darker one."""
        return self.inverted != (self.slope is not None and self.slope < 0)

    def filled(self) -> NDArray[Any]:
        """The stored values, (rows, columns), with the darkest of the rest where ``outside`` is.

        The very array where nothing is outside.
        """
        if self.outside is None:
            return self.stored
        rest = self.stored[~self.outside]
        return np.where(self.outside, rest.max() if self.falling else rest.min(), self.stored)

    def in_unit(self) -> NDArray[Any]:
        """Values in the unit of the rescale (Hounsfield units in a CT), never inverted.

        The very array where the rescale changes nothing; ``outside`` is left as it is.
        """
        return _scaled(self.stored, self.slope, self.intercept)

    def frame(self) -> Frame:
        """The values themselves, as they are shown."""
        values = self.in_unit()
        shown = values if self.outside is None else values[~self.outside]
        if self.inverted:
            brightest = shown.max()
            if values.dtype.kind == "i":  # the range of signed numbers is wider than their type
                values, brightest = values.astype(np.int64), int(brightest)
            values = brightest - values
            if self.outside is not None:
                values[self.outside] = 0
        elif self.outside is not None:
            values = np.where(self.outside, shown.min(), values)
        return Frame(values, self.outside)


def decodable(syntax: str) -> bool:
    """Whether the pixels of a transfer syntax can be decoded here."""
    uid = UID(syntax, validation_mode=IGNORE)
    try:
        decoder = get_decoder(uid) if uid.is_transfer_syntax else None
    except (NotImplementedError, ValueError):
        return False
    if decoder is None:
        return False
    return not uid.is_encapsulated or PLUGIN in decoder.available_plugins


def undecodable() -> list[str]:
    """The names of the transfer syntaxes whose library is not installed here."""
    return [uid.name for uid in LIBRARY if not decodable(uid)]


def read_frame(path: Path) -> Frame:
    """Decode the middle frame of a DICOM file; of a file of many frames that one alone is read.

    Raises UnreadableImage.
    """
    return _read(path).frame()


def read_levels(path: Path, frame: int | None = None) -> Levels:
    """Decode as ``read_frame`` does, or another ``frame``, and leave the stored values as they are.

    They may lie in memory that this thread's next call uses again. Raises UnreadableImage.
    """
    return _read(path, frame, again=True)


def _read(path: Path, frame: int | None = None, *, again: bool = False) -> Levels:
    try:
        with (
            warnings.catch_warnings(),
            disable_value_validation(),
            path.open("rb") as stream,
        ):
            warnings.simplefilter("ignore")  # odd values are judged by what they are used for
            if frame is None:
                image = pydicom.dcmread(stream, force=True, stop_before_pixels=True)
            else:
                state = fstat(stream.fileno())
                image, at = _header(path, state.st_size, state.st_mtime_ns)
                stream.seek(at)
            if _is_read_whole(image):
                stream.seek(0)
                return _levels(pydicom.dcmread(stream, force=True), None, frame)
            return _levels(image, Source(path, stream if again else None), frame)
    except Exception as error:  # a decoder may raise anything on a broken file
        raise _unreadable(path.name, error) from error


@lru_cache(maxsize=1)
def _header(path: Path, _size: int, _changed: int) -> tuple[Dataset, int]:
    """A file's header, and where its pixels begin; kept for all frames of the file."""
    with path.open("rb") as stream:
        return pydicom.dcmread(stream, force=True, stop_before_pixels=True), stream.tell()


def _is_read_whole(image: Dataset) -> bool:
    """Whether pydicom finds no frame in a file by itself.

    The file is deflated, or not written as its transfer syntax says.
    """
    syntax, rows = syntax_of(image), image.get_item("Rows")
    if isinstance(rows, RawDataElement) and rows.is_implicit_VR != syntax.is_implicit_VR:
        return True
    return syntax == DeflatedExplicitVRLittleEndian


def frame_of(image: Dataset, name: str) -> Frame:
    """Decode the middle frame of an image that was read whole; ``name`` is for the message.

    Raises UnreadableImage.
    """
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            return _levels(image, None).frame()
    except Exception as error:  # as above
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> UnreadableImage:
    if isinstance(error, UnreadableImage):
        return UnreadableImage(name, error.reason)
    said = " ".join(str(error).split())
    return UnreadableImage(name, f"no pixels could be decoded ({type(error).__name__}: {said})")


def _levels(image: Dataset, source: Source | None, frame: int | None = None) -> Levels:
    at = int(image.get("NumberOfFrames") or 1) // 2 if frame is None else frame
    photometric = str(image.get("PhotometricInterpretation") or "").strip().upper()
    stored = stored_values(image, source, at, photometric)
    if photometric == "PALETTE COLOR":
        stored = _through_palette(stored, image)
    if stored.ndim == 3:
        return Levels(stored.mean(axis=2), None, None, inverted=False)
    if stored.ndim != 2 or not stored.size:
        raise UnreadableImage("", f"its pixels have the shape {stored.shape}; give a 2-D image")
    outside = _padding(stored, image) if photometric in _MONOCHROME else None
    stored, slope, intercept, unit = _rescale(stored, image, at)
    if _is_computed_tomogram(image, unit):
        beyond = _beyond_field_of_view(_scaled(stored, slope, intercept))
        outside = beyond if outside is None else outside | beyond
    if outside is not None and (outside.all() or not outside.any()):
        outside = None  # an image of nothing but padding has no other range to take
    inverted = photometric == "MONOCHROME1" or _is_inverse(image)
    return Levels(stored, slope, intercept, inverted, outside)


def _through_palette(stored: NDArray[Any], image: Dataset) -> NDArray[Any]:
    """RGB (rows, columns, 3) of indices (rows, columns); values beyond the table take its ends."""
    count, first, _ = (int(part) for part in image.RedPaletteColorLookupTableDescriptor)
    count = count or 1 << 16
    if stored.dtype.kind == "i" and first >= 1 << 15:
        first -= 1 << 16
    places = np.clip(stored.astype(np.int64) - first, 0, count - 1)
    if "RedPaletteColorLookupTableData" not in image:
        return unfolded_palette(image)[places]
    channels = []
    for colour in ("Red", "Green", "Blue"):
        data = image[f"{colour}PaletteColorLookupTableData"].value
        width = 2 if len(data) >= 2 * count else 1
        order = "<" if syntax_of(image).is_little_endian else ">"
        channels.append(np.frombuffer(data, f"{order}u{width}", count)[places])
    return np.stack(channels, axis=-1)


def unfolded_palette(image: Dataset) -> NDArray[Any]:
    """The RGB (entries, 3) of a palette that is stored in segments (PS3.3 C.7.9.2).

    Raises UnreadableImage, or whatever pydicom raises of a broken one.
    """
    count, first, bits = (int(part) for part in image.RedPaletteColorLookupTableDescriptor)
    count = count or 1 << 16
    if count > 1 << bits:  # pydicom counts the entries in numbers of so many bits
        raise UnreadableImage("", f"its palette has {count} entries in segments of {bits} bits")
    ramp = np.arange(first, first + count, dtype=np.int64)
    unfolded: NDArray[Any] = apply_color_lut(ramp[np.newaxis], image)[0, :, :3]
    return unfolded


# What the stored values mean


def _rescale(
    stored: NDArray[Any], image: Dataset, frame: int
) -> tuple[NDArray[Any], float | None, float | None, str]:
    """Stored values, slope, intercept, unit: the frame's own rescale before the image's.

    A modality table is looked up; then nothing is left to scale.
    """
    item = _rescale_item(image, frame)
    if item is None:
        if image.get("ModalityLUTSequence"):
            return apply_modality_lut(stored.astype(np.int64), image), None, None, ""
        item = image
    slope, intercept = _number(item, "RescaleSlope"), _number(item, "RescaleIntercept")
    return stored, slope, intercept, str(item.get("RescaleType") or "").strip().upper()


def _scaled(stored: NDArray[Any], slope: float | None, intercept: float | None) -> NDArray[Any]:
    """Values in the image's unit; the very array where the rescale changes nothing."""
    if slope in {None, 1.0} and intercept in {None, 0.0}:
        return stored
    scaled = stored.astype(np.float64)
    if slope is not None:
        scaled *= slope
    if intercept is not None:
        scaled += intercept
    return scaled


def _rescale_item(image: Dataset, frame: int) -> Dataset | None:
    """The pixel value transformation of a frame (PS3.3 C.7.6.16.2.9), or of all of its frames."""
    frames = image.get("PerFrameFunctionalGroupsSequence") or ()
    shared = image.get("SharedFunctionalGroupsSequence") or ()
    for groups in (*frames[frame : frame + 1], *shared[:1]):
        found = groups.get("PixelValueTransformationSequence")
        if found:
            item: Dataset = found[0]
            return item
    return None


def _number(item: Dataset, keyword: str) -> float | None:
    """A decimal string as a number, a comma taken for the point; None where it is absent."""
    if keyword not in item:
        return None
    element = item.get_item(keyword)  # as it stands in the file: pydicom refuses a comma
    value = element.value
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    number = number_of(text) if value is not None else None
    if number is None:
        return None
    if not math.isfinite(number) or (keyword == "RescaleSlope" and not number):
        raise UnreadableImage(
            "", f"its {keyword} is {text.strip()}; give a finite number that is not 0"
        )
    return number


def number_of(text: str) -> float | None:
    """The number of a decimal string; None of an empty one, not a number of any other text."""
    tidy = text.strip(" \0").replace(",", ".")
    if not tidy:
        return None
    try:
        return float(tidy)
    except ValueError:
        return math.nan


def _is_inverse(image: Dataset) -> bool:
    """Whether a presentation shape asks for the lowest value in white (PS3.3 C.11.4, C.8.11.3)."""
    return str(image.get("PresentationLUTShape") or "").strip().upper() == "INVERSE"


# What shows nothing


def _padding(stored: NDArray[Any], image: Dataset) -> NDArray[np.bool_] | None:
    """Pixels of PixelPaddingValue, or from it to PixelPaddingRangeLimit (PS3.3 C.7.5.1.1.2)."""
    bits = int(image.get("BitsStored") or 0)
    signed = stored.dtype.kind == "i"
    ends = [
        _pixel_value(image, keyword, bits, signed=signed)
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
    ]
    value = ends[0]
    if value is None:
        return None
    limit = value if ends[1] is None else ends[1]
    low, high = min(value, limit), max(value, limit)
    found: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return found


def _pixel_value(image: Dataset, keyword: str, bits: int, *, signed: bool) -> int | None:
    """An element that holds a stored pixel's value; None where absent or beyond the bits in use.

    Files write it as a signed and as an unsigned number, whatever the pixels are.
    """
    if keyword not in image:
        return None
    element = image.get_item(keyword)
    value = element.value
    if isinstance(element, RawDataElement) and isinstance(value, bytes):
        if len(value) < 2:
            return None
        value = int.from_bytes(value[:2], "little" if element.is_little_endian else "big")
    elif isinstance(value, bytes):
        value = int.from_bytes(value[:2], "little" if syntax_of(image).is_little_endian else "big")
    if not isinstance(value, int):
        return None
    value &= 0xFFFF
    if signed and value >= 1 << 15:
        value -= 1 << 16
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    return value if low <= value < high else None


def _is_computed_tomogram(image: Dataset, unit: str) -> bool:
    kind = {str(part).strip().upper() for part in image.get("ImageType") or ()}
    modality = str(image.get("Modality") or "").strip().upper()
    return modality == "CT" and unit in {"", "HU"} and "LOCALIZER" not in kind


def _beyond_field_of_view(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a CT was filled up: with less than ``FILL_UNDER``, or with that at all four corners."""
    outside: NDArray[np.bool_] = values < FILL_UNDER
    corners = values[:: max(len(values) - 1, 1), :: max(values.shape[1] - 1, 1)]
    if (corners == FILL_UNDER).all():
        outside |= values == FILL_UNDER
    return outside
