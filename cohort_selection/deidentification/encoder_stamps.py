"""Finds comments inside compressed pictures: an encoder's stamp, or free text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ANYBODYS = frozenset(range(0xE0, 0xF0)) - {0xE0, 0xE2, 0xE8, 0xEE}
"""Application segments: all but those of JFIF, of a colour profile, of JPEG-LS and of Adobe."""
_PLACES_OF_TEXT = {"old": {0xFE, *_ANYBODYS}, "2000": {0x64}}
_BOXES_OF_TEXT = frozenset({b"xml ", b"uuid", b"uinf"})
_PICTURE_BEGINS = {"old": {0xDA, 0xD9}, "2000": {0x90, 0x93}}
_VERSION = rb"[vV]?(\d{1,4}\.){0,3}\d{1,4}[a-z]?"
_STAMPS = re.compile(
    b"|".join(
        (
            rb"Created by (GDCM/)?OpenJPEG( version " + _VERSION + rb")?",
            rb"Kakadu-" + _VERSION,
            rb"Kdu-Layer-Info: log_2\{Delta-D\(squared-error\)/Delta-L\(bytes\)\}, L\(bytes\)"
            rb"[-+0-9.,e\s]{0,400}",
            rb"Creator: JasPer Version " + _VERSION,
            rb"CREATOR: gd-jpeg v" + _VERSION + rb" \(using IJG JPEG v\d{1,3}\), "
            rb"(quality = \d{1,3}|default quality)",
            rb"Lavc" + _VERSION,
        )
    )
)
"""What encoders write into each picture that they make: their name and version, and no more."""


def has_words(pixels: bytes | None) -> bool:
    """Whether a JPEG or JPEG 2000 picture's head holds Exif and the like, or somebody's comment.

    ``pixels`` are compressed pixel data as they are stored; each frame's head is looked at.
    """
    return any(map(_has_words, _fragments(pixels or b"")))


def _fragments(pixels: bytes) -> Iterator[bytes]:
    """The items of compressed pixel data (PS3.5 A.4), the table of offsets left out."""
    at, first = 0, True
    while pixels[at : at + 4] == b"\xfe\xff\x00\xe0":
        end = at + 8 + int.from_bytes(pixels[at + 4 : at + 8], "little")
        if not first:
            yield pixels[at + 8 : end]
        at, first = end, False


def _has_words(fragment: bytes) -> bool:
    old = fragment.startswith(b"\xff\xd8")
    start = 0 if old else fragment.find(b"\xff\x4f\xff\x51")
    if start < 0 or not (old or start == 0 or fragment[4:8] == b"jP  "):
        return False  # a frame that goes on, or is coded in another way
    if _BOXES_OF_TEXT.intersection(_boxes(fragment[:start])):
        return True
    family = "old" if old else "2000"
    at = start + 2
    while at + 4 <= len(fragment) and fragment[at] == 0xFF:
        marker, length = fragment[at + 1], int.from_bytes(fragment[at + 2 : at + 4], "big")
        if marker in _PICTURE_BEGINS[family]:
            return False
        if marker in _PLACES_OF_TEXT[family] and length > 2:
            text = fragment[at + 4 : at + 2 + length]
            if marker == 0x64:
                text = text[2:]  # how the text is to be read comes first
            if marker in _ANYBODYS or not _is_stamp(text):
                return True
        at += 2 + length
    return False


def _boxes(head: bytes) -> Iterator[bytes]:
    """The kinds of the boxes in which a file of JPEG 2000 wraps its picture."""
    at = 0
    while at + 8 <= len(head):
        length = int.from_bytes(head[at : at + 4], "big")
        if length == 1:  # a long one
            length = int.from_bytes(head[at + 8 : at + 16], "big")
        yield head[at + 4 : at + 8]
        at += max(length, 8)


def _is_stamp(text: bytes) -> bool:
    bare = text.strip(b"\0 \n\r")
    return not bare or _STAMPS.fullmatch(bare) is not None
