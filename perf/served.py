"""The service in a process of its own, with bare routes beside its own ones to compare with."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import insert, select

from submissions.contract import Contract
from submissions.drop import Drop
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota
from submissions.service.offered import Offered
from submissions.service.principal import Scope
from submissions.service.rates import Rates
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.tables import AGREEMENTS, PEOPLE
from submissions.service.uploads.collaborators import UploadSettings
from submissions.service.web.app import create_service

REPOSITORY = Path(__file__).resolve().parent.parent
PLAIN = "/api/v1/uploads/plain/copy"
DIGESTED = "/api/v1/uploads/plain/digested"
ONE_SELECT = "/bare/select"
ONE_COMMIT = "/bare/commit"
_MANY = "10000000/minute"


@dataclass(frozen=True)
class Submitter:
    """One person of one team, with a token."""

    team: str
    headers: dict[str, str]


class Process:
    """The running process."""

    def __init__(self, folder: Path, listening: socket.socket) -> None:
        self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._listening = listening
        self.start()

    def start(self) -> None:
        number = self._listening.fileno()
        command = [sys.executable, "-m", "perf.served", str(self._folder), str(number)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[number])
        while self._process.poll() is None:
            try:
                httpx.options(f"{self.url}/api/v1/uploads", timeout=1)
            except httpx.TransportError:
                continue
            return
        raise AssertionError(f"the service ended with {self._process.returncode}")

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(by)
        self._process.wait()

    def megabytes(self) -> float:
        """Resident memory now, of the process alone."""
        return self._status("VmRSS")

    def peak_megabytes(self) -> float:
        """Most resident memory since ``forget_peak``."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> float:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(name)


@contextmanager
def served(folder: Path) -> Iterator[Process]:
    """Serve over ``folder``; the socket stays open while the process is killed and started."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        process = Process(folder, listening)
        try:
            yield process
        finally:
            process.end()


def submitters(folder: Path, n: int) -> list[Submitter]:
    """Make ``n`` approved people, each in a team, who accepted the agreement."""
    store = Store(_accounts(folder))
    agreement = ServiceSettings("http://127.0.0.1").agreement.version
    made = []
    for number in range(n):
        person = store.people.add_person(f"Person {number}", f"p{number}@example.org", None)
        team = f"team-{number}"
        store.people.join(person, store.people.add_team(team))
        store.accept(person, agreement)
        _, secret = store.tokens.new(person, "laptop", Scope, 30)
        made.append(Submitter(team, {"Authorization": f"Bearer {secret}"}))
    store.close()
    return made


def main() -> None:
    """Serve until a signal: FOLDER, number of an open socket."""
    folder, listening = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    store = Store(_accounts(folder))
    app = create_service(
        ServiceSettings(url, rates=Rates(token=_MANY, team=_MANY, peer=_MANY)),
        store,
        Ledger(f"sqlite:///{folder}/public/ledger.sqlite"),
        Drop(folder / "drop"),
        [
            Offered(
                name="chest",
                title="Chest radiographs",
                description="Pneumothorax.",
                primary="auroc",
                contract=Contract(image_mb=16_384),
                quota=Quota(per_team=100_000, days=7),
                threshold=0.5,
                toml=b'[benchmark]\nname = "chest"\n',
            )
        ],
        report=lambda published: published.document,
    )
    app.state.uploading = UploadSettings(spare_bytes=0)
    _bare_routes(app, folder, store)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2, backlog=1024)
    uvicorn.Server(config).run([listening])


def _bare_routes(app: FastAPI, folder: Path, store: Store) -> None:
    """The least that a server can do: take bytes, read one row, commit one row."""

    @app.put(PLAIN)
    async def copy(request: Request) -> Response:
        with (folder / f"copy-{time.monotonic_ns()}").open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        Path(file.name).unlink()
        return Response(status_code=204)

    @app.put(DIGESTED)
    async def digested(request: Request) -> Response:
        digest = hashlib.sha256()
        with (folder / f"copy-{time.monotonic_ns()}").open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
                digest.update(piece)
            os.fsync(file.fileno())
        Path(file.name).unlink()
        return Response(status_code=204, headers={"Repr-Digest": digest.hexdigest()})

    @app.get(ONE_SELECT)
    def one_select() -> Response:
        with store.reading() as connection:
            connection.execute(select(PEOPLE.c.person_id).limit(1)).scalar_one()
        return Response(status_code=204)

    @app.post(ONE_COMMIT)
    def one_commit() -> Response:
        with store.transaction() as connection:
            person = connection.execute(select(PEOPLE.c.person_id).limit(1)).scalar_one()
            row = {
                "person_id": person,
                "version": str(time.monotonic_ns()),
                "at": datetime.now(UTC),
            }
            connection.execute(insert(AGREEMENTS).values(row))
        return Response(status_code=204)


def _accounts(folder: Path) -> str:
    return f"sqlite:///{folder}/service/accounts.sqlite"


if __name__ == "__main__":
    main()
