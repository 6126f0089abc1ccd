"""One DICOM file's header, read from the file's first bytes, without its pixels.

``read_header`` parses little endian files itself and leaves every other file, and every oddity,
to pydicom: the two must agree (tested), the first is merely much faster.
"""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.config import IGNORE, disable_value_validation
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder
from pydicom.tag import BaseTag
from pydicom.uid import UID

OLDEST = 120
"""Years; an age above it is a mistake or a placeholder, not an age."""


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


class _Unfit(ValueError):
    """Why a file goes to quarantine."""


class _Odd(Exception):
    """The quick parser leaves this file to pydicom."""


@dataclass(frozen=True, slots=True)
class _Elements:
    """The elements that are wanted, as text by keyword, and where the pixel data begins."""

    texts: Mapping[str, str]
    syntax: str
    pixels_at: int  # position of the value; 0 where there is no pixel data
    pixels_length: int
    ended_at: int  # position of the first element that was not read


_KEYWORDS: Mapping[int, str] = {
    0x00080005: "SpecificCharacterSet",
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x00080020: "StudyDate",
    0x00080022: "AcquisitionDate",
    0x00080060: "Modality",
    0x00080070: "Manufacturer",
    0x00081030: "StudyDescription",
    0x00081032: "ProcedureCodeSequence",
    0x00100020: "PatientID",
    0x00100030: "PatientBirthDate",
    0x00100040: "PatientSex",
    0x00101010: "PatientAge",
    0x00180015: "BodyPartExamined",
    0x00185100: "PatientPosition",
    0x00185101: "ViewPosition",
    0x0020000D: "StudyInstanceUID",
    0x00280002: "SamplesPerPixel",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280100: "BitsAllocated",
    0x00280101: "BitsStored",
}
_TAGS: list[BaseTag | int | str | tuple[int, int]] = list(_KEYWORDS)
_PROCEDURE = 0x00081032
_NUMBERS = frozenset({0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101})
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_ITEM, _END_OF_ITEM, _END_OF_ITEMS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR"}) | {
    b"UT",
    b"UV",
}
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_HEADS = (1 << 14, 1 << 20)
"""Bytes of the file's head that are read at first, and once more where they did not suffice."""

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


def read_header(path: Path) -> Header | Quarantined:
    """Read one file's header; ``Quarantined`` says why the file cannot be a case's image."""
    return _judged(path, quick=True)


def read_header_with_pydicom(path: Path) -> Header | Quarantined:
    """As ``read_header``, with pydicom alone; what the quick parser is compared with."""
    return _judged(path, quick=False)


def years(text: str) -> int | None:
    """Whole years of a DICOM age string ("052Y", "006M", or a bare "62"); None where it is none."""
    matched = _AGE.fullmatch(text.strip().upper())
    if matched is None:
        return None
    number, unit = int(matched[1]), matched[2]
    age = number // {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}[unit]
    return age if age <= OLDEST else None


def _judged(path: Path, *, quick: bool) -> Header | Quarantined:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            head = os.pread(descriptor, _HEADS[0], 0)
            _refuse_other_formats(head, size)
            elements = _quick_elements(descriptor, head, size) if quick else None
            if elements is None:
                with path.open("rb") as file:
                    elements = _pydicom_elements(file)
            header = _header(path, elements)
            _refuse_unreadable_pixels(descriptor, size, elements)
            return header
        finally:
            os.close(descriptor)
    except _Unfit as why:
        return Quarantined(path, str(why))
    except OSError as error:
        return Quarantined(path, f"cannot be read: {error.strerror or error}")


def _refuse_other_formats(head: bytes, size: int) -> None:
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
    if b"\x00" not in head[:132] and min(head[:132]) > 8:
        raise _Unfit("not a DICOM file: plain text")
    raise _Unfit("not a DICOM file: no DICM mark at byte 128 and no DICOM element at the start")


# The quick way: the elements of a little endian file, by hand (PS3.5 chapter 7)

_tag_and_length = struct.Struct("<HHI").unpack_from
_tag_vr_length = struct.Struct("<HH2sH").unpack_from
_turned_vr_length = struct.Struct("<I2sH").unpack_from  # the tag as one number, halves exchanged
_turned_length = struct.Struct("<II").unpack_from
_long_length = struct.Struct("<I").unpack_from


def _turned(tag: int) -> int:
    return (tag & 0xFFFF) << 16 | tag >> 16


_SYNTAX, _CODE, _SCHEME = 0x00020010, 0x00080100, 0x00080102
_WANTED = {_turned(tag): tag for tag in (*_KEYWORDS, _SYNTAX, _CODE, _SCHEME)}
_TURNED_PIXELS = frozenset(_turned(tag) for tag in _PIXELS)


def _quick_elements(descriptor: int, head: bytes, size: int) -> _Elements | None:
    """The wanted elements, or None where pydicom should have a look."""
    for length in _HEADS:
        if length > len(head) and len(head) < size:
            head = os.pread(descriptor, length, 0)
        try:
            return _parse(head, whole=len(head) == size)
        except (IndexError, struct.error):  # past the end of what was read
            if len(head) == size:
                return None
        except (_Odd, UnicodeDecodeError):
            return None
    return None


def _parse(head: bytes, *, whole: bool) -> _Elements:
    if head[128:144] != b"DICM\x02\x00\x00\x00UL\x04\x00" + head[140:144]:
        raise _Odd  # no preamble, or a group 2 that does not say its length
    body = 144 + _long_length(head, 140)[0]
    meta, at = _explicit_values(head, 144, body)
    syntax = meta.get(_SYNTAX, b"").rstrip(b"\0 ").decode("ascii")
    if at != body or syntax in {"", _BIG_ENDIAN, _DEFLATED}:
        raise _Odd
    end = len(head)
    if syntax == _IMPLICIT:
        wanted, at = _implicit_values(head, body, end)
        start, length = at + 8, 0
        if at < end:
            _, length = _turned_length(head, at)
    else:
        wanted, at = _explicit_values(head, body, end)
        start, length = at + 12, 0
        if at < end:
            (length,) = _long_length(head, at + 8)
    texts = _texts(wanted, explicit=syntax != _IMPLICIT)
    if at < end:
        return _Elements(texts, syntax, start, length, at)
    if not whole:
        raise IndexError
    return _Elements(texts, syntax, 0, 0, at)


def _explicit_values(head: bytes, at: int, end: int) -> tuple[dict[int, bytes], int]:
    """Values of the wanted elements from ``at``, and the place of pixel data, else ``end``.

    ``IndexError`` where the last element reaches beyond ``end``.
    """
    found: dict[int, bytes] = {}
    while at < end:
        turned, vr, length = _turned_vr_length(head, at)
        start = at + 8
        if vr not in _SHORT:
            if vr not in _LONG:
                raise _Odd
            if turned in _TURNED_PIXELS:
                return found, at
            (length,) = _long_length(head, start)
            start += 4
            if length == _UNDEFINED:
                if vr != b"SQ":
                    raise _Odd
                length = _after_items(head, start, explicit=True) - start
        at = start + length
        if turned in _WANTED:
            found[_WANTED[turned]] = head[start:at]
    if at > end:
        raise IndexError
    return found, at


def _implicit_values(head: bytes, at: int, end: int) -> tuple[dict[int, bytes], int]:
    """As ``_explicit_values``, for elements that do not state their representation."""
    found: dict[int, bytes] = {}
    while at < end:
        turned, length = _turned_length(head, at)
        if turned in _TURNED_PIXELS:
            return found, at
        if turned & 0xFFFF >= 0xFFFC:  # padding, or the end of a sequence that never began
            raise _Odd
        start = at + 8
        if length == _UNDEFINED:
            length = _after_items(head, start, explicit=False) - start
        at = start + length
        if turned in _WANTED:
            found[_WANTED[turned]] = head[start:at]
    if at > end:
        raise IndexError
    return found, at


def _after_items(head: bytes, at: int, *, explicit: bool) -> int:
    """The place after a sequence of undefined length whose first item is at ``at``."""
    while True:
        group, element, length = _tag_and_length(head, at)
        at += 8
        tag = group << 16 | element
        if tag == _END_OF_ITEMS:
            return at
        if tag != _ITEM:
            raise _Odd
        at = _after_item(head, at, explicit=explicit) if length == _UNDEFINED else at + length


def _after_item(head: bytes, at: int, *, explicit: bool) -> int:
    """The place after an item of undefined length whose first element is at ``at``."""
    while True:
        group, element, length = _tag_and_length(head, at)
        if group << 16 | element == _END_OF_ITEM:
            return at + 8
        if explicit:
            group, element, vr, length = _tag_vr_length(head, at)
            at += 8
            if vr in _LONG:
                (length,) = _long_length(head, at)
                at += 4
            elif vr not in _SHORT:
                raise _Odd
            if length == _UNDEFINED and vr != b"SQ":
                raise _Odd
        else:
            at += 8
        at = _after_items(head, at, explicit=explicit) if length == _UNDEFINED else at + length


def _texts(wanted: Mapping[int, bytes], *, explicit: bool) -> dict[str, str]:
    character_set = wanted.get(0x00080005, b"").strip(b"\0 ")
    if b"ISO_IR 13" in character_set.split(b"\\"):  # not quite ASCII
        raise _Odd
    encoding = {b"ISO_IR 192": "utf-8", b"ISO_IR 100": "latin-1"}.get(character_set, "ascii")
    texts: dict[str, str] = {}
    for tag, value in wanted.items():
        keyword = _KEYWORDS.get(tag, "")
        if tag in _NUMBERS:
            if len(value) == 2:
                texts[keyword] = str(value[0] | value[1] << 8)
            elif value:
                raise _Odd
        elif tag == _PROCEDURE:
            texts["LOINC"] = _loinc_of_items(value, explicit=explicit)
        elif keyword:
            if b"\x1b" in value:  # ISO 2022: a change of the character set inside the text
                raise _Odd
            texts[keyword] = _tidy(value.decode(encoding))
    return texts


def _loinc_of_items(value: bytes, *, explicit: bool) -> str:
    values = _explicit_values if explicit else _implicit_values
    at = 0
    while at + 8 <= len(value):
        group, element, length = _tag_and_length(value, at)
        at += 8
        if group << 16 | element != _ITEM:
            break
        after = at + length
        end = after
        if length == _UNDEFINED:
            after = _after_item(value, at, explicit=explicit)
            end = after - 8
        codes, _ = values(value[:end], at, end)
        if _tidy(codes.get(_SCHEME, b"").decode("ascii")) in {"LN", "LOINC"}:
            return _tidy(codes.get(_CODE, b"").decode("ascii"))
        at = after
    return ""


# The sure way


def _pydicom_elements(file: BinaryIO) -> _Elements:
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")  # odd values are judged later, by what they are used for
        try:
            data = pydicom.dcmread(
                file, stop_before_pixels=True, force=True, specific_tags=list(_TAGS)
            )
            texts = {keyword: _text(data, keyword) for keyword in _KEYWORDS.values()}
            texts["LOINC"] = _loinc(data)
            texts["MediaStorageSOPClassUID"] = str(
                data.file_meta.get("MediaStorageSOPClassUID", "")
            )
            syntax = str(data.file_meta.get("TransferSyntaxUID", ""))
        except (EOFError, InvalidDicomError) as error:
            raise _Unfit("truncated: the file ends inside its header") from error
        except OSError:
            raise
        except Exception as error:
            # pydicom promises no closed list of errors for a damaged file, and none may stop us.
            raise _Unfit(f"damaged header ({type(error).__name__}: {error})") from error
    if not len(data):
        raise _Unfit("truncated: the file ends before its first element")
    at = file.tell()
    element = file.read(12)
    order = ">" if syntax == _BIG_ENDIAN else "<"
    if syntax == _DEFLATED or len(element) < 8:
        return _Elements(texts, syntax, 0, 0, at)
    group, number, length = struct.unpack(order + "HHI", element[:8])
    start = at + 8
    if (group << 16 | number) not in _PIXELS:
        start = 0
    elif element[4:6] in _LONG and len(element) == 12:
        (length,) = struct.unpack(order + "I", element[8:])
        start = at + 12
    return _Elements(texts, syntax, start, length, at)


def _text(data: Dataset, keyword: str) -> str:
    value = data.get(keyword)
    if value is None or keyword == "ProcedureCodeSequence":
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(str(part) for part in value)
    return _tidy(str(value))


def _tidy(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())


def _loinc(data: Dataset) -> str:
    for item in data.get("ProcedureCodeSequence") or ():
        if _text(item, "CodingSchemeDesignator") in {"LN", "LOINC"}:
            return _text(item, "CodeValue")
    return ""


# What the elements mean


def _header(path: Path, elements: _Elements) -> Header:
    texts = elements.texts

    def text(keyword: str) -> str:
        return texts.get(keyword, "")

    if _DICOMDIR in {text("SOPClassUID"), text("MediaStorageSOPClassUID")}:
        raise _Unfit("a DICOMDIR: a table of contents and not an image")
    for keyword in ("StudyInstanceUID", "PatientID", "SOPInstanceUID"):
        if not text(keyword):
            raise _Unfit(f"no {keyword} in its header")
    modality = text("Modality").upper()
    if not modality:
        raise _Unfit("no Modality in its header")
    if modality in _NOT_IMAGING:
        raise _Unfit(f"modality {modality} is not an image")
    # Public sets (NIH as DICOM) write the view where the table position belongs.
    position = text("PatientPosition").upper()
    return Header(
        path=path,
        study_uid=text("StudyInstanceUID"),
        patient_id=text("PatientID"),
        instance_uid=text("SOPInstanceUID"),
        modality=modality,
        body_part=text("BodyPartExamined").upper(),
        description=text("StudyDescription"),
        loinc=text("LOINC"),
        manufacturer=text("Manufacturer"),
        view=text("ViewPosition").upper() or (position if position in _VIEWS else ""),
        acquired=_date(text("AcquisitionDate")) or _date(text("StudyDate")),
        sex=_SEX.get(text("PatientSex").upper(), "Not Reported"),
        age=_age(text("PatientAge"), text("PatientBirthDate"), text("StudyDate")),
    )


def _date(text: str) -> str:
    matched = _DATE.match(text)
    return "-".join(matched.groups()) if matched else ""


def _age(stated: str, birth_date: str, study_date: str) -> int | None:
    age = years(stated)
    if age is not None:
        return age
    born, seen = _DATE.match(birth_date), _DATE.match(study_date)
    if born is None or seen is None:
        return None
    birthday_passed = seen[2] + seen[3] >= born[2] + born[3]
    age = int(seen[1]) - int(born[1]) - (0 if birthday_passed else 1)
    return age if 0 <= age <= OLDEST else None


@lru_cache(maxsize=64)
def _undecodable(syntax: str) -> str:
    """What to call a transfer syntax that cannot be decoded here; empty where it can."""
    if syntax in {"", _DEFLATED}:
        return ""
    uid = UID(syntax, validation_mode=IGNORE)
    try:
        decodable = uid.is_transfer_syntax and get_decoder(uid).is_available
    except (NotImplementedError, ValueError):
        decodable = False
    return "" if decodable else uid.name


def _refuse_unreadable_pixels(descriptor: int, size: int, elements: _Elements) -> None:
    """Judge the pixel element by its header and the file's length; nothing is decoded."""
    if elements.syntax == _DEFLATED:  # the rest of the file is one zip stream
        return
    start, length = elements.pixels_at, elements.pixels_length
    if not start:
        if elements.ended_at + 8 >= size:
            raise _Unfit("no pixel data: the file ends with its header (truncated, or no image)")
        raise _Unfit("truncated: ends before pixel data")
    rows, columns, allocated = (
        _number(elements.texts, keyword) for keyword in ("Rows", "Columns", "BitsAllocated")
    )
    if not (rows and columns and allocated):
        raise _Unfit(
            f"unreadable pixel description: Rows {rows}, Columns {columns}, "
            f"BitsAllocated {allocated}; each must be above 0"
        )
    unknown = _undecodable(elements.syntax)
    if unknown:
        raise _Unfit(f"no decoder here for its transfer syntax ({unknown})")
    if length == _UNDEFINED:
        _refuse_broken_fragments(descriptor, size, start)
        return
    frames = _number(elements.texts, "NumberOfFrames") or 1
    samples = _number(elements.texts, "SamplesPerPixel") or 1
    needed = rows * columns * frames * samples * allocated // 8
    if start + length > size:
        raise _Unfit(
            f"truncated: its pixel data should hold {length} bytes and {size - start} are there"
        )
    if length < needed:
        raise _Unfit(
            f"unreadable pixel description: Rows, Columns and bits ask for {needed} bytes, "
            f"the pixel data holds {length}"
        )


def _number(texts: Mapping[str, str], keyword: str) -> int:
    try:
        return int(texts.get(keyword, "") or 0)
    except ValueError:
        return 0


def _refuse_broken_fragments(descriptor: int, size: int, start: int) -> None:
    """Walk the fragments of compressed pixel data by their lengths (PS3.5 A.4)."""
    at = start
    while True:
        item = os.pread(descriptor, 8, at)
        if len(item) < 8:
            raise _Unfit("truncated: its compressed pixel data has no end")
        group, element, length = _tag_and_length(item, 0)
        tag = group << 16 | element
        if tag == _END_OF_ITEMS:
            return
        if tag != _ITEM:
            raise _Unfit("damaged: its compressed pixel data is not made of items")
        at += 8 + length
        if at > size:
            raise _Unfit("truncated: its compressed pixel data stops inside a fragment")
