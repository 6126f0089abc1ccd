"""Builds the web application: collaborators, guards, routers, how a problem is shown.

Collaborators lie on ``app.state``: store, ledger, drop, offered (by name), settings. A room that is
not there yet is left out. Paths: ``/api/v1`` is JSON; team pages are the pages room's; what is left
belongs to ``site``, the boards and reports.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from submissions.ledger.ledger import Ledger
from submissions.service.offered import Offered
from submissions.service.problems import MEDIA_TYPE, Problem
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store

ROUTERS = (
    "submissions.service.api.api",
    "submissions.service.uploads",
    "submissions.service.pages",
)
"""Modules with a ``router`` each, in this order. A module may have
``render_problem(request, problem) -> Response`` too: it then shows problems of paths outside /api/.
"""


def create_service(
    settings: ServiceSettings,
    store: Store,
    ledger: Ledger,
    drop: Any,
    offered: Sequence[Offered],
    *,
    site: ASGIApp | None = None,
) -> FastAPI:
    """Build the service; ``site`` answers every path that no router has."""
    app = FastAPI(title=settings.title, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.store = store
    app.state.ledger = ledger
    app.state.drop = drop
    app.state.offered = {benchmark.name: benchmark for benchmark in offered}
    _show_problems(app)
    for name in ROUTERS:
        if _exists(name):
            module = importlib.import_module(name)
            app.include_router(module.router)
            if render := getattr(module, "render_problem", None):
                app.state.render_problem = render
    if site is not None:
        app.mount("/", site)
    return app


def _exists(name: str) -> bool:
    package, _, _ = name.rpartition(".")
    return importlib.util.find_spec(package) is not None and (
        importlib.util.find_spec(name) is not None
    )


def _show_problems(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def told(request: Request, problem: Problem) -> Response:
        return shown(request, problem)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, problem: HTTPException) -> Response:
        title = {404: "Not found", 405: "Method not allowed"}.get(
            problem.status_code, "That did not work"
        )
        detail = {
            404: f"Nothing is at {request.url.path}; look the address up in the documentation.",
            405: f"{request.method} is not possible here; use {_allowed(problem.headers)}.",
        }.get(problem.status_code, str(problem.detail))
        told = Problem(problem.status_code, title, detail, headers=problem.headers)
        return shown(request, told)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        sentence = f"{place}: {first['msg']}; correct it and send the request again."
        return shown(request, Problem(422, "Not valid", sentence, type="not-valid"))


def shown(request: Request, problem: Problem) -> Response:
    """A problem as JSON below /api/, else as the pages show it."""
    render = getattr(request.app.state, "render_problem", None)
    if render is not None and not request.url.path.startswith("/api/"):
        answer: Response = render(request, problem)
        return answer
    return JSONResponse(
        problem.document(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def _allowed(headers: Mapping[str, str] | None) -> str:
    return (headers or {}).get("Allow", "another method")
