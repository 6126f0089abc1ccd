"""Pages for who forgot a password: ask for a link by mail, and set a new one with a link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from submissions.service.credentials.passwords import LONGEST, SHORTEST
from submissions.service.pages.forms import Form, missing, posted
from submissions.service.pages.shown import page
from submissions.service.problems import Problem
from submissions.service.rates import RateLimits
from submissions.service.resets.asking import Asking
from submissions.service.resets.links import EVENT, Links
from submissions.service.signing_in import peer_of

router = APIRouter(prefix="/password")
Posted = Annotated[Form, Depends(posted)]


@router.get("")
def ask(request: Request) -> Response:
    """The form that asks for a link."""
    return _ask_page(request, Form(), 200)


@router.post("")
def asked(request: Request, form: Posted) -> Response:
    """Send a link where the address is known; the answer is the same for every address."""
    mistakes = missing(form, {"email": "The e-mail address"})
    if mistakes:
        return _ask_page(request, form.with_mistakes(mistakes), 422)
    email = form.value("email")[:254].strip().lower()
    limits: RateLimits = request.app.state.limits
    try:
        limits.hit(
            (limits.rates.requests_peer, f"password of {peer_of(request)}"),
            (limits.rates.links_account, f"password as {email}"),
        )
    except Problem as problem:
        mistakes = {"email": problem.detail}
        return _ask_page(request, form.with_mistakes(mistakes), problem.status)
    _asking(request).ask(email)
    return page(request, "password_asked.html", status=202, email=email)


@router.get("/{secret}")
def ask_new(request: Request, secret: str) -> Response:
    """The form that sets a new password."""
    if not Links(request.app.state.store).is_open(secret):
        raise _ended()
    return _new_page(request, Form(), 200)


@router.post("/{secret}")
def set_new(request: Request, secret: str, form: Posted) -> Response:
    """Set the password; all sessions of the person end."""
    password, links = form.value("password"), Links(request.app.state.store)
    if not SHORTEST <= len(password) <= LONGEST:
        told = f"The password has {len(password)} characters; give {SHORTEST} to {LONGEST}."
        return _new_page(request, form.with_mistakes({"password": told}), 422)
    limits: RateLimits = request.app.state.limits
    limits.hit((limits.rates.sign_in_peer, f"sign-in of {peer_of(request)}"))
    person_id = links.use(secret, password) if links.is_open(secret) else None
    if person_id is None:
        raise _ended()
    request.app.state.ledger.record(EVENT, person_id, "")
    return page(request, "password_set.html")


def _ask_page(request: Request, form: Form, status: int) -> Response:
    mailed = _asking(request).configured
    return page(request, "password_ask.html", status=status, form=form, mailed=mailed)


def _new_page(request: Request, form: Form, status: int) -> Response:
    return page(request, "password_new.html", status=status, form=form, shortest=SHORTEST)


def _asking(request: Request) -> Asking:
    """The one that sends links; a service that was told of no mail server sends none."""
    state = request.app.state
    if not hasattr(state, "asking"):
        state.asking = Asking(state.store, state.settings.base_url, None)
    asking: Asking = state.asking
    return asking


def _ended() -> Problem:
    return Problem(
        404,
        "Link ended",
        "This link was used, has ended or is not whole; ask for another one.",
        type="link-ended",
    )
