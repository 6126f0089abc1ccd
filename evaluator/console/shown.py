"""Renders the console's pages: templates, headers, what every page is given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from evaluator.console.reviewers import Reviewer
from submissions.design.dates import day, moment
from submissions.design.stylesheet import STYLESHEET
from submissions.design.templating import templates, version_of
from submissions.service.pages import shown as team_pages
from submissions.service.pages.forms import Form, sentence_of

HERE = Path(__file__).parent
HOME = "/console"
SIGN_IN = f"{HOME}/sign-in"
FILES = {
    "style.css": STYLESHEET,
    "team.css": team_pages.STATIC / "team.css",
    "console.css": HERE / "static" / "console.css",
}
HEADERS = {
    **team_pages.HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""Pages of the console run no script, and are kept by no cache."""

PREVIEW_HEADERS = {
    **team_pages.HEADERS,
    # The report as a file of its own: what is in it runs apart from the console and its cookie.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


@cache
def environment() -> Environment:
    """The console's templates, and those of the team pages for the fields of forms."""
    jinja = templates(HERE / "templates", team_pages.HERE / "templates")
    jinja.filters |= {
        "day": day,
        "moment": moment,
        "with_code": team_pages.with_code,
        "sentence": sentence_of,
    }
    version = version_of(FILES.values())
    jinja.globals |= {"version": version, "home": HOME, "empty_form": Form()}
    return jinja


def page(
    request: Request,
    template: str,
    *,
    reviewer: Reviewer | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """Render a template for a reviewer, or for somebody who is not signed in."""
    text = (
        environment()
        .get_template(template)
        .render(request_path=request.url.path, reviewer=reviewer, **context)
    )
    return HTMLResponse(text, status, {**HEADERS, **(headers or {})})


def go_to(path: str) -> RedirectResponse:
    """Send a browser on, so that a reloaded page does not post its form a second time."""
    return RedirectResponse(path, 303, HEADERS)
