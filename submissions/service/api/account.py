"""Routes of the person who is signed in: who I am, sign in, sign out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from submissions.service import sessions
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import unauthorized

router = APIRouter()


class Strict(BaseModel):
    """A document with known members alone."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TeamShown(Strict):
    """A team of the person."""

    team_id: str
    team: str


class Me(Strict):
    """The person behind the request."""

    person_id: str
    name: str
    roles: list[str]
    teams: list[TeamShown]
    scopes: list[str]
    agreed: bool


class Credentials(Strict):
    """E-mail address and password."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=200)


@router.get("/me")
def me(principal: Annotated[Principal, Depends(require(Scope.READ))]) -> Me:
    """The person, roles, teams and scopes."""
    return Me(
        person_id=principal.person_id,
        name=principal.name,
        roles=sorted(principal.roles),
        teams=[TeamShown(team_id=mine.team_id, team=mine.team) for mine in principal.teams],
        scopes=sorted(principal.scopes),
        agreed=principal.agreed,
    )


@router.post("/sessions", status_code=204)
def sign_in(request: Request, response: Response, credentials: Credentials) -> None:
    """Sign a browser in; the answer sets the session's cookie."""
    store = request.app.state.store
    person_id = store.people.with_password(credentials.email, credentials.password)
    if person_id is None:
        raise unauthorized(
            "E-mail address and password do not belong together, or no steward has approved the "
            "account yet; try again, or ask the steward."
        )
    sessions.give(response, store, person_id, request.app.state.settings)


@router.delete("/sessions/current", status_code=204)
def sign_out(request: Request, response: Response) -> None:
    """End the session of this browser, on the server too."""
    sessions.take_away(request, response, request.app.state.store)
