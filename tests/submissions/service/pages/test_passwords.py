"""Links to set a new password: by a steward, by mail, once, for a day; known to nobody else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from submissions.service.database import StoreError
from submissions.service.resets import links as links_module
from submissions.service.resets.asking import Asking
from submissions.service.resets.links import Links
from tests.support.commands import refused, succeed
from tests.support.service_running import PASSWORD, Running

NEW = "another long pass phrase"


@dataclass
class Box:
    """A mail server's box: what was sent, by address."""

    letters: list[tuple[str, str]] = field(default_factory=list)

    def send(self, subject: str, text: str, address: str) -> None:
        self.letters.append((address, text))


def origin(service: Running) -> dict[str, str]:
    return {"Origin": service.url, "Sec-Fetch-Site": "same-origin"}


def sign_in(service: Running, password: str) -> int:
    with service.client() as client:
        sent = {"email": service.ada.email, "password": password}
        return client.post("/team/sign-in", data=sent, headers=origin(service)).status_code


def post(service: Running, path: str, **sent: str) -> httpx.Response:
    with service.client() as client:
        return client.post(path, data=sent, headers=origin(service))


def test_a_link_sets_a_password_once_and_ends_all_sessions(service: Running) -> None:
    browser = service.browser(service.ada)
    first, _ = Links(service.store).make(service.ada.person_id)
    second, _ = Links(service.store).make(service.ada.person_id)
    path = f"/team/password/{second}"
    assert post(service, f"/team/password/{first}", password=NEW).status_code == 404  # it ended
    short = post(service, path, password="short")
    assert short.status_code == 422
    assert "has 5 characters; give 12 to 200" in short.text
    with service.client() as client:
        assert "Set a new password" in client.get(path).text
    assert browser.get("/team/people").status_code == 200
    assert post(service, path, password=NEW).status_code == 200
    assert browser.get("/team/people").status_code == 303  # signed out
    browser.close()
    assert (sign_in(service, PASSWORD), sign_in(service, NEW)) == (401, 303)
    again = post(service, path, password=PASSWORD)
    assert again.status_code == 404
    assert "was used, has ended or is not whole; ask for another one" in again.text
    (entry,) = service.ledger.chain.entries(event="password-set")
    assert (entry.subject, entry.content) == (service.ada.person_id, "")


def test_a_link_ends_after_its_time_and_with_the_account(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = Links(service.store)
    with monkeypatch.context() as changed:
        changed.setattr(links_module, "LIFE", timedelta(seconds=-1))
        late, _ = links.make(service.ada.person_id)
    assert not links.is_open(late)
    assert links.use(late, NEW) is None
    fresh, _ = links.make(service.ada.person_id)
    service.store.people.enable(service.ada.person_id, enabled=False)
    assert not links.is_open(fresh)
    with pytest.raises(StoreError, match="may not sign in; `sequestra user enable` lets them"):
        links.make(service.ada.person_id)
    for text in ("", "x", "../people", "\u00e9" * 43, "a" * 43):
        assert links.use(text, NEW) is None


def test_known_and_unknown_addresses_get_one_answer_and_one_of_them_a_mail(
    service: Running,
) -> None:
    box = Box()
    asking = Asking(service.store, service.url, box)
    service.server.config.app.state.asking = asking  # type: ignore[union-attr]
    told = {}
    for email in (service.ada.email, "nobody@example.org", service.ada.person_id):
        answer = post(service, "/team/password", email=email)
        told[email] = answer.status_code, answer.text.replace(email, "...")
    asking.close()
    assert len(set(told.values())) == 1
    ((address, text),) = box.letters
    assert address == service.ada.email
    found = re.search(rf"{re.escape(service.url)}(/team/password/\S+)", text)
    assert found
    links = Links(service.store)
    assert not links.is_verified(service.ada.person_id, service.ada.email)
    assert post(service, found[1], password=NEW).status_code == 200
    assert sign_in(service, NEW) == 303
    assert links.is_verified(service.ada.person_id, service.ada.email)
    assert not links.is_verified(service.ada.person_id, "other@example.org")


def test_links_by_mail_are_limited_for_every_address_alike(service: Running) -> None:
    for email in (service.ben.email, "nobody@example.org"):
        statuses = [post(service, "/team/password", email=email).status_code for _ in range(4)]
        assert statuses == [202, 202, 202, 429]


def test_without_a_mail_server_the_page_says_whom_to_ask(unchanged: Running) -> None:
    with unchanged.client() as client:
        assert "Ask the steward for a link" in client.get("/team/password").text


def test_a_steward_makes_a_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    succeed("user", "add", "Ada", "ada@example.org", "--team", "North", "--home", home)
    printed = succeed(
        "user", "reset", "ada@example.org", "--address", "https://x.example.org/", "--home", home
    )
    assert re.search(r"https://x\.example\.org/team/password/[\w-]{43}\n", printed)
    assert "it works once, until" in printed
    assert "no person 'eve'; `sequestra user list` shows all" in refused(
        "user", "reset", "eve", "--home", home
    )
    assert "made a link for person" in succeed("audit", "show", "--home", home)
