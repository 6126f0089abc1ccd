"""Pages before a person is in: sign in, ask for an account, accept the agreement, sign out."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from submissions.service import sessions
from submissions.service.api import account
from submissions.service.pages.forms import Form, missing, posted
from submissions.service.pages.shown import HOME, SIGN_IN, go_to, page
from submissions.service.problems import Problem

router = APIRouter()
Posted = Annotated[Form, Depends(posted)]

_INSIDE = re.compile(rf"{HOME}/[\w./?=&%+-]*", re.ASCII)


def inside(path: str) -> str:
    """A page of a team to go on to; the first page for any other address."""
    return path if _INSIDE.fullmatch(path) and ".." not in path else HOME


@router.get("/sign-in")
def ask_sign_in(request: Request, next: str = "") -> Response:
    """The form of signing in."""
    return page(
        request, "sign_in.html", form=Form({"next": inside(next)}), provider=_title(request)
    )


@router.post("/sign-in")
def sign_in(request: Request, form: Posted) -> Response:
    """Sign in by e-mail address and password, and go on to the page that was asked for."""
    mistakes = missing(form, {"email": "The e-mail address", "password": "The password"})
    answer = go_to(inside(form.value("next")))
    if not mistakes:
        given = account.Credentials.model_construct(
            email=form.value("email")[:254], password=form.value("password")[:200]
        )
        try:
            account.sign_in(request, answer, given)
        except Problem as problem:
            mistakes = {"password" if problem.status == 401 else "": problem.detail}
    if mistakes:
        return page(
            request,
            "sign_in.html",
            status=422,
            form=form.with_mistakes(mistakes),
            provider=_title(request),
        )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session here and in the store."""
    answer = go_to(SIGN_IN)
    sessions.take_away(request, answer, request.app.state.store)
    return answer


def _title(request: Request) -> str:
    """What the provider of a sign-in elsewhere is called; empty where none is set up."""
    provider = request.app.state.settings.provider
    return provider.title if provider else ""
