"""People and teams: asked for, approved by a steward, sharing allowances, deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluator.commands import main
from submissions.service.principal import Scope
from submissions.service.requests import MOST_OPEN, TooManyRequests, UnfitRequest, sign_up
from submissions.service.store import Store, StoreError
from tests.support.service_running import ASKED, PASSWORD, Running


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """An empty store on SQLite and on PostgreSQL."""
    made = Store(database)
    yield made
    made.close()


def sign_in(service: Running, email: str) -> int:
    with service.client() as client:
        answer = client.post("/api/v1/sessions", json={"email": email, "password": PASSWORD})
    return answer.status_code


def test_a_request_lets_nobody_in_before_a_steward_approves(service: Running) -> None:
    with service.client() as client:
        answer = client.post("/api/v1/requests", json=ASKED)
    assert answer.status_code == 202
    assert sign_in(service, "cleo@example.org") == 401
    (request,) = service.store.requests.open()
    assert (request.email, request.team) == ("cleo@example.org", "East Imaging")
    approved = service.store.requests.approve(request.request_id)
    assert sign_in(service, "cleo@example.org") == 204
    (team,) = service.store.people.person(approved.person_id).teams
    assert team.team == "East Imaging"
    assert service.store.requests.open() == []


def test_a_refused_request_leaves_nothing_of_the_person(service: Running) -> None:
    with service.client() as client:
        client.post("/api/v1/requests", json=ASKED)
    (request,) = service.store.requests.open()
    service.store.requests.refuse(request.request_id)
    assert sign_in(service, "cleo@example.org") == 401
    store = service.folder / "service" / "accounts.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT name, email, password FROM requests").fetchall()
    assert rows == [("", "", None)]


def test_a_request_in_another_s_name_changes_no_password(service: Running) -> None:
    asked = {**ASKED, "email": service.ada.email, "password": "another long pass phrase"}
    with service.client() as client:
        same = client.post("/api/v1/requests", json=asked)
        new = client.post("/api/v1/requests", json=ASKED)
    assert (same.status_code, same.text) == (new.status_code, new.text)
    request = service.store.requests.open()[0]
    assert request.known_person == service.ada.person_id
    service.store.requests.approve(request.request_id)
    assert sign_in(service, service.ada.email) == 204
    teams = [team.team for team in service.store.people.person(service.ada.person_id).teams]
    assert teams == ["East Imaging", "north"]


def test_a_request_is_decided_once(store: Store) -> None:
    request_id = store.requests.ask(sign_up("A", "a@b.org", "t", "h", "p"))
    store.requests.approve(request_id)
    for decide in (store.requests.approve, store.requests.refuse):
        with pytest.raises(StoreError, match="no open request"):
            decide(request_id)


def test_tokens_and_sessions_end(store: Store) -> None:
    person = store.people.add_person("Ada", "ada@x.org", None)
    token, secret = store.tokens.new(person, "t", [Scope.READ], 1)
    session = store.sessions.open(person, 1)
    for found in (store.tokens.principal(secret, ""), store.sessions.principal(session, "")):
        assert found is not None
        assert found.person_id == person
    store.tokens.revoke(token.token_id)
    store.sessions.end(session)
    assert store.tokens.principal(secret, "") is None
    assert store.sessions.principal(session, "") is None


def test_open_requests_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_OPEN == 1000
    monkeypatch.setattr("submissions.service.requests.MOST_OPEN", 2)
    for name in ("a", "b"):
        store.requests.ask(sign_up(name, f"{name}@b.org", "t", "h", "p"))
    with pytest.raises(TooManyRequests, match="wait for a steward"):
        store.requests.ask(sign_up("c", "c@b.org", "t", "h", "p"))


@pytest.mark.parametrize(
    ("member", "text", "said"),
    [
        ("name", "Ada\u202eLove", "U+202E"),
        ("email", "ada", "is not an e-mail address"),
        ("email", "ada@example", "is not an e-mail address"),
        ("password", "short", "at least 12"),
        ("team", "\u2800", "invisible character"),
        ("purpose", "  ", "is empty"),
        ("affiliation", "x" * 201, "at most 200"),
    ],
)
def test_an_unfit_request_is_refused_in_one_sentence(
    unchanged: Running, member: str, text: str, said: str
) -> None:
    with unchanged.client() as client:
        answer = client.post("/api/v1/requests", json={**ASKED, member: text})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert unchanged.store.requests.open() == []


def team_of(store: Store, name: str, *people: str) -> str:
    team_id = store.people.add_team(name)
    for person_id in people:
        store.people.join(person_id, team_id)
    return team_id


def test_teams_that_share_a_person_share_one_allowance(store: Store) -> None:
    a, b, c = (store.people.add_person(name, f"{name}@x.org", None) for name in "abc")
    first = team_of(store, "first", a)
    second = team_of(store, "second", a, b)
    third = team_of(store, "third", b)
    other = team_of(store, "other", c)
    for team in (first, second, third):
        assert store.allowance(team) == ["first", "second", "third"]
    assert store.allowance(other) == ["other"]


def test_a_person_who_left_or_was_deleted_brings_no_new_looks(store: Store) -> None:
    a, b = (store.people.add_person(name, f"{name}@x.org", None) for name in "ab")
    first, second = team_of(store, "first", a, b), team_of(store, "second", a)
    store.people.leave(a, first)
    assert store.allowance(first) == ["first", "second"]
    store.people.delete(a)
    assert store.allowance(second) == ["first", "second"]


def test_a_team_s_name_is_one_whatever_its_case(store: Store) -> None:
    store.people.add_team("Straße")
    with pytest.raises(StoreError, match="exists"):
        store.people.add_team("STRASSE")


def test_a_deleted_person_leaves_an_opaque_id_alone(service: Running) -> None:
    with service.browser(service.ada) as browser, service.client(service.ada) as client:
        service.store.people.delete(service.ada.person_id)
        assert browser.get("/api/v1/me").status_code == 401
        assert client.get("/api/v1/me").status_code == 401
    store = service.folder / "service" / "accounts.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        everything = "\n".join(connection.iterdump())
    assert "ada@example.org" not in everything
    assert "'Ada'" not in everything
    assert service.ada.person_id in everything
    for file in store.parent.iterdir():  # free pages and the write-ahead log too
        assert b"ada@example.org" not in file.read_bytes(), file.name
    assert sign_in(service, "ada@example.org") == 401


def test_the_agreement_must_be_accepted_and_is_recorded_by_opaque_id(service: Running) -> None:
    person = service.store.people.add_person("Cleo", "cleo@example.org", None)
    service.store.people.join(person, service.ada.team_id)
    _, secret = service.store.tokens.new(person, "t", Scope, 1)
    entry = {"benchmark": "chest", "team": "north", "model": "m", "sha256": "0" * 64}
    with service.client() as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        before = client.post("/api/v1/submissions", json=entry)
        assert (before.status_code, before.json()["type"]) == (403, "agreement-missing")
        shown = client.get("/api/v1/agreement").json()
        assert shown["accepted"] is False
        wrong = client.post("/api/v1/agreement", json={"version": "0" * 16})
        assert wrong.status_code == 409
        for _ in range(2):
            answer = client.post("/api/v1/agreement", json={"version": shown["version"]})
            assert (answer.status_code, answer.json()["accepted"]) == (200, True)
        after = client.post("/api/v1/submissions", json=entry)
        assert after.json()["type"] == "archive-unknown"
    with closing(sqlite3.connect(service.folder / "public" / "ledger.sqlite")) as connection:
        rows = connection.execute(
            "SELECT subject, content FROM audit WHERE event = 'agreement-accepted'"
        ).fetchall()
    assert rows == [(person, shown["version"])]
    assert service.ledger.chain.problems() == []


def test_a_person_without_a_team_enters_nothing(service: Running) -> None:
    service.store.people.leave(service.ada.person_id, service.ada.team_id)
    with service.client(service.ada) as client:
        entry = {"benchmark": "chest", "team": "north", "model": "m", "sha256": "0" * 64}
        answer = client.post("/api/v1/submissions", json=entry)
    assert (answer.status_code, answer.json()["type"]) == (403, "no-team")


def steward(*arguments: str | Path) -> str:
    """What a command of the steward prints."""
    ended = CliRunner().invoke(main.app, [str(each) for each in arguments])
    if ended.exception is not None:
        raise ended.exception
    return ended.stdout


def test_the_steward_decides_by_commands(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = Store(f"sqlite:///{home}/service/accounts.sqlite")
    request_id = store.requests.ask(sign_up("Ada", "ada@x.org", "north", "Hospital", "To test."))
    listed = steward("user", "list", "--home", home)
    assert f"request {request_id}" in listed
    assert "(new person) asks for team 'north' (new team)" in listed
    assert "approved" in steward("user", "approve", request_id, "--home", home)
    made = steward("token", "new", "ada@x.org", "--home", home, "--days", "3")
    secret = made.splitlines()[-1]
    assert store.tokens.principal(secret, "") is not None
    (token,) = store.tokens.of()
    assert secret not in steward("token", "list", "--home", home)
    steward("token", "revoke", token.token_id, "--home", home)
    assert store.tokens.principal(secret, "") is None
    assert "reviewer" in steward("user", "role", "ada@x.org", "reviewer", "--home", home)
    assert "1 people" in steward("team", "list", "--home", home)
    steward("user", "delete", "ada@x.org", "--home", home)
    assert "ada@x.org" not in steward("user", "list", "--home", home)
    with pytest.raises(StoreError, match=r"no person 'ada@x\.org'"):
        steward("user", "disable", "ada@x.org", "--home", home)
    with closing(sqlite3.connect(home / "public" / "ledger.sqlite")) as connection:
        events = [row[0] for row in connection.execute("SELECT event FROM audit ORDER BY number")]
    assert events == [
        "person-approved",
        "token-made",
        "token-revoked",
        "role-given",
        "person-deleted",
    ]
    shown = steward("audit", "show", "--home", home).splitlines()
    acts = [line.partition("steward: ")[2].split(" ")[0] for line in shown]
    assert acts == ["approved", "made", "revoked", "gave", "deleted"]


def test_a_zero_in_an_address_finds_nobody(store: Store) -> None:
    store.people.add_person("Ada", "ada@example.org", PASSWORD)
    assert store.people.with_password("ada@example.org", PASSWORD) is not None
    assert store.people.with_password("ada@example.org\0", PASSWORD) is None


def test_a_steward_names_nobody_at_a_length_that_no_page_shows() -> None:
    for values in (("x" * 201, "a@b.org", "t", "h", "p"), ("A", "a@b.org", "t", "x" * 201, "p")):
        with pytest.raises(UnfitRequest, match="has 201 characters; give at most 200"):
            sign_up(*values)
