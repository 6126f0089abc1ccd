"""The console's pages: sign in, held results, one result with its vote, decisions."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

from evaluator.console.desk import Desk, HeldResult
from evaluator.console.reviewers import NotAReviewer, Reviewer, reviewer
from evaluator.console.shown import (
    FILES,
    HEADERS,
    HOME,
    PREVIEW_HEADERS,
    SIGN_IN,
    go_to,
    page,
)
from submissions.ledger.ledger import LedgerError
from submissions.ledger.voting.votes import Choice
from submissions.service import sessions
from submissions.service.credentials.passwords import LONGEST
from submissions.service.pages.forms import Form, missing, posted, sentence_of
from submissions.service.principal import SignedIn, signed_in_or_none
from submissions.service.problems import Problem, forbidden, not_found
from submissions.service.signing_in import sign_in_with_password

router = APIRouter(include_in_schema=False)
Posted = Annotated[Form, Depends(posted)]

_INSIDE = re.compile(rf"{HOME}/held/[\w-]+|{HOME}/decisions", re.ASCII)
CHOICES = (
    (Choice.RELEASE.value, "Release: the team and the board get the result as shown here"),
    (Choice.REFUSE.value, "Refuse: it is never released, and the team reads the reason"),
    (Choice.ASK_AGAIN.value, "Ask again: the team reads the question, and the result stays held"),
)


def at_desk(request: Request) -> Desk:
    """FastAPI dependency: the desk of this process."""
    desk: Desk = request.app.state.desk
    return desk


def signed_in_reviewer(principal: SignedIn) -> Reviewer:
    """FastAPI dependency: the reviewer behind a browser's session; a 403 Problem for all others."""
    if principal.via != "session":
        raise forbidden("An API token opens no page of the console; sign in with a browser.")
    try:
        return reviewer(principal.person_id, principal.name, principal.roles)
    except NotAReviewer as error:
        raise forbidden(sentence_of(str(error)), type="no-reviewer") from error


TheDesk = Annotated[Desk, Depends(at_desk)]
Signed = Annotated[Reviewer, Depends(signed_in_reviewer)]


@router.get("/")
def root() -> Response:
    """The address alone leads to the list."""
    return go_to(HOME)


@router.get("/healthz")
def healthz() -> Response:
    """Says that the process answers."""
    return PlainTextResponse("ok")


@router.get(HOME)
def held(request: Request, desk: TheDesk, signed: Signed) -> Response:
    """The held results, the oldest first."""
    return page(request, "held.html", reviewer=signed, results=desk.waiting(signed))


@router.get(f"{HOME}/held/{{submission_id}}")
def result(request: Request, submission_id: str, desk: TheDesk, signed: Signed) -> Response:
    """One held result: preview, difference, what is withheld and why, looks, the vote."""
    return _result(request, desk.look(signed, submission_id), signed, Form(), 200)


@router.get(f"{HOME}/held/{{submission_id}}/report")
def report(submission_id: str, desk: TheDesk, signed: Signed) -> Response:
    """The report as the submitter will see it."""
    return HTMLResponse(desk.report(signed, submission_id), headers=PREVIEW_HEADERS)


@router.post(f"{HOME}/held/{{submission_id}}")
def vote(
    request: Request, submission_id: str, desk: TheDesk, signed: Signed, form: Posted
) -> Response:
    """Cast a vote, then show the result with it; a mistake is shown beside its field."""
    mistakes = {}
    choice = form.value("choice")
    if choice not in {each.value for each in Choice}:
        mistakes["choice"] = "No vote is chosen; choose one of the three."
    elif choice != Choice.RELEASE.value and not form.value("reason").strip():
        mistakes["reason"] = "The reason is empty; the team reads it, so give one."
    if not mistakes:
        try:
            desk.vote(
                signed, submission_id, Choice(choice), form.value("reason"), form.value("document")
            )
        except LedgerError as error:
            mistakes[""] = sentence_of(str(error))
    if mistakes:
        shown = desk.look(signed, submission_id)
        return _result(request, shown, signed, form.with_mistakes(mistakes), 422)
    return go_to(f"{HOME}/held/{quote(submission_id)}")


@router.get(f"{HOME}/decisions")
def decisions(request: Request, desk: TheDesk, signed: Signed) -> Response:
    """What was decided, the newest first."""
    return page(request, "decisions.html", reviewer=signed, decided=desk.decisions(signed))


@router.get(SIGN_IN)
def ask_sign_in(request: Request, next: str = "") -> Response:
    """The form of signing in."""
    return _sign_in_page(request, Form({"next": inside(next)}), 200)


@router.post(SIGN_IN)
def sign_in(request: Request, form: Posted) -> Response:
    """Sign in by e-mail address and password, as a reviewer or a steward."""
    state = request.app.state
    mistakes = missing(form, {"email": "The e-mail address", "password": "The password"})
    if mistakes:
        return _sign_in_page(request, form.with_mistakes(mistakes), 422)
    email, password = form.value("email")[:254], form.value("password")[:LONGEST]
    try:
        person_id = sign_in_with_password(request, email, password)
        person = state.store.people.person(person_id)
        reviewer(person_id, person.name, person.roles)
    except Problem as problem:
        mistakes = {"password": problem.detail}
        return _sign_in_page(request, form.with_mistakes(mistakes), problem.status)
    except NotAReviewer as error:
        mistakes = {"": sentence_of(str(error))}
        return _sign_in_page(request, form.with_mistakes(mistakes), 403)
    answer = go_to(inside(form.value("next")))
    sessions.give(answer, state.store, person_id, state.settings)
    return answer


@router.post(f"{HOME}/sign-out")
def sign_out(request: Request) -> Response:
    """End the session here and in the store."""
    answer = go_to(SIGN_IN)
    sessions.take_away(request, answer, request.app.state.store)
    return answer


@router.get(f"{HOME}/static/{{name}}")
def static(name: str) -> FileResponse:
    """A stylesheet."""
    if name not in FILES:
        raise not_found("file")
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(FILES[name], media_type="text/css", headers={**HEADERS, **headers})


def inside(path: str) -> str:
    """A page of the console to go on to; the list for any other address."""
    return path if _INSIDE.fullmatch(path) else HOME


def render_problem(request: Request, problem: Problem) -> Response:
    """A problem as a page; before a page of the console comes the sign-in."""
    path = request.url.path
    if problem.type == "not-signed-in" and request.method == "GET" and path.startswith(HOME):
        return go_to(f"{SIGN_IN}?next={quote(path, safe='')}")
    signed = None
    if problem.type != "not-signed-in" and (known := signed_in_or_none(request)) is not None:
        signed = Reviewer(known.person_id, known.name)
    return page(
        request,
        "console_problem.html",
        reviewer=signed,
        status=problem.status,
        headers=problem.headers,
        problem=problem,
    )


def _result(
    request: Request, shown: HeldResult, signed: Reviewer, form: Form, status: int
) -> Response:
    return page(
        request,
        "result.html",
        reviewer=signed,
        status=status,
        shown=shown,
        verdict=shown.verdict,
        told=shown.told,
        form=form,
        choices=[each for each in CHOICES if not shown.told or each[0] != Choice.ASK_AGAIN.value],
    )


def _sign_in_page(request: Request, form: Form, status: int) -> Response:
    provider = request.app.state.settings.provider
    title = provider.title if provider else ""
    return page(request, "console_sign_in.html", status=status, form=form, provider=title)
