"""Routes before and at the sign-in: requests for an account, the agreement, sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from submissions.service import agreements, sessions
from submissions.service.api.documents import Email, Line, LongLine, Paragraph, Strict, problems
from submissions.service.credentials.passwords import LONGEST, SHORTEST
from submissions.service.principal import Principal, Scope, require, signed_in
from submissions.service.signing_in import ask, sign_in_with_password

router = APIRouter(tags=["sign-in"])


class RequestSent(Strict):
    """A request for an account in a team."""

    name: Line = Field(examples=["Ada Lovelace"])
    email: Email
    password: str = Field(
        min_length=SHORTEST, max_length=LONGEST, examples=["four words or some such"]
    )
    team: Line = Field(examples=["Radiology North"])
    affiliation: LongLine = Field(examples=["Hospital North, London"])
    purpose: Paragraph = Field(examples=["We test a detector of pneumothorax."])


class RequestTaken(Strict):
    """What happens next."""

    detail: str


class AgreementShown(Strict):
    """The participation agreement; ``accepted`` by the person who asks."""

    version: str
    text: str
    accepted: bool


class AgreementAccepted(Strict):
    """The version that the person read."""

    version: str = Field(min_length=1, max_length=64, examples=["3b1f0c9a5d7e2468"])


class Credentials(Strict):
    """E-mail address and password."""

    email: str = Field(max_length=254, examples=["ada@hospital.org"])
    password: str = Field(max_length=LONGEST, examples=["four words or some such"])


@router.post("/requests", status_code=202, responses=problems())
def request_account(request: Request, sent: RequestSent) -> RequestTaken:
    """Ask for an account and a team; a steward decides.

    The answer is the same whether or not the e-mail address is known.
    """
    members = ("name", "email", "team", "affiliation", "purpose", "password")
    ask(request, {name: getattr(sent, name) for name in members})
    return RequestTaken(
        detail="A steward reads the request and decides; sign in once it is approved."
    )


@router.get("/agreement", responses=problems())
def agreement(
    request: Request, principal: Annotated[Principal, Depends(require(Scope.READ))]
) -> AgreementShown:
    """Show the participation agreement."""
    present = request.app.state.settings.agreement
    return AgreementShown(version=present.version, text=present.text, accepted=principal.agreed)


@router.post("/agreement", responses=problems(409))
def accept_agreement(
    request: Request,
    sent: AgreementAccepted,
    principal: Annotated[Principal, Depends(signed_in)],
) -> AgreementShown:
    """Accept the agreement; the audit chain records it under the person's opaque id."""
    present = agreements.accept(request, principal, sent.version)
    return AgreementShown(version=present.version, text=present.text, accepted=True)


@router.post("/sessions", status_code=204, responses=problems())
def sign_in(request: Request, credentials: Credentials) -> Response:
    """Sign a browser in; the answer sets the session's cookie."""
    person_id = sign_in_with_password(request, credentials.email, credentials.password)
    response = Response(status_code=204)
    sessions.give(response, request.app.state.store, person_id, request.app.state.settings)
    return response


@router.delete("/sessions/current", status_code=204, responses=problems())
def sign_out(request: Request, principal: Annotated[Principal, Depends(signed_in)]) -> Response:
    """End the session of this browser, on the server too; a token stays valid."""
    response = Response(status_code=204)
    sessions.take_away(request, response, request.app.state.store)
    return response
