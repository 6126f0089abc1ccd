"""Copies a DICOM image without anything that leads to a patient, a hospital or a label.

What is kept is a closed list of attributes that describe the image itself, so that nothing unknown
survives: no private element, no description, no date, no name. Real files carry the reference
standard in StudyDescription; that is why the rule is a list of what may stay, not of what must go
(the profile of PS3.15 E with every option for cleaning left out). A copy is a conformant object of
its source's kind: what its kind wants beside that is there, empty or as a constant.
"""

from __future__ import annotations

import hmac
import io
import os
import warnings
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydicom.config import disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_fragments, parse_basic_offsets
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from cohort_selection.deidentification.elements import Copier, ValueLost
from cohort_selection.deidentification.encoder_stamps import has_words
from cohort_selection.deidentification.kinds import WHERE_SAID, Kind, kind_of
from cohort_selection.deidentification.rules import RULES
from cohort_selection.dicom.header import Described, describe
from cohort_selection.ordered_threads import in_order, size_of
from cohort_selection.pixels.picture import has_overlay_in_pixels, without_unused_bits
from cohort_selection.pixels.stored import syntax_of
from cohort_selection.pixels.whole_file import read_whole

METHOD = "Sequestra allow-list 2"
KEPT = ("SOPClassUID", *RULES)
"""Keywords of what a copy keeps, in items of sequences too."""
_LISTED = 10
_SIGNATURE = 3
"""Bytes with which each compressed frame of a file begins alike."""
_STAND_IN = b"\xfe\xff\x00\xe0" + b"\0" * 4
"""An empty item, which pydicom takes for compressed pixels and for others."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy's SHA-256, and what it may still say, since its picture is kept.

    ``burned_in``: the header admits text in the picture, or an overlay in compressed pixels.
    ``comment``: the compressed stream has an Exif block, or a comment that is no encoder's stamp.
    """

    digest: str
    burned_in: bool
    comment: bool


class DeidentificationError(ValueError):
    """An image, or several, that cannot be copied safely."""

    def __init__(self, file: str, reason: str, advice: str) -> None:
        """Say that ``file`` ``reason``; ``advice`` is what to do, the same for every such file."""
        super().__init__(f"{file} {reason}; {advice}")
        self.file, self.reason, self.advice = file, reason, advice


class Copies:
    """The copies of many files under one key, and how many of them may still say something.

    Files that cannot be copied are told together: one that goes on finds them all.
    """

    def __init__(self, key: bytes) -> None:
        """Begin with no copy."""
        self._key = key
        self._refused: list[DeidentificationError] = []
        self.burned_in = 0
        self.commented = 0

    def add(self, files: Iterable[tuple[Path, Path]]) -> Generator[str | None]:
        """Copy each (source, destination); yield the copies' SHA-256 in order, several at work.

        None for one that cannot be copied. Close what this gives where it is not read to its end.
        """
        sized = (((source, copy), size_of(source)) for source, copy in files)
        with closing(in_order(self._copied, sized)) as results:
            for copied in results:
                if isinstance(copied, DeidentificationError):
                    self._refused.append(copied)
                    yield None
                    continue
                self.burned_in += copied.burned_in
                self.commented += copied.comment
                yield copied.digest

    def _copied(self, files: tuple[Path, Path]) -> Copied | DeidentificationError:
        try:
            return deidentify(*files, self._key)
        except DeidentificationError as error:
            return error

    def new_uid(self, uid: str) -> str:
        """The UID that stands for ``uid`` in the copies."""
        return new_uid(self._key, uid)

    def refuse_where_one_failed(self) -> None:
        """Raise one DeidentificationError that names all files that could not be copied."""
        errors = self._refused
        if len(errors) < 2:
            for error in errors:
                raise error
            return
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for error in errors:
            alike[error.reason, error.advice].append(error.file)
        told = [f"{_some(files)} {reason} ({advice})" for (reason, advice), files in alike.items()]
        raise DeidentificationError(
            f"{len(errors)} files", "cannot be copied, so nothing was written", "; ".join(told)
        )


def _some(files: Sequence[str]) -> str:
    if len(files) <= _LISTED:
        return ", ".join(files)
    return f"{', '.join(files[:_LISTED])} and {len(files) - _LISTED} more"


def new_uid(key: bytes, uid: str) -> str:
    """Return the UID that stands for ``uid`` under a secret key; the same one every time."""
    digest = hmac.new(key, b"uid\0" + uid.encode(), sha256).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def deidentify(source: Path, destination: Path, key: bytes) -> Copied:
    """Write a copy of ``source`` that keeps its pixels, byte for byte, and its transfer syntax.

    Bits that no pixel uses are cleared, where the pixels are not compressed.

    Raises DeidentificationError where the file cannot be read, has no pixel data, is of a kind that
    is not copied, or says something of its pixels that a copy could not say.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")  # odd values in what is about to be dropped
        try:
            original = read_whole(source)
            syntax = syntax_of(original)
            sop_class, kind = kind_of(str(original.get("SOPClassUID") or "").strip("\0 "))
            copier = Copier(lambda uid: new_uid(key, uid), syntax)
            kept = Dataset() if kind is None else copier.copied(original)
            says_burned_in = str(original.get("BurnedInAnnotation", "")).strip().upper() == "YES"
            says_burned_in |= syntax.is_compressed and has_overlay_in_pixels(original)
        except ValueLost as lost:
            raise DeidentificationError(
                source.name,
                str(lost),
                "a copy would not show the same picture: correct the file, or leave its study out",
            ) from lost
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            _known_to_index(source)
            raise DeidentificationError(
                source.name,
                f"has an element that cannot be read ({type(error).__name__}: {error})",
                "correct the file, or leave its study out",
            ) from error
        if kind is None:
            raise DeidentificationError(
                source.name,
                f"is of a kind that is not copied ({UID(sop_class).name})",
                "leave such studies out with a rule on SOPClassUID in [[cohort.exclude]]",
            )
        if not any(
            name in kept for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
        ):
            raise DeidentificationError(source.name, "has no pixel data", "leave its study out")
        known = _known_to_index(source)
        _frames_as_said(kept, syntax, source)
        _as_many_as_said(kept, syntax, source)
        kept.file_meta = FileMetaDataset()
        kept.file_meta.TransferSyntaxUID = syntax
        _clear_unused_bits(kept)
        kept.SOPClassUID = UID(sop_class)
        _write_again(kept, original, known, kind, key)
        pixels = kept.get_item("PixelData").value if "PixelData" in kept else None
        parts = _encoded(kept, syntax)
    digest = sha256()
    for part in parts:
        digest.update(part)
    with destination.open("wb") as copy:
        for part in parts:
            copy.write(part)
        copy.flush()
        os.fsync(copy.fileno())  # here, since other threads go on meanwhile
    return Copied(digest.hexdigest(), says_burned_in, syntax.is_compressed and has_words(pixels))


def _encoded(kept: Dataset, syntax: UID) -> list[bytes | memoryview]:
    """The bytes of a copy in parts, the pixels among them as they were read.

    pydicom encodes all but these, with a stand-in for them, so that they are not copied twice.
    """
    element = kept.get_item("PixelData") if "PixelData" in kept else None
    pixels = b"" if element is None else element.value or b""
    apart = (
        isinstance(element, RawDataElement)
        and element.VR in {None, "OB", "OW"}
        and syntax != DeflatedExplicitVRLittleEndian
        and len(pixels) > len(_STAND_IN)
        and len(pixels) % 2 == 0
        and (not syntax.is_compressed or bytes(pixels[:4]) == _STAND_IN[:4])
    )
    if apart and element is not None:
        kept[element.tag] = element._replace(value=_STAND_IN)
    written = io.BytesIO()
    kept.save_as(written, enforce_file_format=True)
    if not apart:
        return [written.getbuffer()]
    head, stand_in, delimiter = written.getvalue().rpartition(_STAND_IN)
    order: Literal["little", "big"] = "little" if syntax.is_little_endian else "big"
    length = head[-4:]
    if length == len(stand_in).to_bytes(4, order):  # else it is undefined, and a delimiter follows
        length = len(pixels).to_bytes(4, order)
    return [head[:-4] + length, pixels, delimiter]


def _known_to_index(source: Path) -> Described:
    """What the index knows of a file. Raises DeidentificationError where it would not take it."""
    found = describe(source, nameless=True)  # the source may be a copy itself
    if isinstance(found, str):
        raise DeidentificationError(
            source.name,
            f"cannot be a case's image ({found})",
            "index the commons again: it will be quarantined",
        )
    return found


def _write_again(
    kept: Dataset, original: Dataset, known: Described, kind: Kind, key: bytes
) -> None:
    """Write what a copy says in other words than its original: UIDs, the kind's elements, marks."""
    kept.StudyInstanceUID = new_uid(key, known.study_uid)
    kept.SOPInstanceUID = new_uid(key, known.instance_uid)
    series = str(original.get("SeriesInstanceUID") or "")
    kept.SeriesInstanceUID = new_uid(key, series or f"series of {known.instance_uid}")
    if not kept.get("HighBit"):
        kept.HighBit = kept.BitsStored - 1
    if kept.SamplesPerPixel == 3 and kept.get("PlanarConfiguration") is None:
        kept.PlanarConfiguration = 0  # as it is read here
    if "FrameOfReferenceUID" in kept:
        kept.PositionReferenceIndicator = ""
    for name, text in kind.filled.items():
        if not kept.get(name):
            setattr(kept, name, list(text) if isinstance(text, tuple) else text)
    if kind.dated:
        for name, text in WHERE_SAID.items():
            if name in original:
                setattr(kept, name, text)
    kept.PatientIdentityRemoved = "YES"
    kept.DeidentificationMethod = METHOD
    kept.file_meta.MediaStorageSOPClassUID = kept.SOPClassUID
    kept.file_meta.MediaStorageSOPInstanceUID = kept.SOPInstanceUID


def _frames_as_said(kept: Dataset, syntax: UID, source: Path) -> None:
    """Refuse an image that shows more frames than it says, or describes another number of them."""
    said = int(kept.get("NumberOfFrames") or 1)
    shown = len(kept.get("PerFrameFunctionalGroupsSequence") or ()) or said
    if shown == said and "PixelData" in kept:
        pixels = kept.get_item("PixelData").value
        if not syntax.is_compressed:
            of_all = get_expected_length(kept, unit="bytes")
            shown = max(said, len(pixels) * said // of_all)
        elif not kept.get("NumberOfFrames"):
            heads = [fragment[:_SIGNATURE] for fragment in _fragments(pixels)]
            shown = max(said, heads.count(heads[0]) if heads else 0)
    if shown != said:
        raise DeidentificationError(
            source.name,
            f"has {shown} frames and says that there are {said} (NumberOfFrames "
            f"{kept.get('NumberOfFrames') or 'absent'})",
            "a copy would not show the same picture: correct the file, or leave its study out",
        )


def _fragments(pixels: bytes) -> Iterator[bytes]:
    """The fragments of compressed pixels, without the table of offsets before them."""
    stream = io.BytesIO(pixels)
    parse_basic_offsets(stream)
    return generate_fragments(stream)


def _as_many_as_said(kept: Dataset, syntax: UID, source: Path) -> None:
    """Refuse uncompressed pixels that are not all there; leave out what follows the last one.

    A compressed stream has an end of its own.
    """
    if syntax.is_compressed or "PixelData" not in kept:
        return
    expected = get_expected_length(kept, unit="bytes")
    element = kept.get_item("PixelData")
    found = len(element.value)
    if found < expected:
        raise DeidentificationError(
            source.name,
            f"holds {found} of the {expected} bytes of its pixels: it was cut short",
            "fetch it again, or index the commons again: it will be quarantined",
        )
    # Some files say YBR_FULL_422 of pixels that are not subsampled, and readers believe the length.
    if found > expected + 1 and kept.get("PhotometricInterpretation") != "YBR_FULL_422":
        pixels = bytes(element.value[:expected]) + b"\0" * (expected % 2)
        kept[element.tag] = element._replace(value=pixels, length=len(pixels))


def _clear_unused_bits(kept: Dataset) -> None:
    """Clear the bits that no plain pixel uses: an old overlay may lie there, with words in it."""
    cleared = without_unused_bits(kept)
    if cleared is not None:
        element = kept.get_item("PixelData")
        kept[element.tag] = element._replace(value=cleared, length=len(cleared))
