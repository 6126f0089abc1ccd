"""The cookie of a browser session: given at sign-in, taken away and ended at sign-out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from submissions.service.settings import ServiceSettings
from submissions.service.store import Store


def give(response: Response, store: Store, person_id: str, settings: ServiceSettings) -> None:
    """Open a session for a person and set its cookie."""
    secret = store.sessions.open(person_id, settings.session_days)
    response.set_cookie(
        settings.cookie,
        secret,
        max_age=settings.session_days * 86_400,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def take_away(request: Request, response: Response, store: Store) -> None:
    """End the session of a request in the store and remove its cookie."""
    settings: ServiceSettings = request.app.state.settings
    if secret := request.cookies.get(settings.cookie):
        store.sessions.end(secret)
    response.delete_cookie(settings.cookie, path="/", secure=True, httponly=True, samesite="lax")
