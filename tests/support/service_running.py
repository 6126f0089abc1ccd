"""A real server on a loopback port, with two people of two teams and one benchmark."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from submissions.contract import Contract
from submissions.drop import Drop
from submissions.ledger.ledger import Ledger, PublishedRelease
from submissions.quota import Quota
from submissions.service.credentials import passwords
from submissions.service.offered import Offered
from submissions.service.people import insert_person
from submissions.service.principal import COOKIE, Scope
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.web.app import Report, create_service

PASSWORD = "a long pass phrase 1"

_HASH = passwords.hashed(PASSWORD, n=16, r=1, p=1)  # weak and quick: tests sign in often

CHEST = Offered(
    name="chest",
    title="Chest radiographs",
    description="Pneumothorax on frontal chest radiographs.",
    primary="auroc",
    contract=Contract(),
    quota=Quota(per_team=2, days=7),
    threshold=0.5,
    toml=b'[benchmark]\nname = "chest"\n',
)


@dataclass(frozen=True)
class Account:
    """A person of the fixture, with all that is needed to speak for that person."""

    person_id: str
    email: str
    team_id: str
    team: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Running:
    """A service that answers at ``url``; ``ada`` of team north, ``ben`` of team south."""

    url: str
    folder: Path
    settings: ServiceSettings
    store: Store
    ledger: Ledger
    drop: Drop
    ada: Account
    ben: Account
    server: uvicorn.Server

    def client(self, account: Account | None = None, **more: Any) -> httpx.Client:
        """A client without cookies or redirects that speaks for one account."""
        headers = {} if account is None else account.headers
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **more)

    def browser(self, account: Account) -> httpx.Client:
        """A client with a session's cookie, as a browser on pages of this service sends it."""
        secret = self.store.sessions.open(account.person_id, 1)
        headers = {
            "Cookie": f"{COOKIE}={secret}",
            "Origin": self.url,
            "Sec-Fetch-Site": "same-origin",
        }
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


def accounts(store: Store, agreement: str) -> tuple[Account, Account]:
    """Two approved people who accepted the agreement, each in a team and with a token."""
    made = []
    for person, team in (("ada", "north"), ("ben", "south")):
        email = f"{person}@example.org"
        with store.transaction() as connection:
            person_id = insert_person(connection, person.title(), email, _HASH)
        team_id = store.people.add_team(team, f"Hospital {team}")
        store.people.join(person_id, team_id)
        store.accept(person_id, agreement)
        _, secret = store.tokens.new(person_id, "a laptop", Scope, 30)
        made.append(Account(person_id, email, team_id, team, secret))
    return made[0], made[1]


@contextmanager
def running(
    folder: Path,
    *,
    offered: tuple[Offered, ...] = (CHEST,),
    report: Report | None = None,
    site: ASGIApp | None = None,
    **settings: Any,
) -> Iterator[Running]:
    """Serve from ``folder`` (empty) on a free port of 127.0.0.1 until the block ends."""
    store = Store(f"sqlite:///{folder}/service/accounts.sqlite")
    ledger = Ledger(f"sqlite:///{folder}/public/ledger.sqlite")
    drop = Drop(folder / "drop")
    taken = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    provider = settings.pop("provider", None)
    chosen = replace(ServiceSettings(url), **settings, provider=provider and provider(url))
    ada, ben = accounts(store, chosen.agreement.version)
    app = create_service(
        chosen, store, ledger, drop, offered, report=report or plain_report, site=site
    )
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, proxy_headers=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield Running(url, folder, chosen, store, ledger, drop, ada, ben, server)
    finally:
        server.should_exit = True
        thread.join()
        taken.close()
        store.close()
        ledger.close()


def plain_report(published: PublishedRelease) -> str:
    """A report in one line, in the place of the real one, whose room lies above the service."""
    return f"<!doctype html><title>{published.submission_id}</title>"


ASKED = {
    "name": "Cleo Vance",
    "email": "Cleo@Example.org",
    "password": PASSWORD,
    "team": "East  Imaging",
    "affiliation": "Hospital East",
    "purpose": "We test a detector of nodules.",
}
"""A request for an account that the service accepts."""
