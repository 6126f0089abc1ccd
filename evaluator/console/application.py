"""The console's web application: guards, pages, and how a refusal is told."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from evaluator.console import pages
from evaluator.console.desk import Changed, Desk, NotHeld
from evaluator.console.reviewers import OwnResult, ReviewError
from evaluator.stores.held_results import HeldUnavailable
from submissions.host.extras import need
from submissions.service.pages.forms import sentence_of
from submissions.service.problems import Problem
from submissions.service.rates import RateLimits
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.web.guards import Guards
from submissions.service.web.showing import show_problems, shown

_LOG = logging.getLogger(__name__)


def create_console(settings: ServiceSettings, store: Store, desk: Desk) -> FastAPI:
    """Build the application; size, origin, headers and rates are guarded as in the service."""
    app = FastAPI(
        title=settings.title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.store = store
    app.state.desk = desk
    app.state.limits = RateLimits(settings.rates)
    app.state.render_problem = pages.render_problem
    app.add_middleware(Guards, settings=settings)
    show_problems(app)
    _tell_refusals(app)
    app.include_router(pages.router)
    if settings.provider is not None:
        need("oidc", "sign-in by a provider")
        from submissions.service.oidc import provider

        app.state.sign_ins = provider.SignIns(settings.provider)
        app.include_router(provider.router)
    return app


def _tell_refusals(app: FastAPI) -> None:
    @app.exception_handler(ReviewError)
    async def refused(request: Request, error: ReviewError) -> Response:
        sentence = sentence_of(str(error))
        if isinstance(error, OwnResult):
            problem = Problem(403, "Your own team's", sentence, type="own-result")
        elif isinstance(error, NotHeld):
            problem = Problem(404, "Not held", sentence, type="not-held")
        elif isinstance(error, Changed):
            problem = Problem(409, "Changed", sentence, type="changed")
        else:
            problem = Problem(403, "Not allowed", sentence, type="not-allowed")
        return shown(request, problem)

    @app.exception_handler(HeldUnavailable)
    async def silent(request: Request, error: HeldUnavailable) -> Response:
        _LOG.error("%s %s: %s", request.method, request.url.path, error)
        sentence = (
            "The held results cannot be read now; start `sequestra run`, which puts the enclave in "
            "order, or see the console's log."
        )
        return shown(request, Problem(503, "Not ready", sentence, type="not-ready"))
