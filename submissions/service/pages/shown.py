"""Renders the pages of a team: templates, filters, headers, what every page is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment
from markupsafe import Markup, escape

from submissions.design.dates import day, moment
from submissions.design.stylesheet import STYLESHEET
from submissions.design.templating import templates, version_of
from submissions.service.pages.forms import Form
from submissions.service.principal import signed_in_or_none

HERE = Path(__file__).parent
STATIC = HERE / "static"
HOME = "/team"
SIGN_IN = f"{HOME}/sign-in"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Pages of a person are kept by no cache; scripts and styles come from files of this server."""


@cache
def environment() -> Environment:
    """Templates with escaping on and undefined names refused."""
    made = templates(HERE / "templates")
    made.filters |= {"day": day, "moment": moment, "size": size, "with_code": with_code}
    made.globals |= {"version": static_version(), "home": HOME, "empty_form": Form()}
    return made


@cache
def static_version() -> str:
    """Changes when a static file does, so that a cached one is never shown with a new page."""
    return version_of([STYLESHEET, *sorted(STATIC.iterdir())])


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """Render a template for the person who asks."""
    text = (
        environment()
        .get_template(template)
        .render(
            request_path=request.url.path,
            principal=signed_in_or_none(request),
            service=request.app.state.settings.title,
            **context,
        )
    )
    return HTMLResponse(text, status, {**HEADERS, **(headers or {})})


def go_to(path: str) -> RedirectResponse:
    """Send a browser on, so that a reloaded page does not post its form a second time."""
    return RedirectResponse(path, 303, HEADERS)


def with_code(text: str) -> Markup:
    """A sentence in which text between backticks is a command or a name."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def seconds(number: float) -> str:
    """A duration in the largest unit that says it in whole or half numbers well."""
    for unit, long in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if number >= 2 * long:
            return f"{number / long:.3g} {unit}s"
    return f"{number:.3g} {'second' if number == 1 else 'seconds'}"


def size(number_of_bytes: float) -> str:
    """A size in decimal units."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number_of_bytes < 1000 or unit == "GB":
            break
        number_of_bytes /= 1000
    return f"{number_of_bytes:.3g} {unit}"
