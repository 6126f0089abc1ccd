"""Reads one DICOM file's header, and refuses files that hold no image of a case."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cohort_selection.dicom import doubts as header_doubts
from cohort_selection.dicom.elements import HEADS, Elements, Unfit, pydicom_elements, quick_elements
from cohort_selection.dicom.pixel_description import no_image, refuse_unreadable_pixels


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that is kept out, and why."""

    path: Path
    reason: str


class Described(NamedTuple):
    """What one file's header says, already in the words of a study."""

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


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of the file at ``path`` says: the same, and where."""

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
    born: str
    doubts: str
    fields: Mapping[str, str]


# PS3.3 C.7.3.1.1.1: modalities whose objects are documents, plans, marks, sounds or curves.
_DOCUMENTS = (
    "ANN ASMT AU CFM DOC DSS ECG EEG EMG EOG EPS FID HC HD IVUS_DOC KO M3D PLAN POS PR REG RESP "
    "RTDOSE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SMR SR SRF STAIN TEXTUREMAP VA"
)
_NOT_IMAGING = frozenset(_DOCUMENTS.split())
_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0)
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
    return _named(path, describe(path))


def read_header_with_pydicom(path: Path) -> Header | Quarantined:
    """As ``read_header``, with pydicom alone; what the quick parser is compared with."""
    return _named(path, describe(path, quick=False))


def _named(path: Path, found: Described | str) -> Header | Quarantined:
    return Quarantined(path, found) if isinstance(found, str) else Header(path, *found)


def describe(path: Path | bytes, *, quick: bool = True, nameless: bool = False) -> Described | str:
    """What one file's header says, or why the file cannot be a case's image.

    ``nameless`` takes an image of nobody, as a de-identified copy is.
    """
    try:
        descriptor = os.open(path, _READING)
        try:
            size = os.fstat(descriptor).st_size
            head = os.pread(descriptor, HEADS[0], 0)
            if head[128:132] != b"DICM":
                _refuse_other_formats(head, size)
            elements = quick_elements(descriptor, head, size) if quick else None
            if elements is None:
                with open(path, "rb") as file:  # noqa: PTH123 - a path in bytes has no method
                    elements = pydicom_elements(file)
            described = _described(elements, nameless=nameless)
            refuse_unreadable_pixels(descriptor, size, elements)
            return described
        finally:
            os.close(descriptor)
    except Unfit as why:
        return str(why)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _refuse_other_formats(head: bytes, size: int) -> None:
    if size == 0:
        raise Unfit("an empty file")
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


def _described(elements: Elements, *, nameless: bool) -> Described:
    texts, fields = elements.texts, elements.fields
    sop_class = fields.get("SOPClassUID", "")
    if sop_class == _DICOMDIR or texts.get("MediaStorageSOPClassUID") == _DICOMDIR:
        raise Unfit("a DICOMDIR: a table of contents and not an image")
    for keyword in ("StudyInstanceUID", "PatientID", "SOPInstanceUID"):
        if not texts.get(keyword) and not (nameless and keyword == "PatientID"):
            raise Unfit(f"no {keyword} in its header")
    modality = fields.get("Modality", "").upper()
    if not modality:
        raise Unfit("no Modality in its header")
    if modality in _NOT_IMAGING:
        raise Unfit(f"modality {modality} is not an image")
    if kind := no_image(sop_class):
        raise Unfit(f"an object of the class {kind} is not an image")
    view = fields.get("ViewPosition", "").upper()
    if not view:
        # Public sets (NIH as DICOM) write the view where the table position belongs.
        position = fields.get("PatientPosition", "").upper()
        view = position if position in _VIEWS else ""
    person = header_doubts.person(texts)
    return Described(
        texts["StudyInstanceUID"],
        texts.get("PatientID", ""),
        texts["SOPInstanceUID"],
        modality,
        fields.get("BodyPartExamined", "").upper(),
        texts.get("StudyDescription", ""),
        texts.get("LOINC", ""),
        fields.get("Manufacturer", ""),
        view,
        person.acquired,
        person.sex,
        person.age,
        person.born,
        " ".join(person.doubts),
        fields,
    )
