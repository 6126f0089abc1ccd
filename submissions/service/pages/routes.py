"""All pages of a team in one router, their static files, and how a problem is shown."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from submissions.design.stylesheet import STYLESHEET
from submissions.service.pages import (
    benchmarks,
    entering,
    own_submissions,
    passwords,
    people,
    plain_upload,
    signing,
    tokens,
)
from submissions.service.pages.shown import HEADERS, HOME, SIGN_IN, STATIC, go_to, page
from submissions.service.problems import Problem, not_found

_FILES = {"style.css": (STYLESHEET, "text/css")} | {
    path.name: (path, "text/css" if path.suffix == ".css" else "text/javascript")
    for path in STATIC.iterdir()
}

router = APIRouter(prefix=HOME, include_in_schema=False)
_ROOMS = (signing, passwords, benchmarks, entering, plain_upload, own_submissions, tokens, people)
for _pages in _ROOMS:
    router.include_router(_pages.router)


@router.get("")
@router.get("/")
def first(request: Request) -> Response:
    """The first page: own submissions for a person, sign-in for anybody else."""
    return go_to(f"{HOME}/submissions")


@router.get("/static/{name}")
def static(name: str) -> FileResponse:
    """A stylesheet or a script."""
    if name not in _FILES:
        raise not_found("file")
    path, media_type = _FILES[name]
    kept = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(path, media_type=media_type, headers={**HEADERS, **kept})


def render_problem(request: Request, problem: Problem) -> Response:
    """A problem as a page; before a page of a team come the sign-in and the agreement."""
    before = {"not-signed-in": SIGN_IN, "agreement-missing": f"{HOME}/agreement"}.get(problem.type)
    if before and request.method == "GET" and request.url.path.startswith(f"{HOME}/"):
        query = f"?{request.url.query}" if request.url.query else ""
        return go_to(f"{before}?next={quote(request.url.path + query, safe='')}")
    return page(
        request,
        "problem.html",
        status=problem.status,
        headers=problem.headers,
        problem=problem,
    )
