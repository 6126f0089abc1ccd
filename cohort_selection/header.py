"""One DICOM file's header in the words of a study, and which files cannot be a case's image."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydicom.config import IGNORE
from pydicom.pixels import get_decoder
from pydicom.uid import UID, AllTransferSyntaxes

from cohort_selection import header_doubts
from cohort_selection.header_elements import (
    DEFLATED,
    END_OF_ITEMS,
    HEADS,
    ITEM,
    UNDEFINED,
    Elements,
    Unfit,
    pydicom_elements,
    quick_elements,
    tag_and_length,
)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that is kept out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Header:
    """What one file's header says, already in the words of a study."""

    path: Path
    study_uid: str
    patient_id: str
    instance_uid: str
    modality: str
    body_part: str
    description: str
    loinc: str
    manufacturer: str
    view: str
    acquired: str
    sex: str
    age: int | None
    born: str  # tells two birth dates apart, and is none
    doubts: str  # of header_doubts.Doubt, with blanks between them
    fields: Mapping[str, str]  # of HEADER_FIELDS, those that say something


# PS3.3 C.7.3.1.1.1: modalities whose objects are documents, plans, marks, sounds or curves.
_DOCUMENTS = (
    "ANN ASMT AU CFM DOC DSS ECG EEG EMG EOG EPS FID HC HD IVUS_DOC KO M3D PLAN POS PR REG RESP "
    "RTDOSE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SMR SR SRF STAIN TEXTUREMAP VA"
)
_NOT_IMAGING = frozenset(_DOCUMENTS.split())
_DICOMDIR = "1.2.840.10008.1.3.10"
_VIEWS = frozenset({"AP", "PA", "LL", "RL", "LAT", "LATERAL", "RLD", "LLD", "RLO", "LLO"})

# What a file that is not DICOM most often is, by its first bytes.
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"\x89PNG", "a PNG image; convert it with import-images"),
    (b"\xff\xd8\xff", "a JPEG image; convert it with import-images"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 stream"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"%PDF", "a PDF document"),
)


def read_header(path: Path) -> Header | Quarantined:
    """Read one file's header; ``Quarantined`` says why the file cannot be a case's image."""
    return _judged(path, quick=True)


def read_header_with_pydicom(path: Path) -> Header | Quarantined:
    """As ``read_header``, with pydicom alone; what the quick parser is compared with."""
    return _judged(path, quick=False)


def _judged(path: Path, *, quick: bool) -> Header | Quarantined:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            head = os.pread(descriptor, HEADS[0], 0)
            _refuse_other_formats(head, size)
            elements = quick_elements(descriptor, head, size) if quick else None
            if elements is None:
                with path.open("rb") as file:
                    elements = pydicom_elements(file)
            header = _header(path, elements)
            _refuse_unreadable_pixels(descriptor, size, elements)
            return header
        finally:
            os.close(descriptor)
    except Unfit as why:
        return Quarantined(path, str(why))
    except OSError as error:
        return Quarantined(path, f"cannot be read: {error.strerror or error}")


def _refuse_other_formats(head: bytes, size: int) -> None:
    if size == 0:
        raise Unfit("an empty file")
    if head[128:132] == b"DICM":
        return
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise Unfit(f"not a DICOM file: {what}")
    # Files from before the Part 10 format have no preamble and begin with group 0002 or 0008.
    if head[:2] in {b"\x02\x00", b"\x08\x00"} and len(head) >= 8 and head[3] == 0:
        return
    if b"\x00" not in head[:132] and min(head[:132]) > 8:
        raise Unfit("not a DICOM file: plain text")
    raise Unfit("not a DICOM file: no DICM mark at byte 128 and no DICOM element at the start")


# What the elements mean


def _header(path: Path, elements: Elements) -> Header:
    fields = elements.fields

    def text(keyword: str) -> str:
        return elements.texts.get(keyword, "")

    def field(keyword: str) -> str:
        return fields.get(keyword, "")

    if _DICOMDIR in {field("SOPClassUID"), text("MediaStorageSOPClassUID")}:
        raise Unfit("a DICOMDIR: a table of contents and not an image")
    for keyword in ("StudyInstanceUID", "PatientID", "SOPInstanceUID"):
        if not text(keyword):
            raise Unfit(f"no {keyword} in its header")
    modality = field("Modality").upper()
    if not modality:
        raise Unfit("no Modality in its header")
    if modality in _NOT_IMAGING:
        raise Unfit(f"modality {modality} is not an image")
    # Public sets (NIH as DICOM) write the view where the table position belongs.
    position = field("PatientPosition").upper()
    person = header_doubts.person(text)
    return Header(
        path=path,
        study_uid=text("StudyInstanceUID"),
        patient_id=text("PatientID"),
        instance_uid=text("SOPInstanceUID"),
        modality=modality,
        body_part=field("BodyPartExamined").upper(),
        description=text("StudyDescription"),
        loinc=text("LOINC"),
        manufacturer=field("Manufacturer"),
        view=field("ViewPosition").upper() or (position if position in _VIEWS else ""),
        acquired=person.acquired,
        sex=person.sex,
        age=person.age,
        born=person.born,
        doubts=" ".join(person.doubts),
        fields=fields,
    )


def decodable() -> tuple[str, ...]:
    """The transfer syntaxes whose images can be decoded here; a new decoder adds to them."""
    return tuple(syntax for syntax in AllTransferSyntaxes if not _undecodable(syntax))


@lru_cache(maxsize=64)
def _undecodable(syntax: str) -> str:
    """What to call a transfer syntax that cannot be decoded here; empty where it can."""
    if syntax in {"", DEFLATED}:
        return ""
    uid = UID(syntax, validation_mode=IGNORE)
    try:
        decodable = uid.is_transfer_syntax and get_decoder(uid).is_available
    except (NotImplementedError, ValueError):
        decodable = False
    return "" if decodable else uid.name


def _refuse_unreadable_pixels(descriptor: int, size: int, elements: Elements) -> None:
    """Judge the pixel element by its header and the file's length; nothing is decoded."""
    if elements.syntax == DEFLATED:  # the rest of the file is one zip stream
        return
    start, length = elements.pixels_at, elements.pixels_length
    if not start:
        if elements.ended_at + 8 >= size:
            raise Unfit("no pixel data: the file ends with its header (truncated, or no image)")
        raise Unfit("truncated: ends before pixel data")
    rows, columns, allocated = (
        _number(elements.fields, keyword) for keyword in ("Rows", "Columns", "BitsAllocated")
    )
    if not (rows and columns and allocated):
        raise Unfit(
            f"unreadable pixel description: Rows {rows}, Columns {columns}, "
            f"BitsAllocated {allocated}; each must be above 0"
        )
    unknown = _undecodable(elements.syntax)
    if unknown:
        raise Unfit(f"no decoder here for its transfer syntax ({unknown})")
    if length == UNDEFINED:
        _refuse_broken_fragments(descriptor, size, start)
        return
    frames = _number(elements.fields, "NumberOfFrames") or 1
    samples = _number(elements.fields, "SamplesPerPixel") or 1
    needed = rows * columns * frames * samples * allocated // 8
    if start + length > size:
        raise Unfit(
            f"truncated: its pixel data should hold {length} bytes and {size - start} are there"
        )
    if length < needed:
        raise Unfit(
            f"unreadable pixel description: Rows, Columns and bits ask for {needed} bytes, "
            f"the pixel data holds {length}"
        )


def _number(fields: Mapping[str, str], keyword: str) -> int:
    try:
        return int(fields.get(keyword, "") or 0)
    except ValueError:
        return 0


def _refuse_broken_fragments(descriptor: int, size: int, start: int) -> None:
    """Walk the fragments of compressed pixel data by their lengths (PS3.5 A.4)."""
    at = start
    while True:
        item = os.pread(descriptor, 8, at)
        if len(item) < 8:
            raise Unfit("truncated: its compressed pixel data has no end")
        group, element, length = tag_and_length(item, 0)
        tag = group << 16 | element
        if tag == END_OF_ITEMS:
            return
        if tag != ITEM:
            raise Unfit("damaged: its compressed pixel data is not made of items")
        at += 8 + length
        if at > size:
            raise Unfit("truncated: its compressed pixel data stops inside a fragment")
