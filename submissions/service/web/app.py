"""Builds the web application: collaborators, guards, routers, the site below all.

Collaborators lie on ``app.state``: store, ledger, drop, offered (by name), settings, limits,
report, practice_archives. Paths: ``/api/v1`` is JSON; team pages are the pages room's; what is
left belongs to ``site``, the boards and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI
from starlette.types import ASGIApp

from submissions.drop import Drop
from submissions.host.extras import need
from submissions.ledger.ledger import Ledger, PublishedRelease
from submissions.service import pages
from submissions.service.api import api
from submissions.service.api.documents import ProblemShown
from submissions.service.offered import Offered
from submissions.service.practice_archives import PracticeArchives
from submissions.service.rates import RateLimits
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.uploads import routes
from submissions.service.web.guards import Guards
from submissions.service.web.showing import show_problems

Report = Callable[[PublishedRelease], str]
"""Makes the report of a release, one HTML file; its room lies above this package."""


def create_service(
    settings: ServiceSettings,
    store: Store,
    ledger: Ledger,
    drop: Drop,
    offered: Sequence[Offered] | Mapping[str, Offered],
    *,
    report: Report,
    site: ASGIApp | None = None,
) -> FastAPI:
    """Build the service; ``site`` answers every path that no router has.

    ``offered`` by name may change while the service runs; it is asked at each request.
    """
    app = FastAPI(
        title=settings.title,
        version="1",
        description="Teams sign up, send images and follow their submissions.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.store = store
    app.state.ledger = ledger
    app.state.drop = drop
    app.state.offered = (
        offered
        if isinstance(offered, Mapping)
        else {benchmark.name: benchmark for benchmark in offered}
    )
    app.state.report = report
    app.state.practice_archives = PracticeArchives()
    app.state.limits = RateLimits(settings.rates)
    app.add_middleware(Guards, settings=settings)
    show_problems(app)
    for router in (api.router, routes.router, pages.router):
        app.include_router(router)
    app.state.render_problem = pages.render_problem
    if settings.provider is not None:
        need("oidc", "sign-in by a provider")
        from submissions.service.oidc import provider

        app.state.sign_ins = provider.SignIns(settings.provider)
        app.include_router(provider.router)
    if site is not None:
        app.router.default = site  # a mount at / would hide a 405 of the routers
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Name the schema of problems in OpenAPI once."""
    plain = app.openapi

    def described() -> dict[str, object]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemShown"] = ProblemShown.model_json_schema()
        return document

    app.openapi = described  # type: ignore[method-assign]
