"""Keeps pages that were made, packed, until what they show is another."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

_MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """A page as gzip, and a tag that is another for every other text (RFC 9110, weak)."""

    tag: str
    packed: bytes

    @property
    def plain(self) -> bytes:
        """The page for a reader that cannot unpack it."""
        return gzip.decompress(self.packed)


class Answers:
    """Packed pages by what they show; of too many, those go that nobody asked for lately."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """``most_bytes`` bounds all packed pages together."""
        self._most = most_bytes
        self._size = 0
        self._kept: OrderedDict[Hashable, Page] = OrderedDict()
        self._lock = Lock()

    def page(self, key: Hashable | None, make: Callable[[], str]) -> Page:
        """The page of a key; it is made where it is not there. None is never kept."""
        with self._lock:
            if key is not None and key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        body = make().encode()
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        made = Page(tag, gzip.compress(body, 5, mtime=0))
        if key is not None:
            with self._lock:
                before = self._kept.pop(key, None)
                self._size += len(made.packed) - (len(before.packed) if before else 0)
                self._kept[key] = made
                while self._size > self._most and len(self._kept) > 1:
                    self._size -= len(self._kept.popitem(last=False)[1].packed)
        return made
