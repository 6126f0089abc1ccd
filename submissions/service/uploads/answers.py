"""Refusals of the routes of uploads: in tus, and so that a client that still sends sees them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from submissions.service.problems import MEDIA_TYPE, Problem
from submissions.service.uploads.headers import TUS

LINGER_SECONDS = 2.0
LINGER_BYTES = 8 * 2**20

_EVERYWHERE = (400, 401, 403, 404, 405, 412, 414, 422, 429, 431)
_MEANINGS = {460: "The bytes are not those of the checksum"}
_NUMBERS = itertools.count(1)


class TusRoute(APIRoute):
    """A route whose refusals carry tus headers, and end a connection that still brings bytes.

    Requests are numbered as they come: after that each may wait for its rights for any time.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer as the function of the route does, or with its Problem."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            request.state.number = next(_NUMBERS)
            try:
                return await handle(request)
            except Problem as problem:
                return _refusal(request, problem)

        return answer


class Closing(Response):
    """An answer that ends the connection: what the client still sends is read for a moment.

    A connection closed over unread bytes is reset, and the client might never see the answer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, read on for a moment, and end."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        break
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def all_read(request: Request) -> None:
    """Note that the body was read to its end: a refusal may keep the connection."""
    request.state.all_read = True


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the refusals of a route, those of every route included."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemShown"}}
    return {
        status: {
            "description": _MEANINGS.get(status) or HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: schema},
        }
        for status in sorted({*_EVERYWHERE, *statuses})
    }


def _refusal(request: Request, problem: Problem) -> Response:
    headers = {**TUS, **problem.headers}
    brings_more = not getattr(request.state, "all_read", False) and (
        request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    )
    waits = "100-continue" in request.headers.get("expect", "").lower()
    if brings_more:
        headers["Connection"] = "close"
    kind = Closing if brings_more and not waits else Response
    return kind(json.dumps(problem.document()), problem.status, headers, MEDIA_TYPE)
