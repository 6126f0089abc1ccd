"""The service over real HTTP, with accounts, and a wire to it that can be cut."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from submissions.contract import Contract
from submissions.drop import Drop
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota
from submissions.service.offered import Offered
from submissions.service.principal import Scope
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.web.app import create_service

FILE = b"""[benchmark]
name = "opacity"
title = "Airspace opacity"

[contract]
image_mb = 512

[quota]
per_team = 2
days = 7
"""


@dataclass
class Service:
    """A service on a port of its own; it can be stopped and started again on the same one."""

    folder: Path
    port: int = 0
    quota: Quota = field(default_factory=lambda: Quota(per_team=2, days=7))
    toml: bytes = FILE
    practice: Path | None = None
    app: FastAPI | None = None
    server: uvicorn.Server | None = None
    thread: threading.Thread | None = None
    listening: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Store:
        assert self.app is not None
        store: Store = self.app.state.store
        return store

    @property
    def ledger(self) -> Ledger:
        assert self.app is not None
        ledger: Ledger = self.app.state.ledger
        return ledger

    def start(self) -> None:
        self.listening = listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        offered = Offered(
            "opacity",
            "Airspace opacity",
            "",
            "auroc",
            Contract(image_mb=512),
            self.quota,
            practice=self.practice is not None,
            toml=self.toml,
            practice_folder=self.practice,
        )
        self.app = create_service(
            ServiceSettings(self.address),
            Store(f"sqlite:///{self.folder / 'accounts.sqlite'}"),
            Ledger(f"sqlite:///{self.folder / 'ledger.sqlite'}"),
            Drop(self.folder / "drop"),
            [offered],
            report=lambda published: f"<h1>{published.submission_id}</h1>",
        )
        config = uvicorn.Config(
            self.app, log_level="warning", timeout_graceful_shutdown=1, lifespan="on"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        assert self.server is not None
        assert self.thread is not None
        self.server.should_exit = True
        self.thread.join()
        assert self.listening is not None
        self.listening.close()
        self.store.close()

    def team(self, name: str) -> str:
        return self.store.people.add_team(name)

    def person(self, name: str, *teams: str, agreed: bool = True) -> str:
        """An approved person of teams, by id; a token that may read and submit."""
        person_id = self.store.people.add_person(name, f"{name.lower()}@example.org", None)
        for team in teams:
            self.store.people.join(person_id, team)
        if agreed:
            self.store.accept(person_id, ServiceSettings(self.address).agreement.version)
        scopes = frozenset({Scope.READ, Scope.SUBMIT})
        return self.store.tokens.new(person_id, "test", scopes, 30)[1]


class Wire:
    """A way to the service that can be cut: it drops the connection after so many bytes."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.cuts: list[int] = []
        self.carried = 0
        self.open = True
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while self.open:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while piece := source.recv(65_536):
                if counted:
                    self.carried += len(piece)
                    if self.cuts and self.carried >= self.cuts[0]:
                        self.cuts.pop(0)
                        break
                target.sendall(piece)
        except OSError:
            pass
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        self.open = False
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


@contextmanager
def stopped(service: Service) -> Iterator[None]:
    """The service is down within the block."""
    service.stop()
    yield
    service.start()
