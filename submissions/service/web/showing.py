"""Shows a problem to the client: JSON of RFC 9457 below /api/, a page elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from submissions.ledger.ledger import LedgerError
from submissions.service.problems import MEDIA_TYPE, Problem
from submissions.service.web.guards import HEADERS

_LOG = logging.getLogger(__name__)

_SPOKEN = {
    "missing": "is missing; give it",
    "extra_forbidden": "is not known here; leave it out",
    "json_invalid": "is no JSON; send a JSON document in UTF-8",
    "model_attributes_type": "is no JSON object; send one, with Content-Type: application/json",
}


def show_problems(app: FastAPI) -> None:
    """Add the handlers of errors to an application."""

    @app.exception_handler(Problem)
    async def told(request: Request, problem: Problem) -> Response:
        return shown(request, problem)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        return shown(request, _of_http(request, error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:200]
        words = _SPOKEN.get(first["type"]) or (
            f"{str(first['msg']).removeprefix('Value error, ')}; correct it"
        )
        return shown(request, Problem(422, "Not valid", f"{place}: {words}.", type="not-valid"))

    @app.exception_handler(LedgerError)
    @app.exception_handler(SQLAlchemyError)
    async def silent(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s: %s", request.method, request.url.path, error)
        sentence = "A database of the service does not answer; try again in a minute."
        problem = Problem(
            503, "Not ready", sentence, type="not-ready", headers={"Retry-After": "60"}
        )
        return shown(request, problem)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        sentence = (
            "The service could not do this, and its log says why; tell the steward what you did."
        )
        problem = Problem(500, "Service failed", sentence, type="failed", headers=HEADERS)
        return shown(request, problem)


def shown(request: Request, problem: Problem) -> Response:
    """A problem as JSON below /api/, else as the pages show it."""
    render = getattr(request.app.state, "render_problem", None)
    if render is not None and not request.url.path.startswith("/api/"):
        answer: Response = render(request, problem)
        return answer
    return JSONResponse(
        problem.document(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def _of_http(request: Request, error: HTTPException) -> Problem:
    headers: Mapping[str, str] = error.headers or {}
    if error.status_code == 404:
        return Problem(
            404,
            "Not found",
            f"Nothing is at {request.url.path[:200]}; look the address up in the documentation.",
            type="not-found",
            headers=headers,
        )
    if error.status_code == 405:
        return Problem(
            405,
            "Method not allowed",
            f"{request.method} is not possible here; use {headers.get('Allow', 'another method')}.",
            type="method-not-allowed",
            headers=headers,
        )
    if error.status_code == 413:
        return Problem(
            413, "Body too large", str(error.detail), type="body-too-large", headers=headers
        )
    if error.status_code == 408:
        more = {**headers, "Connection": "close"}
        return Problem(408, "Too slow", str(error.detail), type="too-slow", headers=more)
    if error.status_code == 400:
        sentence = "The body cannot be read; send a JSON document in UTF-8."
        return Problem(400, "Not readable", sentence, type="not-readable", headers=headers)
    return Problem(error.status_code, "That did not work", str(error.detail), headers=headers)
