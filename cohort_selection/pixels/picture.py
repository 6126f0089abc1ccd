"""Opens one DICOM image as a picture and header fields, for checks on a cohort."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from cohort_selection.pixels.intensities import UnreadableImage, frame_of
from cohort_selection.pixels.stored import syntax_of, within_bits
from cohort_selection.pixels.whole_file import read_whole

TRANSFER_SYNTAX = "transfer syntax"
STORED_BYTES = "bytes of stored pixels"
STORED = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
"""The elements that can hold an image's pixels."""


class PictureError(ValueError):
    """Images without pixels, or whose pixels cannot be decoded: ``reasons`` by file.

    The message names every one of them.
    """

    def __init__(self, reasons: Mapping[Path, str], of: int = 1) -> None:
        """Take what is wrong with each file, and how many files were read."""
        self.reasons, self.of = dict(reasons), of
        remedy = (
            "take their studies out of the commons and index it again, or seal with --no-look, "
            "which compares no pictures"
        )
        if len(self.reasons) == 1:
            ((path, reason),) = self.reasons.items()
            super().__init__(f"{path}: {reason}; {remedy.replace('their studies', 'its study')}")
            return
        listed = "".join(f"\n  {path}: {reason}" for path, reason in self.reasons.items())
        super().__init__(
            f"{len(self.reasons)} of {of} files hold no picture that can be read; {remedy}:{listed}"
        )

    def __reduce__(self) -> tuple[type[PictureError], tuple[dict[Path, str], int]]:
        """Cross to another process whole."""
        return PictureError, (self.reasons, self.of)


def pixel_digest(path: Path) -> str:
    """SHA-256 of an image's pixel data as it is stored, compressed or not.

    Raises PictureError.
    """
    return _digest(_read(path), path)


def read_picture(path: Path) -> tuple[str, NDArray[np.generic]]:
    """Read an image once: its ``pixel_digest``, and its middle frame as grey values.

    These may lie in memory that this thread's next call of this module uses again. Raises
    PictureError where its pixels cannot be decoded.
    """
    image = _read(path)
    digest = _digest(image, path)
    try:
        return digest, frame_of(image, path.name).values
    except UnreadableImage as error:
        raise PictureError({path: error.reason}) from error


def without_unused_bits(image: Dataset) -> bytes | None:
    """The pixel data of an uncompressed image, cleared of what stands in bits that no pixel uses.

    There an old overlay lies, and with it whatever was drawn or written in it. None where there is
    nothing to clear: the bits are 0, or repeat the sign.
    """
    bits, allocated = (int(image.get(name) or 0) for name in ("BitsStored", "BitsAllocated"))
    syntax = syntax_of(image)
    if syntax.is_encapsulated or "PixelData" not in image or allocated not in {8, 16, 32}:
        return None
    if not 0 < bits < allocated:
        return None
    content: bytes = image.get_item("PixelData").value
    order = "<" if syntax.is_little_endian else ">"
    kind = "i" if image.get("PixelRepresentation") == 1 else "u"
    count = len(content) // (allocated // 8)
    held = np.frombuffer(content, f"{order}{kind}{allocated // 8}", count)
    values = held.astype(held.dtype.newbyteorder("="), copy=False)
    cleared = within_bits(values, bits)
    if cleared is values or not ((values != cleared) & (values >> bits != 0)).any():
        return None
    raw = cleared.astype(held.dtype).tobytes()
    return raw + bytes(content[len(raw) :])


def has_overlay_in_pixels(image: Dataset) -> bool:
    """Whether an image says that an overlay lies in the bits of its pixels (PS3.3 C.9.2, retired).

    Of compressed pixels it cannot be cleared without another compression.
    """
    planes = range(0x6000, 0x6020, 2)
    return any(
        (group, 0x0102) in image
        and image[group, 0x0102].value not in {None, "", 0}
        and (group, 0x3000) not in image
        for group in planes
    )


def header_fields(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Read attributes of an image's header as text, empty where absent.

    Of sequences and bulk data it says how many items or bytes there are. With them come its
    transfer syntax and how many bytes its pixels take as they are stored.
    """
    wanted = _tags(tuple(names))
    found = dict.fromkeys(names, "")
    with (
        warnings.catch_warnings(),
        disable_value_validation(),
        path.open("rb") as stream,
    ):
        warnings.simplefilter("ignore")
        try:
            image = pydicom.dcmread(
                stream, stop_before_pixels=True, force=True, specific_tags=list(wanted)
            )
            found |= {wanted[tag]: _text(image, tag) for tag in wanted.keys() & image.keys()}
        except OSError:
            raise
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            raise _unreadable(path, error) from error
        found[TRANSFER_SYNTAX] = str(image.file_meta.get("TransferSyntaxUID", ""))
        # The reader stops where the pixels begin, before their own few bytes of header.
        found[STORED_BYTES] = str(path.stat().st_size - stream.tell())
    return found


@cache
def _tags(names: tuple[str, ...]) -> dict[BaseTag, str]:
    """Tag -> keyword."""
    return {Tag(name): name for name in names}


def _text(image: pydicom.Dataset, tag: BaseTag) -> str:
    try:
        element = image[tag]
    except (ValueError, TypeError):  # of a number that is none, such as one with a decimal comma
        written: bytes = image.get_item(tag).value
        return written.decode("ascii", "replace").strip(" \0")
    if element.VR == "SQ":
        return f"{len(element.value)} items"
    if isinstance(element.value, bytes):
        return f"{len(element.value)} bytes"
    return str(element.value)


def _read(path: Path) -> pydicom.FileDataset:
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            return read_whole(path)
        except OSError:
            raise
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> PictureError:
    said = " ".join(str(error).split())
    return PictureError({path: f"cannot be read as DICOM ({type(error).__name__}: {said})"})


def _digest(image: pydicom.FileDataset, path: Path) -> str:
    for name in STORED:
        if name in image:
            return sha256(image.get_item(name).value or b"").hexdigest()
    raise PictureError({path: "has no pixel data"})
