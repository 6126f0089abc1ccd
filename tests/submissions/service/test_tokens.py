"""API tokens: shown once, kept as a digest, scoped, expiring, revocable, with a checksum."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import update

from submissions.service.credentials.secrets_sent import is_token, new_token
from submissions.service.database import now
from submissions.service.principal import Scope
from submissions.service.tables import TOKENS
from tests.support.service_running import Running


def test_a_token_s_secret_is_shown_once_and_kept_as_its_sha_256(service: Running) -> None:
    with service.client(service.ada) as client:
        asked = {"name": "laptop", "scopes": ["read"], "days": 5}
        answer = client.post("/api/v1/tokens", json=asked)
        assert answer.status_code == 201
        made = answer.json()
        secret = made["secret"]
        listed = client.get("/api/v1/tokens")
    assert secret not in listed.text
    assert made["token"] in listed.json()["tokens"]
    store = service.folder / "service" / "accounts.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        (kept,) = connection.execute(
            "SELECT fingerprint FROM tokens WHERE token_id = ?", (made["token"]["token_id"],)
        ).fetchone()
    assert kept == hashlib.sha256(secret.encode()).hexdigest()
    for file in store.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_the_form_of_a_token_is_known_to_scanners() -> None:
    secret = new_token()
    prefix, body, check = secret[:5], secret[5:-6], secret[-6:]
    assert prefix == "sqst_"
    assert len(body) == 32
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    number = 0
    for letter in check:
        number = number * 62 + digits.index(letter)
    assert number == zlib.crc32(body.encode())


def test_a_mistyped_token_is_known_without_the_store() -> None:
    secret = new_token()
    assert is_token(secret)
    for place in (5, 20, len(secret) - 1):
        other = "A" if secret[place] != "A" else "B"
        assert not is_token(secret[:place] + other + secret[place + 1 :])
    assert not is_token(secret + "\n")
    assert not is_token("sqst_")


def test_a_token_may_do_what_its_scopes_say(service: Running) -> None:
    _, secret = service.store.tokens.new(service.ada.person_id, "reads", [Scope.READ], 1)
    with service.client() as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        assert client.get("/api/v1/me").status_code == 200
        refused = client.get("/api/v1/tokens")
        assert (refused.status_code, refused.json()["type"]) == (403, "scope-missing")
        assert "needs the scope 'tokens'" in refused.json()["detail"]


def test_a_token_gives_no_scope_that_it_lacks(service: Running) -> None:
    _, secret = service.store.tokens.new(service.ada.person_id, "makes", [Scope.TOKENS], 1)
    with service.client() as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        wider = client.post("/api/v1/tokens", json={"name": "x", "scopes": ["submit"]})
        assert wider.status_code == 403
        same = client.post("/api/v1/tokens", json={"name": "x", "scopes": ["tokens"]})
        assert same.status_code == 201


def test_a_revoked_token_is_refused_at_once(service: Running) -> None:
    token, secret = service.store.tokens.new(service.ada.person_id, "gone", [Scope.READ], 1)
    with service.client(service.ada) as client:
        theirs = {"Authorization": f"Bearer {secret}"}
        assert client.get("/api/v1/me", headers=theirs).status_code == 200
        assert client.delete(f"/api/v1/tokens/{token.token_id}").status_code == 204
        assert client.get("/api/v1/me", headers=theirs).status_code == 401


def test_an_expired_token_is_refused(service: Running) -> None:
    token, secret = service.store.tokens.new(service.ada.person_id, "old", [Scope.READ], 1)
    with service.store.transaction() as connection:
        connection.execute(
            update(TOKENS)
            .where(TOKENS.c.token_id == token.token_id)
            .values(expires=now() - timedelta(seconds=1))
        )
    with service.client() as client:
        headers = {"Authorization": f"Bearer {secret}"}
        assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_person_revokes_own_tokens_alone(service: Running) -> None:
    token, _ = service.store.tokens.new(service.ben.person_id, "ben's", [Scope.READ], 1)
    with service.client(service.ada) as client:
        assert client.delete(f"/api/v1/tokens/{token.token_id}").status_code == 404
    assert [each.revoked for each in service.store.tokens.of(service.ben.person_id)] == [None, None]


def test_a_disabled_person_s_tokens_and_sessions_are_refused(service: Running) -> None:
    with service.browser(service.ada) as browser, service.client(service.ada) as client:
        assert browser.get("/api/v1/me").status_code == 200
        service.store.people.enable(service.ada.person_id, enabled=False)
        assert client.get("/api/v1/me").status_code == 401
        service.store.people.enable(service.ada.person_id, enabled=True)
        assert client.get("/api/v1/me").status_code == 200
        assert browser.get("/api/v1/me").status_code == 401  # it was ended, not suspended


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "", "scopes": ["read"]},
        {"name": "x\u200by", "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "days": 0},
        {"name": "x", "scopes": ["read"], "days": 4000},
        {"name": "x", "scopes": ["read"], "owner": "ben"},
    ],
)
def test_an_unfit_token_is_refused_in_one_sentence(
    unchanged: Running, document: dict[str, object]
) -> None:
    with unchanged.client(unchanged.ada) as client:
        answer = client.post("/api/v1/tokens", json=document)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert detail.endswith(".")
    assert "Traceback" not in detail


def test_a_person_has_at_most_fifty_valid_tokens(service: Running) -> None:
    for number in range(49):
        service.store.tokens.new(service.ada.person_id, f"token {number}", [Scope.READ], 1)
    with service.client(service.ada) as client:
        answer = client.post("/api/v1/tokens", json={"name": "one more", "scopes": ["read"]})
    assert (answer.status_code, answer.json()["type"]) == (409, "too-many-tokens")


def test_a_name_that_grows_beyond_its_column_is_refused(service: Running) -> None:
    asked = {"name": "\ufdfa" * 100, "scopes": ["read"]}  # 18 letters each once normalised
    with service.client(service.ada) as client:
        answer = client.post("/api/v1/tokens", json=asked)
    assert answer.status_code == 422, answer.text


def test_days_and_ids_without_sense_are_refused_on_the_page(service: Running) -> None:
    with service.browser(service.ada) as client:
        sent = {"name": "x", "read": "on", "days": "9" * 5000}
        assert client.post("/team/tokens", data=sent).status_code == 422
        assert client.post("/team/tokens/%00/revoke").status_code == 422
