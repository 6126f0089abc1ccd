"""Reads the DICOM elements of a header from a file's first bytes.

``quick_elements`` parses little endian files itself and leaves every other file, and every oddity,
to ``pydicom_elements``: the two must agree (tested), the first is merely much faster.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import BinaryIO

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag

from cohort_selection.dicom.keywords import ACQUISITION, DESCRIPTION, IDENTITY, TRANSFER_SYNTAX


class Unfit(ValueError):
    """Why a file goes to quarantine."""


class _Odd(Exception):
    """The quick parser leaves this file to pydicom."""


class _Deflated(_Odd):
    """What follows the file's group 2, at ``body``, is one deflated stream."""

    def __init__(self, body: int) -> None:
        super().__init__()
        self.body = body


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements that are wanted, as text by keyword, and where the pixel data begins.

    Of a deflated file all places are those in what it holds.
    """

    texts: Mapping[str, str]  # identity
    fields: Mapping[str, str]  # of HEADER_FIELDS, those that say something
    syntax: str
    pixels_at: int  # position of the value; 0 where there is no pixel data
    pixels_length: int
    ended_at: int  # position of the first element that was not read
    pixels_tag: int = 0
    description: Mapping[str, str] | None = None  # of DESCRIPTION, what is there
    inflated: int = 0  # bytes that a deflated file holds; 0 of any other


_KEYWORDS = {**IDENTITY, **ACQUISITION, **DESCRIPTION}
_TAGS: list[BaseTag | int | str | tuple[int, int]] = list(_KEYWORDS)
_PROCEDURE = 0x00081032
_PALETTE = 0x00281101
_ONE_OF_A_KIND = frozenset({0x00080018, 0x00100020, 0x0020000D})
"""Identifiers: no two files have the same, or few do."""
_THERE = "there"
"""Said of a table, whatever is in it."""
_NUMBERS = frozenset(
    {0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103}
)
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
ITEM, _END_OF_ITEM, END_OF_ITEMS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR"}) | {
    b"UT",
    b"UV",
}
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
HEADS = (1 << 14, 1 << 20)
"""Bytes of the file's head that are read at first, and once more where they did not suffice."""


# The quick way: the elements of a little endian file, by hand (PS3.5 chapter 7)

tag_and_length = struct.Struct("<HHI").unpack_from
_tag_vr_length = struct.Struct("<HH2sH").unpack_from
_turned_vr_length = struct.Struct("<I2sH").unpack_from  # the tag as one number, halves exchanged
_turned_length = struct.Struct("<II").unpack_from
_long_length = struct.Struct("<I").unpack_from


def _turned(tag: int) -> int:
    return (tag & 0xFFFF) << 16 | tag >> 16


_CODE, _SCHEME = 0x00080100, 0x00080102
_TURNED_SYNTAX = _turned(0x00020010)
_WANTED = {_turned(tag): tag for tag in (*_KEYWORDS, _CODE, _SCHEME)}
_TEXTUAL = frozenset(b"AE AS CS DA DS DT IS LO LT SH ST TM UC UI UR UT".split())
_OF_ONE_KIND = {_PROCEDURE: frozenset({b"SQ"}), _PALETTE: frozenset({b"US", b"SS"})}
_EXPECTED = {
    turned: frozenset({b"US"}) if tag in _NUMBERS else _OF_ONE_KIND.get(tag, _TEXTUAL)
    for turned, tag in _WANTED.items()
}
_TURNED_PIXELS = frozenset(_turned(tag) for tag in _PIXELS)


def quick_elements(descriptor: int, head: bytes, size: int) -> Elements | None:
    """The wanted elements, or None where pydicom should have a look."""
    for length in HEADS:
        if length > len(head) and len(head) < size:
            head = os.pread(descriptor, length, 0)
        try:
            return _parse(head, whole=len(head) == size)
        except (IndexError, struct.error):  # past the end of what was read
            if len(head) == size:
                return None
        except _Deflated as where:
            return _of_deflated(descriptor, where.body)
        except (_Odd, UnicodeDecodeError):
            return None
    return None


def _of_deflated(descriptor: int, body: int) -> Elements | None:
    """As ``quick_elements``, of a file that is deflated from ``body`` on.

    All of it is inflated, a piece at a time. Raises ``Unfit`` where the stream is broken.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces, total, at, waiting = [], 0, body, b""
    while not stream.eof:
        if not waiting:
            waiting = os.pread(descriptor, HEADS[1], at)
            at += len(waiting)
        try:
            piece = stream.decompress(waiting, HEADS[1])
        except zlib.error as error:
            raise Unfit(f"damaged: its deflated content cannot be inflated ({error})") from error
        if not waiting and not piece and not stream.eof:
            raise Unfit("truncated: its deflated content has no end")
        waiting = stream.unconsumed_tail
        if total < HEADS[1]:
            pieces.append(piece)
        total += len(piece)
    head = b"".join(pieces)
    try:
        return _elements(head, 0, DEFLATED, whole=len(head) == total, inflated=total)
    except (IndexError, struct.error, _Odd, UnicodeDecodeError):
        return None


def _parse(head: bytes, *, whole: bool) -> Elements:
    if head[128:144] != b"DICM\x02\x00\x00\x00UL\x04\x00" + head[140:144]:
        raise _Odd  # no preamble, or a group 2 that does not say its length
    body = 144 + _long_length(head, 140)[0]
    syntax, at = _syntax(head, 144, body)
    if at != body or syntax in {"", _BIG_ENDIAN}:
        raise _Odd
    if syntax == DEFLATED:
        raise _Deflated(body)
    return _elements(head, body, syntax, whole=whole)


def _elements(head: bytes, body: int, syntax: str, *, whole: bool, inflated: int = 0) -> Elements:
    """The wanted elements from ``body`` on; ``IndexError`` where they reach beyond ``head``."""
    end = len(head)
    if syntax == _IMPLICIT:
        wanted, at = _implicit_values(head, body, end)
        start, length, tag = at + 8, 0, 0
        if at < end:
            tag, length = _turned_length(head, at)
    else:
        wanted, at = _explicit_values(head, body, end)
        start, length, tag = at + 12, 0, 0
        if at < end:
            (tag,) = _long_length(head, at)
            (length,) = _long_length(head, at + 8)
    if at >= end and not whole:
        raise IndexError
    texts, fields, description = _texts(wanted, explicit=syntax != _IMPLICIT)
    fields[TRANSFER_SYNTAX] = syntax
    if at >= end:
        start = length = 0
    return Elements(texts, fields, syntax, start, length, at, _turned(tag), description, inflated)


def _syntax(head: bytes, at: int, end: int) -> tuple[str, int]:
    """The transfer syntax that group 2 names, and the place after the group."""
    found = b""
    while at < end:
        turned, vr, length = _turned_vr_length(head, at)
        if turned & 0xFFFF != 2:
            raise _Odd
        at += 8
        if vr in _LONG:
            (length,) = _long_length(head, at)
            at += 4
        elif vr not in _SHORT:
            raise _Odd
        if turned == _TURNED_SYNTAX:
            found = head[at : at + length]
        at += length
    return found.rstrip(b"\0 ").decode("ascii"), at


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
            if length == UNDEFINED:
                if vr != b"SQ":
                    raise _Odd
                length = _after_items(head, start, explicit=True) - start
        at = start + length
        if turned in _WANTED:
            if vr not in _EXPECTED[turned]:
                raise _Odd
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
        if length == UNDEFINED:
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
        group, element, length = tag_and_length(head, at)
        at += 8
        tag = group << 16 | element
        if tag == END_OF_ITEMS:
            return at
        if tag != ITEM:
            raise _Odd
        at = _after_item(head, at, explicit=explicit) if length == UNDEFINED else at + length


def _after_item(head: bytes, at: int, *, explicit: bool) -> int:
    """The place after an item of undefined length whose first element is at ``at``."""
    while True:
        group, element, length = tag_and_length(head, at)
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
            if length == UNDEFINED and vr != b"SQ":
                raise _Odd
        else:
            at += 8
        at = _after_items(head, at, explicit=explicit) if length == UNDEFINED else at + length


def _texts(
    wanted: Mapping[int, bytes], *, explicit: bool
) -> tuple[dict[str, str], dict[str, str], Mapping[str, str] | None]:
    """Identity, acquisition and description, of what says something."""
    character_set = wanted.get(0x00080005, b"").strip(b"\0 ")
    if b"ISO_IR 13" in character_set.split(b"\\"):  # not quite ASCII
        raise _Odd
    encoding = {b"ISO_IR 192": "utf-8", b"ISO_IR 100": "latin-1"}.get(character_set, "ascii")
    texts: dict[str, str] = {}
    fields: dict[str, str] = {}
    description: dict[str, str] | None = None
    for tag, value in wanted.items():
        if tag in ACQUISITION:
            text = _number_text(value) if tag in _NUMBERS else _repeated_text(value, encoding)
            if text:
                fields[ACQUISITION[tag]] = text
        elif tag == _PROCEDURE:
            texts["LOINC"] = _loinc_of_items(value, explicit=explicit)
        elif tag in IDENTITY:
            read = _decoded if tag in _ONE_OF_A_KIND else _repeated_text
            texts[IDENTITY[tag]] = read(value, encoding)
        elif tag in DESCRIPTION:
            text = _number_text(value) if tag in _NUMBERS else _THERE
            if text:
                description = {**(description or {}), DESCRIPTION[tag]: text}
    return texts, fields, description


def _decoded(value: bytes, encoding: str) -> str:
    if b"\x1b" in value:  # ISO 2022: a change of the character set inside the text
        raise _Odd
    return _tidy(value.decode(encoding))


# What devices write is the same in thousands of files.
_repeated_text = lru_cache(maxsize=4096)(_decoded)


@lru_cache(maxsize=4096)
def _number_text(value: bytes) -> str:
    if len(value) not in {0, 2}:
        raise _Odd
    return str(value[0] | value[1] << 8) if value else ""


def _loinc_of_items(value: bytes, *, explicit: bool) -> str:
    values = _explicit_values if explicit else _implicit_values
    at = 0
    while at + 8 <= len(value):
        group, element, length = tag_and_length(value, at)
        at += 8
        if group << 16 | element != ITEM:
            break
        after = at + length
        end = after
        if length == UNDEFINED:
            after = _after_item(value, at, explicit=explicit)
            end = after - 8
        codes, _ = values(value[:end], at, end)
        if _tidy(codes.get(_SCHEME, b"").decode("ascii")) in {"LN", "LOINC"}:
            return _tidy(codes.get(_CODE, b"").decode("ascii"))
        at = after
    return ""


# The sure way


def pydicom_elements(file: BinaryIO) -> Elements:
    """The wanted elements of any file that pydicom can read; raises ``Unfit`` with the reason."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")  # odd values are judged later, by what they are used for
        try:
            data = pydicom.dcmread(
                file, stop_before_pixels=True, force=True, specific_tags=list(_TAGS)
            )
            texts = {keyword: _text(data, keyword) for keyword in IDENTITY.values()}
            said = {keyword: _text(data, keyword) for keyword in ACQUISITION.values()}
            description = {
                keyword: _THERE if tag == _PALETTE else _text(data, keyword)
                for tag, keyword in DESCRIPTION.items()
                if data.get(keyword) is not None
            }
            texts["LOINC"] = _loinc(data)
            texts["MediaStorageSOPClassUID"] = str(
                data.file_meta.get("MediaStorageSOPClassUID", "")
            )
            syntax = str(data.file_meta.get("TransferSyntaxUID", ""))
            said[TRANSFER_SYNTAX] = syntax
            fields = {keyword: text for keyword, text in said.items() if text}
        except (EOFError, InvalidDicomError) as error:
            raise Unfit("truncated: the file ends inside its header") from error
        except OSError:
            raise
        except Exception as error:
            # pydicom promises no closed list of errors for a damaged file, and none may stop us.
            raise Unfit(f"damaged header ({type(error).__name__}: {error})") from error
    if not len(data):
        raise Unfit("truncated: the file ends before its first element")
    if syntax == DEFLATED:
        return _whole(file, Elements(texts, fields, syntax, 0, 0, 0, 0, description))
    at = file.tell()
    element = file.read(12)
    if len(element) < 8:
        return Elements(texts, fields, syntax, 0, 0, at, 0, description)
    implicit, little = data.original_encoding
    order = "<" if little else ">"
    group, number, length = struct.unpack(order + "HHI", element[:8])
    start, tag = at + 8, group << 16 | number
    if tag not in _PIXELS:
        start = 0
    elif not implicit and element[4:6] in _LONG and len(element) == 12:
        (length,) = struct.unpack(order + "I", element[8:])
        start = at + 12
    return Elements(texts, fields, syntax, start, length, at, tag, description)


def _whole(file: BinaryIO, elements: Elements) -> Elements:
    """With the pixels of a deflated file, which pydicom inflates to its end in any case."""
    file.seek(0)
    data = pydicom.dcmread(file, force=True, specific_tags=list(_PIXELS))
    held = [(int(element.tag), len(element.value or b"")) for element in data]
    if not held:
        return elements
    tag, length = held[0]
    return replace(elements, pixels_at=1, pixels_length=length, pixels_tag=tag, inflated=length + 1)


def _text(data: Dataset, keyword: str) -> str:
    try:
        value = data.get(keyword)
    except (ValueError, TypeError):  # of a number that is none, such as one with a decimal comma
        value = data.get_item(keyword).value.decode("ascii", "replace")
    if value is None or keyword == "ProcedureCodeSequence":
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(str(part) for part in value)
    return _tidy(str(value))


def _tidy(text: str) -> str:
    """One blank for many, none at the ends; each of several values by itself."""
    if "\\" in text:
        return "\\".join(" ".join(part.replace("\0", " ").split()) for part in text.split("\\"))
    return " ".join(text.replace("\0", " ").split())


def _loinc(data: Dataset) -> str:
    for item in data.get("ProcedureCodeSequence") or ():
        if _text(item, "CodingSchemeDesignator") in {"LN", "LOINC"}:
            return _text(item, "CodeValue")
    return ""
