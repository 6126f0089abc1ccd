"""Walks over the elements of a little endian header, and takes the values that are wanted.

The first eight bytes of an element, its head, say how far it is to the next one, unless its length
has a place of its own. Devices write the same heads in thousands of files: what a head means is
kept, and looked up. Follows PS3.5 chapter 7.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

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

# What stands for the bytes to the next element where the head does not tell them.
_LENGTH_FOLLOWS, _ITEMS_FOLLOW, _OPEN, _AT_PIXELS, _ITEM_ENDS = 0, -1, -2, -3, -4


class _Heads(dict[bytes, tuple[int, int]]):
    """Bytes to the next element, and its tag where it is wanted, else 0; by head."""

    MOST = 1 << 14

    def __init__(self, *, explicit: bool, in_item: bool) -> None:
        super().__init__()
        self.explicit, self.in_item = explicit, in_item

    def learn(self, head: bytes, at: int) -> tuple[int, int]:
        """What the head at ``at`` says, which is kept.

        Raises ``Odd`` where it is none, ``struct.error`` where the file ends inside it.
        """
        found = self._explicit(head, at) if self.explicit else self._implicit(head, at)
        if len(self) >= self.MOST:
            self.clear()
        self[head[at : at + 8]] = found
        return found

    def _explicit(self, head: bytes, at: int) -> tuple[int, int]:
        code, vr, length = _turned_vr_length(head, at)
        if self.in_item:
            if code == _TURNED_END_OF_ITEM:
                return _ITEM_ENDS, 0
            tag = 0
        elif (tag := _WANTED.get(code, 0)) and vr not in EXPECTED[tag]:
            raise Odd
        if vr in SHORT:
            return 8 + length, tag
        if vr not in LONG:
            raise Odd
        if code in _TURNED_PIXELS and not self.in_item:
            return _AT_PIXELS, 0
        return (_ITEMS_FOLLOW if vr == b"SQ" else _LENGTH_FOLLOWS), tag

    def _implicit(self, head: bytes, at: int) -> tuple[int, int]:
        code, length = turned_length(head, at)
        if self.in_item:
            if code == _TURNED_END_OF_ITEM:
                return _ITEM_ENDS, 0
        elif code in _TURNED_PIXELS:
            return _AT_PIXELS, 0
        elif code & 0xFFFF >= 0xFFFC:  # padding, or the end of a sequence that never began
            raise Odd
        return (_OPEN if length == UNDEFINED else 8 + length), _WANTED.get(code, 0)


class Encoding(NamedTuple):
    """How elements are written; what is known of heads, outside and inside of items."""

    heads: _Heads
    inner: _Heads


EXPLICIT, IMPLICIT = (
    Encoding(_Heads(explicit=how, in_item=False), _Heads(explicit=how, in_item=True))
    for how in (True, False)
)


def wanted_values(
    head: bytes, at: int, end: int, encoding: Encoding
) -> tuple[dict[int, bytes], int]:
    """Values of the wanted elements from ``at``, and the place of pixel data, else ``end``.

    Raises ``Odd`` where the elements are better left to pydicom; ``IndexError`` or
    ``struct.error`` where the last element reaches beyond ``end``.
    """
    found: dict[int, bytes] = {}
    heads = encoding.heads
    while at < end:
        try:
            step, tag = heads[head[at : at + 8]]
        except KeyError:
            step, tag = heads.learn(head, at)
        if step > 0:
            if tag:
                found[tag] = head[at + 8 : at + step]
            at += step
            continue
        if step == _AT_PIXELS:
            return found, at
        start = at + 8 if step == _OPEN else at + 12
        length = UNDEFINED if step == _OPEN else long_length(head, at + 8)[0]
        if length != UNDEFINED:
            at = start + length
        elif step == _LENGTH_FOLLOWS:
            raise Odd
        else:
            at = _after(head, start, encoding.inner, of_item=False)
        if tag:
            found[tag] = head[start:at]
    if at > end:
        raise IndexError
    return found, at


def after_item(head: bytes, at: int, encoding: Encoding) -> int:
    """The place after an item of undefined length whose first element is at ``at``.

    Raises as ``wanted_values`` does.
    """
    return _after(head, at, encoding.inner, of_item=True)


def _after(head: bytes, at: int, heads: _Heads, *, of_item: bool) -> int:
    """The place after an item, or after the items of a sequence; both of undefined length."""
    in_item, n_open = of_item, 1
    while True:
        if not in_item:
            code, length = turned_length(head, at)
            at += 8
            if code == _TURNED_END_OF_ITEMS:
                n_open -= 1
                if not n_open:
                    return at
                in_item = True  # the sequence stood in an item
            elif code != _TURNED_ITEM:
                raise Odd
            elif length == UNDEFINED:
                in_item = True
            else:
                at += length
            continue
        try:
            step, _ = heads[head[at : at + 8]]
        except KeyError:
            step, _ = heads.learn(head, at)
        if step > 0:
            at += step
        elif step == _ITEM_ENDS:
            at += 8
            if of_item and n_open == 1:
                return at
            in_item = False
        else:
            length = UNDEFINED if step == _OPEN else long_length(head, at + 8)[0]
            at += 8 if step == _OPEN else 12
            if length != UNDEFINED:
                at += length
            elif step == _LENGTH_FOLLOWS:
                raise Odd
            else:
                n_open += 1
                in_item = False


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
