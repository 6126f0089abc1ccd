"""DICOM headers to studies: what is in a folder, and what is wrong with the rest."""

from __future__ import annotations

import os
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

OLDEST = 120
"""Years; an age above it is a mistake or a placeholder, not an age."""

_TAGS: list[BaseTag | int | str | tuple[int, int]] = [
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "AcquisitionDate",
    "Modality",
    "Manufacturer",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "BodyPartExamined",
    "ViewPosition",
    "PatientPosition",
    "PatientOrientation",
    "StudyInstanceUID",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
]
_PIXELS = {Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009), Tag(0x7FE0, 0x0010)}
_PADDING = Tag(0xFFFC, 0xFFFC)
_ITEM = Tag(0xFFFE, 0xE000)
_END_OF_ITEMS = Tag(0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF

# PS3.3 C.7.3.1.1.1: modalities whose objects are documents, plans, marks, sounds or curves.
_DOCUMENTS = (
    "ANN ASMT AU CFM DOC DSS ECG EEG EMG EOG EPS FID HC HD IVUS_DOC KO M3D PLAN POS PR REG RESP "
    "RTDOSE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SMR SR SRF STAIN TEXTUREMAP VA"
)
_NOT_IMAGING = frozenset(_DOCUMENTS.split())
_DICOMDIR = "1.2.840.10008.1.3.10"
_SEX = {"M": "Male", "F": "Female", "O": "Other", "MALE": "Male", "FEMALE": "Female"}
_VIEWS = frozenset({"AP", "PA", "LL", "RL", "LAT", "LATERAL", "RLD", "LLD", "RLO", "LLO"})
_AGE = re.compile(r"(\d{1,3})\s*([YMWD]?)")
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")

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


class EmptyCommons(ValueError):
    """The folder holds no readable DICOM image."""


@dataclass(frozen=True, slots=True)
class Study:
    """One imaging study as its headers describe it."""

    study_uid: str
    patient_id: str
    modality: str
    body_part: str
    description: str
    loinc: str
    manufacturer: str
    view: str
    acquired: str
    sex: str
    age: int | None
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that is kept out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Header:
    """What one file's header says, already in the words of ``Study``."""

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


class _Unfit(ValueError):
    """Why a file goes to quarantine."""


def index(
    root: Path, *, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Study], list[Quarantined]]:
    """Read the header of every file under ``root`` and group the images into studies.

    No pixel is decoded, and no file stops the run: one that cannot be used is returned with the
    reason.  The result does not depend on the order in which the file system lists its files.
    ``progress`` is called with the files read and the files there are.

    Raises ``EmptyCommons`` where no image can be used.
    """
    if not root.is_dir():
        raise EmptyCommons(
            f"{root} is {'a file' if root.exists() else 'not there'}; "
            "give the folder that holds the DICOM files"
        )
    paths = sorted(_files(root.resolve()))
    if not paths:
        raise EmptyCommons(f"{root} is an empty folder; expected DICOM files in it or below it")
    headers: list[Header] = []
    quarantined: list[Quarantined] = []
    for done, path in enumerate(paths, start=1):
        found = read_header(path)
        if isinstance(found, Header):
            headers.append(found)
        else:
            quarantined.append(found)
        if progress is not None:
            progress(done, len(paths))
    studies, disagreeing = group(headers)
    quarantined += disagreeing
    quarantined.sort(key=lambda item: item.path)
    if not studies:
        raise EmptyCommons(
            f"{root} holds no usable DICOM image among its {len(paths)} files; "
            f"the first, {quarantined[0].path.name}, is out because: {quarantined[0].reason}"
        )
    return studies, quarantined


def read_header(path: Path) -> Header | Quarantined:
    """Read one file's header; ``Quarantined`` says why the file cannot be a case's image."""
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except _Unfit as why:
        return Quarantined(path, str(why))
    except OSError as error:
        return Quarantined(path, f"cannot be read: {error.strerror or error}")


def group(headers: list[Header]) -> tuple[list[Study], list[Quarantined]]:
    """Gather headers into studies, ordered by study UID; files that contradict others stay out.

    Out go every file of a study that names two patients, every file whose instance UID stands in
    two studies, and all but the first (by path) of the copies of one instance in a study.
    """
    quarantined: list[Quarantined] = []
    by_study: dict[str, list[Header]] = defaultdict(list)
    studies_of: dict[str, set[str]] = defaultdict(set)
    for header in sorted(headers, key=lambda header: header.path):
        by_study[header.study_uid].append(header)
        studies_of[header.instance_uid].add(header.study_uid)
    studies: list[Study] = []
    for study_uid in sorted(by_study):
        members = by_study[study_uid]
        patients = {header.patient_id for header in members}
        if len(patients) > 1:
            reason = (
                f"its StudyInstanceUID stands under {len(patients)} different PatientIDs; "
                "a study has one patient"
            )
            quarantined += [Quarantined(header.path, reason) for header in members]
            continue
        first_copy: dict[str, Header] = {}
        for header in members:
            if len(studies_of[header.instance_uid]) > 1:
                quarantined.append(
                    Quarantined(
                        header.path,
                        "its SOPInstanceUID stands in two studies; an image belongs to one",
                    )
                )
            elif header.instance_uid in first_copy:
                kept = first_copy[header.instance_uid].path
                quarantined.append(
                    Quarantined(
                        header.path,
                        f"a copy of {kept.name} (same SOPInstanceUID); the first by path is kept",
                    )
                )
            else:
                first_copy[header.instance_uid] = header
        if first_copy:
            studies.append(_study(list(first_copy.values())))
    return studies, quarantined


def _study(members: list[Header]) -> Study:
    def first(values: Iterator[str]) -> str:
        return next((value for value in values if value), "")

    def every(values: Iterator[str]) -> str:
        return ",".join(sorted({value for value in values if value}))

    sexes = {header.sex for header in members} - {"Not Reported"}
    ages = [header.age for header in members if header.age is not None]
    return Study(
        study_uid=members[0].study_uid,
        patient_id=members[0].patient_id,
        modality=every(header.modality for header in members),
        body_part=every(header.body_part for header in members),
        description=first(header.description for header in members),
        loinc=first(header.loinc for header in members),
        manufacturer=first(header.manufacturer for header in members),
        view=every(header.view for header in members),
        acquired=min((header.acquired for header in members if header.acquired), default=""),
        sex=sexes.pop() if len(sexes) == 1 else "Not Reported",
        age=min(ages, default=None),
        files=tuple(header.path for header in members),
    )


def _files(root: Path) -> Iterator[Path]:
    """Every regular file below ``root``, hidden ones and the system's own litter left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and name not in {"Thumbs.db", "desktop.ini"}:
                yield Path(folder, name)


def _read(path: Path, file: BinaryIO) -> Header:
    size = os.fstat(file.fileno()).st_size
    _refuse_other_formats(file, size)
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")  # odd values are judged below, by what they are used for
        try:
            data = pydicom.dcmread(
                file, stop_before_pixels=True, force=True, specific_tags=list(_TAGS)
            )
            header = _header(path, data)
            syntax = UID(str(data.file_meta.get("TransferSyntaxUID", "")))
            _refuse_unreadable_pixels(file, size, data, syntax)
        except (_Unfit, OSError):
            raise
        except (EOFError, InvalidDicomError) as error:
            raise _Unfit("truncated: the file ends inside its header") from error
        except Exception as error:
            # pydicom promises no closed list of errors for a damaged file, and none may stop us.
            raise _Unfit(f"damaged header ({type(error).__name__}: {error})") from error
    return header


def _refuse_other_formats(file: BinaryIO, size: int) -> None:
    head = file.read(132)
    file.seek(0)
    if size == 0:
        raise _Unfit("an empty file")
    if head[128:132] == b"DICM":
        return
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise _Unfit(f"not a DICOM file: {what}")
    # Files from before the Part 10 format have no preamble and begin with group 0002 or 0008.
    if head[:2] in {b"\x02\x00", b"\x08\x00"} and len(head) >= 8 and head[3] == 0:
        return
    if b"\x00" not in head and sum(byte < 9 for byte in head) == 0:
        raise _Unfit("not a DICOM file: plain text")
    raise _Unfit("not a DICOM file: no DICM mark at byte 128 and no DICOM element at the start")


def _header(path: Path, data: Dataset) -> Header:
    if _text(data, "SOPClassUID") == _DICOMDIR or (
        str(data.file_meta.get("MediaStorageSOPClassUID", "")) == _DICOMDIR
    ):
        raise _Unfit("a DICOMDIR: a table of contents and not an image")
    if not len(data):
        raise _Unfit("truncated: the file ends before its first element")
    for keyword in ("StudyInstanceUID", "PatientID", "SOPInstanceUID"):
        if not _text(data, keyword):
            raise _Unfit(f"no {keyword} in its header")
    modality = _text(data, "Modality").upper()
    if not modality:
        raise _Unfit("no Modality in its header")
    if modality in _NOT_IMAGING:
        raise _Unfit(f"modality {modality} is not an image")
    return Header(
        path=path,
        study_uid=_text(data, "StudyInstanceUID"),
        patient_id=_text(data, "PatientID"),
        instance_uid=_text(data, "SOPInstanceUID"),
        modality=modality,
        body_part=_text(data, "BodyPartExamined").upper(),
        description=_text(data, "StudyDescription"),
        loinc=_loinc(data),
        manufacturer=_text(data, "Manufacturer"),
        view=_view(data),
        acquired=_date(_text(data, "AcquisitionDate")) or _date(_text(data, "StudyDate")),
        sex=_SEX.get(_text(data, "PatientSex").upper(), "Not Reported"),
        age=_age(data),
    )


def _text(data: Dataset, keyword: str) -> str:
    value = data.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(str(part) for part in value)
    return " ".join(str(value).replace("\x00", " ").split())


def _date(text: str) -> str:
    matched = _DATE.match(text)
    return "-".join(matched.groups()) if matched else ""


def years(text: str) -> int | None:
    """Whole years of a DICOM age string ("052Y", "006M", or a bare "62"); None where it is none."""
    matched = _AGE.fullmatch(text.strip().upper())
    if matched is None:
        return None
    number, unit = int(matched[1]), matched[2]
    age = number // {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}[unit]
    return age if age <= OLDEST else None


def _age(data: Dataset) -> int | None:
    stated = years(_text(data, "PatientAge"))
    if stated is not None:
        return stated
    born = _DATE.match(_text(data, "PatientBirthDate"))
    seen = _DATE.match(_text(data, "StudyDate"))
    if born is None or seen is None:
        return None
    birthday_passed = seen[2] + seen[3] >= born[2] + born[3]
    age = int(seen[1]) - int(born[1]) - (0 if birthday_passed else 1)
    return age if 0 <= age <= OLDEST else None


def _view(data: Dataset) -> str:
    view = _text(data, "ViewPosition").upper()
    if view:
        return view
    # Public sets (NIH as DICOM) write the view where the table position belongs.
    position = _text(data, "PatientPosition").upper()
    return position if position in _VIEWS else ""


def _loinc(data: Dataset) -> str:
    for item in data.get("ProcedureCodeSequence") or ():
        if _text(item, "CodingSchemeDesignator") in {"LN", "LOINC"}:
            return _text(item, "CodeValue")
    return ""


@lru_cache(maxsize=64)
def _decodable(syntax: UID) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _refuse_unreadable_pixels(file: BinaryIO, size: int, data: Dataset, syntax: UID) -> None:
    """Judge the pixel element by its header and the file's length; nothing is decoded."""
    shape: list[int] = []
    for keyword in ("Rows", "Columns", "BitsAllocated"):
        try:
            shape.append(int(data.get(keyword) or 0))
        except (TypeError, ValueError):
            shape.append(0)
    at = file.tell()
    element = file.read(12)
    if len(element) < 8:
        raise _Unfit("no pixel data: the file ends with its header (truncated, or never an image)")
    big = bool(syntax) and syntax.is_transfer_syntax and not syntax.is_little_endian
    order: Literal["big", "little"] = "big" if big else "little"
    tag = Tag(int.from_bytes(element[0:2], order), int.from_bytes(element[2:4], order))
    if syntax == "1.2.840.10008.1.2.1.99":  # deflated: the rest of the file is one zip stream
        return
    if tag not in _PIXELS:
        raise _Unfit("no pixel data" if tag == _PADDING else "truncated: ends before pixel data")
    if not all(shape):
        raise _Unfit(
            f"unreadable pixel description: Rows {shape[0]}, Columns {shape[1]}, "
            f"BitsAllocated {shape[2]}; each must be above 0"
        )
    explicit = element[4:6].isalpha() and element[4:6].isupper()
    length = int.from_bytes(element[8:12] if explicit else element[4:8], order)
    start = at + (12 if explicit else 8)
    if syntax and syntax.is_transfer_syntax and not _decodable(syntax):
        raise _Unfit(f"no decoder here for its transfer syntax ({syntax.name})")
    if length == _UNDEFINED:
        _refuse_broken_fragments(file, size, start)
        return
    frames = int(data.get("NumberOfFrames") or 1)
    samples = int(data.get("SamplesPerPixel") or 1)
    needed = shape[0] * shape[1] * frames * samples * shape[2] // 8
    if start + length > size:
        raise _Unfit(
            f"truncated: its pixel data should hold {length} bytes and {size - start} are there"
        )
    if length < needed:
        raise _Unfit(
            f"unreadable pixel description: Rows, Columns and bits ask for {needed} bytes, "
            f"the pixel data holds {length}"
        )


def _refuse_broken_fragments(file: BinaryIO, size: int, start: int) -> None:
    """Walk the fragments of compressed pixel data by their lengths (PS3.5 A.4)."""
    at = start
    while True:
        file.seek(at)
        item = file.read(8)
        if len(item) < 8:
            raise _Unfit("truncated: its compressed pixel data has no end")
        tag = Tag(int.from_bytes(item[0:2], "little"), int.from_bytes(item[2:4], "little"))
        if tag == _END_OF_ITEMS:
            return
        if tag != _ITEM:
            raise _Unfit("damaged: its compressed pixel data is not made of items")
        at += 8 + int.from_bytes(item[4:8], "little")
        if at > size:
            raise _Unfit("truncated: its compressed pixel data stops inside a fragment")
