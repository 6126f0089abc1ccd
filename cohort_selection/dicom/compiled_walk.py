"""``wanted_values`` as a compiled loop, for runs over thousands of headers."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cohort_selection.dicom.element_walk import (
    END_OF_ITEM,
    END_OF_ITEMS,
    EXPECTED,
    ITEM,
    LONG,
    PIXELS,
    SHORT,
    UNDEFINED,
    Odd,
)

_TAGS = tuple(sorted(EXPECTED))
_WANTED = np.array(_TAGS, np.uint32)
_NAMES = tuple(sorted(SHORT | LONG))
# Two capital letters as a number below 26 * 26: the place of a representation in _NAMES, and one.
_VR = np.zeros(26 * 26, np.uint8)
for _place, _name in enumerate(_NAMES):
    _VR[(_name[0] - 65) * 26 + _name[1] - 65] = _place + 1
_IS_SHORT = np.array([False, *(name in SHORT for name in _NAMES)])
_SQ = _NAMES.index(b"SQ") + 1
_MAY_BE = np.array([[False, *(name in EXPECTED[tag] for name in _NAMES)] for tag in _TAGS])
_MOST = 3 * 256
_PIXELS = tuple(sorted(PIXELS))

_FINE, _ODD, _BEYOND = 0, 1, 2


def compiled_values(
    head: bytes, at: int, end: int, *, explicit: bool
) -> tuple[dict[int, bytes], int]:
    """As ``wanted_values``, the same values and errors."""
    places, at, state = _walk(np.frombuffer(head, np.uint8), at, end, explicit)
    if state == _ODD:
        raise Odd
    if state == _BEYOND:
        raise IndexError
    flat = iter(places.tolist())
    return {_TAGS[k]: head[start:stop] for k, start, stop in zip(*[flat] * 3, strict=True)}, at


@njit(inline="always")  # pragma: no cover - compiled
def _half(head: NDArray[np.uint8], at: int) -> int:
    return int(np.int64(head[at]) | np.int64(head[at + 1]) << 8)


@njit(inline="always")  # pragma: no cover - compiled
def _number(head: NDArray[np.uint8], at: int) -> int:
    return _half(head, at) | _half(head, at + 2) << 16


@njit(inline="always")  # pragma: no cover - compiled
def _tag(head: NDArray[np.uint8], at: int) -> int:
    number = _number(head, at)
    return (number & 0xFFFF) << 16 | number >> 16


@njit(inline="always")  # pragma: no cover - compiled
def _representation(head: NDArray[np.uint8], at: int) -> int:
    first, second = np.int64(head[at]) - 65, np.int64(head[at + 1]) - 65
    if first < 0 or first > 25 or second < 0 or second > 25:
        return 0
    return int(np.int64(_VR[first * 26 + second]))


@njit(cache=True)  # pragma: no cover - compiled
def _walk(
    head: NDArray[np.uint8], at: int, end: int, explicit: bool
) -> tuple[NDArray[np.int64], int, int]:
    """Slot, start and stop of each wanted value, the place where it ended, and how."""
    places = np.empty(_MOST, np.int64)
    n_places = 0
    limit = len(head)
    while at < end:
        if at + 8 > limit:
            return places[:0], at, _BEYOND
        tag = _tag(head, at)
        slot = -1
        if tag <= _WANTED[-1]:
            k = int(np.searchsorted(_WANTED, np.uint32(tag)))
            if _WANTED[k] == tag:
                slot = k
        start, length, is_items = at + 8, 0, True
        if explicit:
            vr = _representation(head, at + 4)
            if vr == 0 or (slot >= 0 and not _MAY_BE[slot, vr]):
                return places[:0], at, _ODD
            if _IS_SHORT[vr]:
                length = _half(head, at + 6)
            else:
                if tag in _PIXELS:
                    return places[:n_places], at, _FINE
                if at + 12 > limit:
                    return places[:0], at, _BEYOND
                length = _number(head, at + 8)
                start = at + 12
                is_items = vr == _SQ
        else:
            if tag in _PIXELS:
                return places[:n_places], at, _FINE
            if tag >> 16 >= 0xFFFC:
                return places[:0], at, _ODD
            length = _number(head, at + 4)
        if length != UNDEFINED:
            at = start + length
        elif not is_items:
            return places[:0], at, _ODD
        else:
            at, state = _after_items(head, start, explicit)
            if state != _FINE:
                return places[:0], at, state
        if slot >= 0:
            if n_places == _MOST:
                return places[:0], at, _ODD
            places[n_places], places[n_places + 1], places[n_places + 2] = slot, start, at
            n_places += 3
    if at > end:
        return places[:0], at, _BEYOND
    return places[:n_places], at, _FINE


@njit(cache=True)  # pragma: no cover - compiled
def _after_items(head: NDArray[np.uint8], at: int, explicit: bool) -> tuple[int, int]:
    in_item, n_open, limit = False, 1, len(head)
    while True:
        if at + 8 > limit:
            return at, _BEYOND
        tag = _tag(head, at)
        if not in_item:
            length = _number(head, at + 4)
            at += 8
            if tag == END_OF_ITEMS:
                n_open -= 1
                if n_open == 0:
                    return at, _FINE
                in_item = True
            elif tag != ITEM:
                return at, _ODD
            elif length == UNDEFINED:
                in_item = True
            else:
                at += length
            continue
        if tag == END_OF_ITEM:
            at += 8
            in_item = False
            continue
        is_items = True
        if explicit:
            vr = _representation(head, at + 4)
            if vr == 0:
                return at, _ODD
            if _IS_SHORT[vr]:
                at += 8 + _half(head, at + 6)
                continue
            if at + 12 > limit:
                return at, _BEYOND
            length = _number(head, at + 8)
            at += 12
            is_items = vr == _SQ
        else:
            length = _number(head, at + 4)
            at += 8
        if length != UNDEFINED:
            at += length
        elif not is_items:
            return at, _ODD
        else:
            n_open += 1
            in_item = False
