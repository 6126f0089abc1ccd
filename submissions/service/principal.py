"""The person who makes a request, by API token or session: roles, teams, scopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from submissions.service.problems import Problem, forbidden, not_found, unauthorized
from submissions.service.rates import RateLimits, keys_of_token, peer_key
from submissions.service.settings import COOKIE as COOKIE
from submissions.service.settings import ServiceSettings

if TYPE_CHECKING:
    from submissions.service.store import Store


class Role(StrEnum):
    """What a person is to the installation."""

    SUBMITTER = "submitter"
    REVIEWER = "reviewer"
    STEWARD = "steward"


class Scope(StrEnum):
    """What a token may be used for; a browser session has all scopes."""

    READ = "read"
    SUBMIT = "submit"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Membership:
    """One of a person's teams."""

    team_id: str
    team: str


@dataclass(frozen=True, slots=True)
class Principal:
    """The person behind a request.

    ``key`` names the token or session for rate limits. ``agreed``: the present participation
    agreement is accepted.
    """

    person_id: str
    name: str
    roles: frozenset[Role]
    teams: tuple[Membership, ...]
    scopes: frozenset[Scope]
    via: Literal["token", "session"]
    key: str = ""
    agreed: bool = True

    def of_team(self, team_id: str) -> Membership:
        """One of the person's teams by id; raise a 404 Problem for any other id."""
        for membership in self.teams:
            if membership.team_id == team_id:
                return membership
        raise not_found("team")

    def named_team(self, team: str) -> Membership:
        """One of the person's teams by id or name; raise a 404 Problem for any other."""
        for membership in self.teams:
            if team == membership.team_id or team.casefold() == membership.team.casefold():
                return membership
        raise not_found("team")

    def may_see(self, team: str) -> bool:
        """Whether submissions of a team, by name, are visible to this person."""
        if self.roles & {Role.REVIEWER, Role.STEWARD}:
            return True
        return any(team.casefold() == mine.team.casefold() for mine in self.teams)


_BEARER = HTTPBearer(
    scheme_name="token",
    bearerFormat="sqst_...",
    description="An API token; the cookie of a browser session does as well.",
    auto_error=False,
)
"""For OpenAPI alone: what the header says is looked at in ``_identified``."""


def signed_in(request: Request, _shown: Annotated[object, Security(_BEARER)] = None) -> Principal:
    """FastAPI dependency: who makes the request; raise a 401 Problem where nobody is signed in.

    An Authorization header decides alone: beside one the cookie is not looked at. The request
    counts for the rate limits of its token and its teams, except a HEAD; one that is refused
    counts for its address.
    """
    kept: Principal | None = getattr(request.state, "principal", None)
    if kept is not None:
        return kept
    limits: RateLimits = request.app.state.limits
    peer = peer_key(request.client.host if request.client else None)
    exempt = request.method == "HEAD"
    try:
        principal = _identified(request)
    except Problem:
        if not exempt:
            limits.hit((limits.rates.refused_peer, f"refused {peer}"))
        raise
    if not exempt:
        teams = [membership.team_id for membership in principal.teams]
        left = limits.hit(*keys_of_token(limits.rates, principal.key, teams))
        request.state.rate_headers = left.headers()
    request.state.principal = principal
    return principal


def _identified(request: Request) -> Principal:
    store: Store = request.app.state.store
    settings: ServiceSettings = request.app.state.settings
    agreement = settings.agreement.version
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        principal = (
            store.tokens.principal(secret.strip(), agreement)
            if scheme.lower() == "bearer"
            else None
        )
        if principal is None:
            raise unauthorized(
                "The token is unknown, expired or revoked; make a new one on your page of tokens "
                "and send it as 'Authorization: Bearer sqst_...'."
            )
        return principal
    cookie = request.cookies.get(settings.cookie)
    principal = store.sessions.principal(cookie, agreement) if cookie else None
    if principal is None:
        raise unauthorized(
            "Nobody is signed in; sign in with a browser, or send an API token as "
            "'Authorization: Bearer sqst_...'."
        )
    return principal


SignedIn = Annotated[Principal, Depends(signed_in)]


def require(scope: Scope) -> Callable[[Principal], Principal]:
    """FastAPI dependency: a signed-in person whose token has ``scope``; else a 401 or 403 Problem.

    To submit, the person must have accepted the present agreement and belong to a team.
    """

    def allowed(principal: SignedIn) -> Principal:
        if scope not in principal.scopes:
            raise forbidden(
                f"This token may {', '.join(sorted(principal.scopes)) or 'do nothing'}; the "
                f"request needs the scope {scope.value!r}: make a token that has it.",
                type="scope-missing",
            )
        if scope is Scope.SUBMIT and not principal.teams:
            raise forbidden(
                "You belong to no approved team; ask for one, and a steward decides.",
                type="no-team",
            )
        if scope is Scope.SUBMIT and not principal.agreed:
            raise forbidden(
                "The participation agreement is not accepted yet; read it at /api/v1/agreement "
                "or on its page, and accept it.",
                type="agreement-missing",
            )
        return principal

    return allowed


def signed_in_or_none(request: Request) -> Principal | None:
    """FastAPI dependency for pages: who is signed in, or None."""
    if not {"authorization", "cookie"} & set(request.headers):
        return None
    try:
        return signed_in(request)
    except Problem as problem:
        if problem.status != 401:
            raise
        return None


def counted_peer(request: Request) -> None:
    """FastAPI dependency of routes for anyone: the request counts for its address."""
    limits: RateLimits = request.app.state.limits
    peer = peer_key(request.client.host if request.client else None)
    request.state.rate_headers = limits.hit((limits.rates.peer, f"peer {peer}")).headers()
