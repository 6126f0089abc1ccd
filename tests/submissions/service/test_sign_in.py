"""Signing in by token and by session, over HTTP."""

from __future__ import annotations

import httpx

from submissions.service.principal import COOKIE
from tests.support.service_running import PASSWORD, Running


def test_a_token_says_who_its_person_is(unchanged: Running) -> None:
    answer = httpx.get(f"{unchanged.url}/api/v1/me", headers=unchanged.ada.headers)
    assert answer.status_code == 200
    assert answer.json() == {
        "person_id": unchanged.ada.person_id,
        "name": "Ada",
        "roles": ["submitter"],
        "teams": [{"team_id": unchanged.ada.team_id, "team": "north"}],
        "scopes": ["read", "submit", "tokens"],
        "agreed": True,
    }


def test_nobody_without_a_token_is_somebody(unchanged: Running) -> None:
    answer = httpx.get(f"{unchanged.url}/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Not signed in"


def test_a_session_is_opened_by_password_and_ended_on_the_server(service: Running) -> None:
    with httpx.Client(base_url=f"{service.url}/api/v1") as client:
        form = {"email": " ADA@example.org", "password": PASSWORD}
        answer = client.post("/sessions", json=form)
        assert answer.status_code == 204, answer.text
        cookie = answer.headers["set-cookie"]
        for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert part in cookie
        assert cookie.startswith(f"{COOKIE}=")
        assert "Domain" not in cookie
        sent = {"Cookie": cookie.split(";")[0], "Origin": service.url}
        assert client.get("/me", headers=sent).json()["name"] == "Ada"
        assert client.delete("/sessions/current", headers=sent).status_code == 204
        assert client.get("/me", headers=sent).status_code == 401
