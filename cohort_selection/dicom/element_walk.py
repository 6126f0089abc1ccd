"""Walks over the elements of a little endian header, and takes the values that are wanted.

Follows PS3.5 chapter 7. ``compiled_walk`` does the same, in compiled code.
"""

from __future__ import annotations

import struct

from cohort_selection.dicom.keywords import ACQUISITION, DESCRIPTION, IDENTITY

ITEM, END_OF_ITEM, END_OF_ITEMS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
PROCEDURE, PALETTE = 0x00081032, 0x00281101
CODE, SCHEME = 0x00080100, 0x00080102
NUMBERS = frozenset(
    {0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103}
)
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Representations whose length has 32 bits and a place of its own."""
SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_TEXTUAL = frozenset(b"AE AS CS DA DS DT IS LO LT SH ST TM UC UI UR UT".split())
_OF_ONE_KIND = {PROCEDURE: frozenset({b"SQ"}), PALETTE: frozenset({b"US", b"SS"})}

tag_and_length = struct.Struct("<HHI").unpack_from
# With the tag as one number, whose halves are exchanged.
turned_length = struct.Struct("<II").unpack_from
long_length = struct.Struct("<I").unpack_from
_turned_vr_length = struct.Struct("<I2sH").unpack_from


class Odd(Exception):
    """The quick parser leaves this file to pydicom."""


def turned(tag: int) -> int:
    """A tag as the number that its four bytes are in a little endian file, and back."""
    return (tag & 0xFFFF) << 16 | tag >> 16


_TURNED_SYNTAX = turned(0x00020010)
_TURNED_ITEM, _TURNED_END_OF_ITEMS = turned(ITEM), turned(END_OF_ITEMS)
_TURNED_END_OF_ITEM = turned(END_OF_ITEM)
_TURNED_PIXELS = frozenset(map(turned, PIXELS))
_WANTED = {turned(tag): tag for tag in (*IDENTITY, *ACQUISITION, *DESCRIPTION, CODE, SCHEME)}
EXPECTED = {
    tag: frozenset({b"US"}) if tag in NUMBERS else _OF_ONE_KIND.get(tag, _TEXTUAL)
    for tag in _WANTED.values()
}


def wanted_values(
    head: bytes, at: int, end: int, *, explicit: bool
) -> tuple[dict[int, bytes], int]:
    """Values of the wanted elements from ``at``, and the place of pixel data, else ``end``.

    ``explicit`` says whether the elements state their representations. Raises ``Odd`` where they
    are better left to pydicom; ``IndexError`` or ``struct.error`` where the last one reaches
    beyond ``end``.
    """
    found: dict[int, bytes] = {}
    while at < end:
        start = at + 8
        if explicit:
            code, vr, length = _turned_vr_length(head, at)
            if vr not in SHORT:
                if vr not in LONG:
                    raise Odd
                if code in _TURNED_PIXELS:
                    return found, at
                (length,) = long_length(head, start)
                start += 4
                if length == UNDEFINED and vr != b"SQ":
                    raise Odd
        else:
            code, length = turned_length(head, at)
            if code in _TURNED_PIXELS:
                return found, at
            if code & 0xFFFF >= 0xFFFC:  # padding, or the end of a sequence that never began
                raise Odd
        at = start + length if length != UNDEFINED else _after(head, start, explicit, 1)
        if code in _WANTED:
            tag = _WANTED[code]
            if explicit and vr not in EXPECTED[tag]:
                raise Odd
            found[tag] = head[start:at]
    if at > end:
        raise IndexError
    return found, at


def after_item(head: bytes, at: int, *, explicit: bool) -> int:
    """The place after an item of undefined length whose first element is at ``at``.

    Raises as ``wanted_values`` does.
    """
    return _after(head, at, explicit, 0)


def _after(head: bytes, at: int, explicit: bool, n_open: int) -> int:
    """The place after ``n_open`` sequences of undefined length, or after an item where it is 0."""
    in_item, of_item = not n_open, not n_open
    while True:
        code, length = turned_length(head, at)
        at += 8
        if not in_item:
            if code == _TURNED_END_OF_ITEMS:
                n_open -= 1
                if not n_open and not of_item:
                    return at
                in_item = True  # the sequence stood in an item
            elif code != _TURNED_ITEM:
                raise Odd
            elif length == UNDEFINED:
                in_item = True
            else:
                at += length
            continue
        if code == _TURNED_END_OF_ITEM:
            if of_item and not n_open:
                return at
            in_item = False
            continue
        if explicit:
            _, vr, length = _turned_vr_length(head, at - 8)
            if vr in LONG:
                (length,) = long_length(head, at)
                at += 4
                if length == UNDEFINED and vr != b"SQ":
                    raise Odd
            elif vr not in SHORT:
                raise Odd
        if length == UNDEFINED:
            n_open += 1
            in_item = False
        else:
            at += length


def transfer_syntax(head: bytes, at: int, end: int) -> tuple[str, int]:
    """The transfer syntax that group 2 names, and the place after the group."""
    found = b""
    while at < end:
        code, vr, length = _turned_vr_length(head, at)
        if code & 0xFFFF != 2:
            raise Odd
        at += 8
        if vr in LONG:
            (length,) = long_length(head, at)
            at += 4
        elif vr not in SHORT:
            raise Odd
        if code == _TURNED_SYNTAX:
            found = head[at : at + length]
        at += length
    return found.rstrip(b"\0 ").decode("ascii"), at
