"""Keeps pages that were made, packed, until what they show is another."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock

from fastapi import Request, Response

_MOST_BYTES = 32 * 1024 * 1024


class Answers:
    """Packed pages by what they show; of too many, those go that nobody asked for lately."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """``most_bytes`` bounds all packed pages together."""
        self._most = most_bytes
        self._size = 0
        self._kept: OrderedDict[Hashable, tuple[str, bytes]] = OrderedDict()
        self._lock = Lock()

    def give(
        self,
        request: Request,
        key: Hashable | None,
        make: Callable[[], str],
        *,
        media_type: str = "text/html",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with the page of a key; it is made where it is not there. None is never kept.

        A browser that has the page already is told so (304).
        """
        tag, packed = self._found(key, make)
        told = {**(headers or {}), "ETag": tag, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=told)
        if "gzip" in request.headers.get("accept-encoding", ""):
            told["Content-Encoding"] = "gzip"
            return Response(packed, media_type=media_type, headers=told)
        return Response(gzip.decompress(packed), media_type=media_type, headers=told)

    def _found(self, key: Hashable | None, make: Callable[[], str]) -> tuple[str, bytes]:
        with self._lock:
            if key is not None and key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        body = make().encode()
        found = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"', gzip.compress(body, 5, mtime=0)
        if key is not None:
            with self._lock:
                self._size += len(found[1]) - len(self._kept.pop(key, ("", b""))[1])
                self._kept[key] = found
                while self._size > self._most and len(self._kept) > 1:
                    self._size -= len(self._kept.popitem(last=False)[1][1])
        return found
