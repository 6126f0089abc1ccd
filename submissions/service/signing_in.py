"""Signing up and signing in by password, for the JSON routes and the pages alike."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from submissions.service.problems import Problem, unauthorized
from submissions.service.rates import RateLimits, peer_key
from submissions.service.requests import TooManyRequests, UnfitRequest, sign_up
from submissions.service.store import Store


def ask(request: Request, members: Mapping[str, str]) -> None:
    """Keep a request for an account, with the members that ``sign_up`` names.

    Raises a 422 Problem for an unfit text, 429 where too many come.
    """
    limits: RateLimits = request.app.state.limits
    rest = limits.hit((limits.rates.requests_peer, f"asks {peer_of(request)}"))
    request.state.rate_headers = rest.headers()
    store: Store = request.app.state.store
    try:
        store.requests.ask(sign_up(**members))
    except UnfitRequest as error:
        raise Problem(422, "Not valid", f"{error}.", type="not-valid") from error
    except TooManyRequests as error:
        raise Problem(
            429,
            "Too many requests wait",
            f"{error}.",
            type="requests-full",
            headers={"Retry-After": "86400"},
        ) from error


def sign_in_with_password(request: Request, email: str, password: str) -> str:
    """The id of the person; raise a 401 Problem, or 429 after too many tries.

    Tries count for the account that is named and for the address that asks.
    """
    limits: RateLimits = request.app.state.limits
    rest = limits.hit(
        (limits.rates.sign_in_peer, f"sign-in of {peer_of(request)}"),
        (limits.rates.sign_in_account, f"sign-in as {email.strip().lower()}"),
    )
    request.state.rate_headers = rest.headers()
    store: Store = request.app.state.store
    person_id = store.people.with_password(email, password)
    if person_id is None:
        raise unauthorized(
            "E-mail address and password do not belong together, or no steward has approved the "
            "account yet; try again, or ask the steward."
        )
    return person_id


def peer_of(request: Request) -> str:
    """By what the address that asks is counted."""
    return peer_key(request.client.host if request.client else None)
