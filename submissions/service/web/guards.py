"""Checks size and origin of every request before a route, and adds headers to every answer."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from submissions.service.problems import MEDIA_TYPE, Problem, forbidden
from submissions.service.settings import ServiceSettings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_TARGET = 8 * 1024
UPLOADS = ("/api/v1/uploads/", "/team/uploads/")
"""Below this the routes themselves limit a body."""

_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCUMENTS = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


_SILENT = "Nothing came for {:g} seconds, and the body is not whole; send the request again."


class Guards:
    """The outermost middleware. A route gets the public address in the place of the Host header."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        """Guard ``app``."""
        self._app = app
        self._settings = settings
        base = urlsplit(settings.base_url)
        self._scheme = base.scheme
        self._host = base.netloc.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on; each answer gets the headers of security."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        answered = self._with_headers(scope, send)
        try:
            self._refuse(scope)
        except Problem as problem:
            await _answer(problem, scope, answered)
            return
        inner = {**scope, "scheme": self._scheme, "headers": self._own_host(scope)}
        limited = receive if scope["path"].startswith(UPLOADS) else self._limited(receive)
        await self._app(inner, limited, answered)

    def _refuse(self, scope: Scope) -> None:
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self._settings.most_header_bytes:
            raise Problem(
                431,
                "Headers too large",
                f"The headers have {size} bytes, and {self._settings.most_header_bytes} are taken; "
                f"send fewer cookies or shorter headers.",
                type="headers-too-large",
            )
        target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if target > _LONGEST_TARGET:
            raise Problem(
                414,
                "Address too long",
                f"The address has {target} bytes, and {_LONGEST_TARGET} are taken; shorten it.",
                type="address-too-long",
            )
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if (
            length.isdecimal()
            and int(length) > self._settings.most_body_bytes
            and not scope["path"].startswith(UPLOADS)
        ):
            raise _too_large(self._settings.most_body_bytes)
        if scope["method"] not in _SAFE:
            self._refuse_other_sites(headers)

    def _refuse_other_sites(self, headers: Headers) -> None:
        """A browser names the page that sends; only pages of this service may use its cookie."""
        if "authorization" in headers:
            return  # no other site can make a browser send one
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        named = origin is not None or site is not None
        foreign = (origin is not None and origin.lower() != self._settings.origin) or (
            site is not None and site != "same-origin"
        )
        if foreign or (not named and f"{self._settings.cookie}=" in headers.get("cookie", "")):
            raise forbidden(
                f"The request comes from {(origin or 'a page that is not named')[:100]!r}, and "
                f"only pages of {self._settings.origin} may change anything; open the page there "
                f"and try again.",
                type="cross-site",
            )

    def _own_host(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return [*others, (b"host", self._host)]

    def _limited(self, receive: Receive) -> Receive:
        """Bound the bytes of a body, and the wait for each piece of it."""
        most, patience = self._settings.most_body_bytes, self._settings.patience_seconds
        size, whole = 0, False

        async def counted() -> Message:
            nonlocal size, whole
            if whole:  # what follows is that the client goes
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), patience)
            except TimeoutError as error:
                raise HTTPException(408, _SILENT.format(patience)) from error
            whole = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413, _too_large(most).detail)
            return message

        return counted

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        document = scope["path"].startswith("/api/")

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _DOCUMENTS if document else _PAGES)
                if self._scheme == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                for name, value in scope["state"].get("rate_headers", {}).items():
                    headers.setdefault(name, value)
            await send(message)

        return answered


def _too_large(most: int) -> Problem:
    return Problem(
        413,
        "Body too large",
        f"The body has more than the {most} bytes that are taken here; an image goes to "
        f"/api/v1/uploads.",
        type="body-too-large",
    )


async def _answer(problem: Problem, scope: Scope, send: Send) -> None:
    """Refuse before any route; the connection ends, since the body was not read."""
    body = json.dumps(problem.document()).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
