"""Pages before a person is in: sign in, ask for an account, accept the agreement, sign out."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from markdown_it import MarkdownIt
from markupsafe import Markup
from pydantic import ValidationError

from submissions.service import agreements, sessions
from submissions.service.api import signing_in
from submissions.service.credentials.passwords import LONGEST, SHORTEST
from submissions.service.pages.forms import Form, missing, posted, sentences
from submissions.service.pages.shown import HOME, SIGN_IN, go_to, page
from submissions.service.principal import SignedIn
from submissions.service.problems import Problem
from submissions.service.signing_in import sign_in_with_password

router = APIRouter()
Posted = Annotated[Form, Depends(posted)]

_INSIDE = re.compile(rf"{HOME}/[\w./?=&%+-]*", re.ASCII)
_ASKED = {
    "name": "Your name",
    "email": "The e-mail address",
    "password": "The password",
    "team": "The team's name",
    "affiliation": "The institution",
    "purpose": "The purpose",
}


def inside(path: str) -> str:
    """A page of a team to go on to; the first page for any other address."""
    return path if _INSIDE.fullmatch(path) and ".." not in path else HOME


@router.get("/sign-in")
def ask_sign_in(request: Request, next: str = "") -> Response:
    """The form of signing in."""
    return _sign_in_page(request, Form({"next": inside(next)}), 200)


@router.post("/sign-in")
def sign_in(request: Request, form: Posted) -> Response:
    """Sign in by e-mail address and password, and go on to the page that was asked for."""
    state = request.app.state
    mistakes = missing(form, {"email": "The e-mail address", "password": "The password"})
    if mistakes:
        return _sign_in_page(request, form.with_mistakes(mistakes), 422)
    email, password = form.value("email")[:254], form.value("password")[:LONGEST]
    try:
        person_id = sign_in_with_password(request, email, password)
    except Problem as problem:
        mistakes = {"password": problem.detail}
        return _sign_in_page(request, form.with_mistakes(mistakes), problem.status)
    answer = go_to(inside(form.value("next")))
    sessions.give(answer, state.store, person_id, state.settings)
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session here and in the store."""
    answer = go_to(SIGN_IN)
    sessions.take_away(request, answer, request.app.state.store)
    return answer


@router.get("/sign-up")
def ask_sign_up(request: Request) -> Response:
    """The form of a request for an account."""
    return page(request, "sign_up.html", form=Form(), shortest=SHORTEST)


@router.post("/sign-up")
def sign_up(request: Request, form: Posted) -> Response:
    """Keep a request for an account and a team; a steward decides."""
    try:
        sent = signing_in.RequestSent(**{name: form.value(name) for name in _ASKED})
        taken = signing_in.request_account(request, sent)
    except ValidationError as error:
        mistakes, status = sentences(error, _ASKED), 422
    except Problem as problem:
        mistakes, status = {"": problem.detail}, problem.status
    else:
        return page(request, "sign_up_sent.html", status=202, detail=taken.detail)
    form = form.with_mistakes(mistakes)
    return page(request, "sign_up.html", status=status, form=form, shortest=SHORTEST)


@router.get("/agreement")
def agreement(request: Request, principal: SignedIn, next: str = "") -> Response:
    """The participation agreement, with a button to accept it."""
    return _agreement_page(request, Form({"next": inside(next)}), 200)


@router.post("/agreement")
def accept(request: Request, form: Posted, principal: SignedIn) -> Response:
    """Record that the person accepts the version that was shown."""
    if not form.value("accept"):
        mistakes = {"accept": "The box is empty; tick it if you accept the agreement."}
        return _agreement_page(request, form.with_mistakes(mistakes), 422)
    try:
        agreements.accept(request, principal, form.value("version"))
    except Problem as problem:
        mistakes = {"accept": problem.detail}
        return _agreement_page(request, form.with_mistakes(mistakes), problem.status)
    return go_to(inside(form.value("next")))


def _sign_in_page(request: Request, form: Form, status: int) -> Response:
    provider = request.app.state.settings.provider
    title = provider.title if provider else ""
    return page(request, "sign_in.html", status=status, form=form, provider=title)


def _agreement_page(request: Request, form: Form, status: int) -> Response:
    present = request.app.state.settings.agreement
    # Raw HTML stays text, and links lead to the web or by mail alone.
    text = Markup(MarkdownIt("js-default").render(present.text))
    return page(
        request, "agreement.html", status=status, form=form, text=text, version=present.version
    )
