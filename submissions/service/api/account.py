"""Routes of the person who is signed in: who I am, and API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from submissions.service.api.documents import Line, Strict, problems
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import Problem, forbidden, not_found
from submissions.service.settings import ServiceSettings
from submissions.service.sign_ins import MOST_TOKENS, Token
from submissions.service.store import Store, StoreError

router = APIRouter(tags=["account"])

Reader = Annotated[Principal, Depends(require(Scope.READ))]
TokenId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
TokenKeeper = Annotated[Principal, Depends(require(Scope.TOKENS))]


class TeamShown(Strict):
    """A team of the person."""

    team_id: str
    team: str


class Me(Strict):
    """The person behind the request; ``agreed``: the present agreement is accepted."""

    person_id: str
    name: str
    roles: list[str]
    teams: list[TeamShown]
    scopes: list[str]
    agreed: bool


class TokenShown(Strict):
    """An API token without its secret; ``used`` is exact to the hour."""

    token_id: str
    name: str
    scopes: list[str]
    created: datetime
    expires: datetime
    revoked: datetime | None
    used: datetime | None


class Tokens(Strict):
    """A person's tokens, the newest first."""

    tokens: list[TokenShown]


class TokenAsked(Strict):
    """A new token: for what, which scopes, for how many days."""

    name: Line = Field(examples=["laptop"])
    scopes: list[str] = Field(
        min_length=1,
        max_length=3,
        examples=[["read", "submit"]],
        description="read, submit, tokens",
    )
    days: int | None = Field(default=None, ge=1, le=366, examples=[90])


class TokenMade(Strict):
    """The new token; ``secret`` is shown this once."""

    token: TokenShown
    secret: str


@router.get("/me", responses=problems())
def me(principal: Reader) -> Me:
    """Show the person, with roles, teams and scopes."""
    return Me(
        person_id=principal.person_id,
        name=principal.name,
        roles=sorted(principal.roles),
        teams=[TeamShown(team_id=mine.team_id, team=mine.team) for mine in principal.teams],
        scopes=sorted(principal.scopes),
        agreed=principal.agreed,
    )


@router.get("/tokens", responses=problems())
def tokens(request: Request, principal: TokenKeeper) -> Tokens:
    """List the person's tokens."""
    store: Store = request.app.state.store
    return Tokens(tokens=[_shown(token) for token in store.tokens.of(principal.person_id)])


@router.post("/tokens", status_code=201, responses=problems(409))
def new_token(request: Request, asked: TokenAsked, principal: TokenKeeper) -> TokenMade:
    """Make a token; its secret stands in this answer alone.

    A token cannot make one with scopes that it lacks.
    """
    settings: ServiceSettings = request.app.state.settings
    scopes = _scopes(asked.scopes)
    if beyond := sorted(scopes - principal.scopes):
        raise forbidden(
            f"This token lacks the scope {beyond[0]!r} and cannot give it; sign in with a browser "
            f"to make such a token.",
            type="scope-missing",
        )
    days = min(asked.days or settings.token_days, settings.most_token_days)
    store: Store = request.app.state.store
    try:
        token, secret = store.tokens.new(principal.person_id, asked.name, scopes, days)
    except StoreError as error:
        raise Problem(
            409,
            "Too many tokens",
            f"{MOST_TOKENS} tokens are valid, which is the most; revoke one that is not used.",
            type="too-many-tokens",
        ) from error
    return TokenMade(token=_shown(token), secret=secret)


@router.delete("/tokens/{token_id}", status_code=204, responses=problems())
def revoke_token(
    request: Request,
    token_id: TokenId,
    principal: TokenKeeper,
) -> Response:
    """Revoke a token; it is refused from this moment on."""
    store: Store = request.app.state.store
    try:
        store.tokens.revoke(token_id, principal.person_id)
    except StoreError as error:
        raise not_found("token") from error
    return Response(status_code=204)


def _scopes(names: list[str]) -> frozenset[Scope]:
    known = {scope.value for scope in Scope}
    if unknown := sorted(set(names) - known):
        raise Problem(
            422,
            "Not valid",
            f"body.scopes has {unknown[0][:40]!r}; give some of {', '.join(sorted(known))}.",
            type="not-valid",
        )
    return frozenset(Scope(name) for name in names)


def _shown(token: Token) -> TokenShown:
    return TokenShown(
        token_id=token.token_id,
        name=token.name,
        scopes=sorted(token.scopes),
        created=token.created,
        expires=token.expires,
        revoked=token.revoked,
        used=token.used,
    )
