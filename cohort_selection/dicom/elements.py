"""Reads the DICOM elements of a header from a file's first bytes.

``quick_elements`` parses little endian files itself and leaves every other file, and every oddity,
to ``pydicom_elements``: the two must agree (tested), the first is merely much faster.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import BinaryIO, NamedTuple

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag

from cohort_selection.dicom.element_walk import (
    CODE,
    ITEM,
    LONG,
    NUMBERS,
    PALETTE,
    PIXELS,
    PROCEDURE,
    SCHEME,
    UNDEFINED,
    Odd,
    after_item,
    long_length,
    tag_and_length,
    transfer_syntax,
    turned,
    wanted_values,
)
from cohort_selection.dicom.keywords import ACQUISITION, DESCRIPTION, IDENTITY, TRANSFER_SYNTAX


class Unfit(ValueError):
    """Why a file goes to quarantine."""


class _Deflated(Odd):
    """What follows the file's group 2, at ``body``, is one deflated stream."""

    def __init__(self, body: int) -> None:
        super().__init__()
        self.body = body


class Elements(NamedTuple):
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
_ONE_OF_A_KIND = frozenset({0x00080018, 0x00100020, 0x0020000D})
"""Identifiers: no two files have the same, or few do."""
_THERE = "there"
"""Said of a table, whatever is in it."""
_IMPLICIT = "1.2.840.10008.1.2"
_BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
HEADS = (1 << 14, 1 << 17, 1 << 20)
"""Bytes of the file's head that are read at first, and then where those did not suffice."""


# The quick way: the elements of a little endian file, by hand


_walk = wanted_values


def compile_walk() -> None:
    """Walk over all headers to come in compiled code: half a second that pays after some 15,000."""
    global _walk
    from cohort_selection.dicom.compiled_walk import compiled_values  # numba is costly to import

    _walk = compiled_values


def quick_elements(descriptor: int, head: bytes, size: int) -> Elements | None:
    """The wanted elements, or None where pydicom should have a look."""
    for length in HEADS:
        if length > len(head) and len(head) < size:
            head = os.pread(descriptor, min(length, size), 0)
        try:
            return _parse(head, whole=len(head) == size)
        except (IndexError, struct.error):  # past the end of what was read
            if len(head) == size:
                return None
        except _Deflated as where:
            return _of_deflated(descriptor, where.body)
        except (Odd, UnicodeDecodeError):
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
            waiting = os.pread(descriptor, HEADS[-1], at)
            at += len(waiting)
        try:
            piece = stream.decompress(waiting, HEADS[-1])
        except zlib.error as error:
            raise Unfit(f"damaged: its deflated content cannot be inflated ({error})") from error
        if not waiting and not piece and not stream.eof:
            raise Unfit("truncated: its deflated content has no end")
        waiting = stream.unconsumed_tail
        if total < HEADS[-1]:
            pieces.append(piece)
        total += len(piece)
    head = b"".join(pieces)
    try:
        return _elements(head, 0, DEFLATED, whole=len(head) == total, inflated=total)
    except (IndexError, struct.error, Odd, UnicodeDecodeError):
        return None


def _parse(head: bytes, *, whole: bool) -> Elements:
    if head[128:144] != b"DICM\x02\x00\x00\x00UL\x04\x00" + head[140:144]:
        raise Odd  # no preamble, or a group 2 that does not say its length
    body = 144 + long_length(head, 140)[0]
    syntax, at = transfer_syntax(head, 144, body)
    if at != body or syntax in {"", _BIG_ENDIAN}:
        raise Odd
    if syntax == DEFLATED:
        raise _Deflated(body)
    return _elements(head, body, syntax, whole=whole)


def _elements(head: bytes, body: int, syntax: str, *, whole: bool, inflated: int = 0) -> Elements:
    """The wanted elements from ``body`` on; ``IndexError`` where they reach beyond ``head``."""
    end = len(head)
    explicit = syntax != _IMPLICIT
    wanted, at = _walk(head, body, end, explicit=explicit)
    start = length = code = 0
    if at < end:
        (code,) = long_length(head, at)
        start = at + (12 if explicit else 8)
        (length,) = long_length(head, start - 4)
    if at >= end and not whole:
        raise IndexError
    texts, fields, description = _texts(wanted, explicit=explicit)
    fields[TRANSFER_SYNTAX] = syntax
    return Elements(texts, fields, syntax, start, length, at, turned(code), description, inflated)


_ACQUIRED, _ACQUIRED_NUMBER, _IDENTIFIER, _IDENTITY, _ITEMS, _DESCRIBED, _TABLE = range(7)
_READ_AS: Mapping[int, tuple[int, str]] = {
    **{tag: (_ACQUIRED, keyword) for tag, keyword in ACQUISITION.items()},
    **{tag: (_ACQUIRED_NUMBER, ACQUISITION[tag]) for tag in NUMBERS & ACQUISITION.keys()},
    **{tag: (_IDENTITY, keyword) for tag, keyword in IDENTITY.items()},
    **{tag: (_IDENTIFIER, IDENTITY[tag]) for tag in _ONE_OF_A_KIND},
    **{tag: (_TABLE, keyword) for tag, keyword in DESCRIPTION.items()},
    **{tag: (_DESCRIBED, DESCRIPTION[tag]) for tag in NUMBERS & DESCRIPTION.keys()},
    PROCEDURE: (_ITEMS, "LOINC"),
}


class _Texts(dict[bytes, str]):
    """What values say; devices write the same ones in thousands of files."""

    MOST = 1 << 13

    def __init__(self, read: Callable[[bytes], str]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, value: bytes) -> str:
        text = self.read(value)
        if len(self) >= self.MOST:
            self.clear()
        self[value] = text
        return text


def _texts(
    wanted: Mapping[int, bytes], *, explicit: bool
) -> tuple[dict[str, str], dict[str, str], Mapping[str, str] | None]:
    """Identity, acquisition and description, of what says something."""
    kept = _KEPT[_encoding(wanted.get(0x00080005, b""))]
    texts: dict[str, str] = {}
    fields: dict[str, str] = {}
    description: dict[str, str] | None = None
    for tag, value in wanted.items():
        kind, keyword = _READ_AS.get(tag, _NOT_READ)
        if kind == _ACQUIRED:
            if text := kept[value]:
                fields[keyword] = text
        elif kind == _ACQUIRED_NUMBER:
            if text := _NUMBERS_KEPT[value]:
                fields[keyword] = text
        elif kind == _IDENTITY:
            texts[keyword] = kept[value]
        elif kind == _IDENTIFIER:
            texts[keyword] = kept.read(value)
        elif kind == _ITEMS:
            texts[keyword] = _loinc_of_items(value, explicit=explicit)
        elif kind != _NEITHER and (text := _NUMBERS_KEPT[value] if kind == _DESCRIBED else _THERE):
            description = {**(description or {}), keyword: text}
    return texts, fields, description


_NEITHER = -1
_NOT_READ = (_NEITHER, "")


@lru_cache(maxsize=64)
def _encoding(character_set: bytes) -> str:
    """Python's name for a SpecificCharacterSet; what is neither of two is held to be ASCII."""
    stated = character_set.strip(b"\0 ")
    if b"ISO_IR 13" in stated.split(b"\\"):  # not quite ASCII
        raise Odd
    return {b"ISO_IR 192": "utf-8", b"ISO_IR 100": "latin-1"}.get(stated, "ascii")


def _decoded(encoding: str, value: bytes) -> str:
    if b"\x1b" in value:  # ISO 2022: a change of the character set inside the text
        raise Odd
    return _tidy(value.decode(encoding))


def _number_text(value: bytes) -> str:
    if len(value) not in {0, 2}:
        raise Odd
    return str(value[0] | value[1] << 8) if value else ""


_KEPT = {name: _Texts(partial(_decoded, name)) for name in ("ascii", "latin-1", "utf-8")}
_NUMBERS_KEPT = _Texts(_number_text)


def _loinc_of_items(value: bytes, *, explicit: bool) -> str:
    at = 0
    while at + 8 <= len(value):
        group, element, length = tag_and_length(value, at)
        at += 8
        if group << 16 | element != ITEM:
            break
        after = at + length
        end = after
        if length == UNDEFINED:
            after = after_item(value, at, explicit=explicit)
            end = after - 8
        codes, _ = wanted_values(value[:end], at, end, explicit=explicit)
        if _tidy(codes.get(SCHEME, b"").decode("ascii")) in {"LN", "LOINC"}:
            return _tidy(codes.get(CODE, b"").decode("ascii"))
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
                keyword: _THERE if tag == PALETTE else _text(data, keyword)
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
    if tag not in PIXELS:
        start = 0
    elif not implicit and element[4:6] in LONG and len(element) == 12:
        (length,) = struct.unpack(order + "I", element[8:])
        start = at + 12
    return Elements(texts, fields, syntax, start, length, at, tag, description)


def _whole(file: BinaryIO, elements: Elements) -> Elements:
    """With the pixels of a deflated file, which pydicom inflates to its end in any case."""
    file.seek(0)
    data = pydicom.dcmread(file, force=True, specific_tags=list(PIXELS))
    held = [(int(element.tag), len(element.value or b"")) for element in data]
    if not held:
        return elements
    tag, length = held[0]
    return elements._replace(pixels_at=1, pixels_length=length, pixels_tag=tag, inflated=length + 1)


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
    bare = text.rstrip("\0 ")
    if bare.isprintable() and " " not in bare and "\\" not in bare:
        return bare
    if "\\" in text:
        return "\\".join(" ".join(part.replace("\0", " ").split()) for part in text.split("\\"))
    return " ".join(text.replace("\0", " ").split())


def _loinc(data: Dataset) -> str:
    for item in data.get("ProcedureCodeSequence") or ():
        if _text(item, "CodingSchemeDesignator") in {"LN", "LOINC"}:
            return _text(item, "CodeValue")
    return ""
