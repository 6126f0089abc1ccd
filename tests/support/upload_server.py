"""The service for tests of uploads: in a thread, or in a process that is stopped and killed."""

from __future__ import annotations

import base64
import dataclasses
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from submissions.drop import Drop
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota
from submissions.service.rates import Rates
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.uploads.collaborators import UploadSettings
from submissions.service.web.app import create_service
from tests.support.repository import REPOSITORY
from tests.support.service_running import CHEST, Account, accounts, plain_report

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
UPLOADS = "/api/v1/uploads"
_UNLIMITED = Rates(token="1000000/minute", team="1000000/minute", peer="1000000/minute")


@dataclass(frozen=True)
class Told:
    """What the service is told: looks of a team, and times in seconds."""

    per_team: int = 100
    patience: float = 30
    hush: float = 2
    life: float = 3600
    sweep: float = 600
    spare: int = 0


class Served:
    """A service over one folder, on one port; ``ada`` of team north, ``ben`` of team south.

    The test keeps the listening socket: while the service is down, who connects waits.
    """

    def __init__(self, folder: Path, told: Told, *, process: bool) -> None:
        self.folder = folder
        self.store = Store(_accounts(folder))
        self.drop = Drop(folder / "drop")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.ada, self.ben = accounts(self.store, ServiceSettings(self.url).agreement.version)
        self._told = told
        self._in_process = process
        self._process: subprocess.Popen[bytes] | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.start()

    def start(self) -> None:
        """Start to serve, and wait until it answers."""
        if not self._in_process:
            self._thread = threading.Thread(target=self._serve)
            self._thread.start()
        else:
            told = json.dumps(dataclasses.asdict(self._told))
            number = self._socket.fileno()
            command = [sys.executable, "-m", __name__, str(self.folder), str(number), told]
            self._process = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[number])
        while True:
            try:
                httpx.options(self.url + UPLOADS, headers=TUS, timeout=1)
            except httpx.TransportError:
                assert self._process is None or self._process.poll() is None, "it ended"
            else:
                return

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send the process a signal, or stop the thread; wait for the end."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    def close(self) -> None:
        """End, and let go of everything."""
        self.end()
        self.store.close()
        self._socket.close()

    def client(self, account: Account | None = None) -> httpx.Client:
        """A client that speaks for an account, of ada unless said."""
        headers = {**TUS, **(account or self.ada).headers}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def archive(self, sha256: str, account: Account | None = None) -> bytes:
        """The verified archive as it lies in the drop folder."""
        return self.drop.archive((account or self.ada).team_id, sha256).read_bytes()

    def _serve(self) -> None:
        with _application(self.folder, self.url, self._told) as app:
            self._server = _server(app)
            self._server.run([self._socket.dup()])


def metadata(team: str = "north", benchmark: str = "chest", **more: str) -> str:
    """The header Upload-Metadata."""
    values = {"benchmark": benchmark, "team": team, **more}
    return ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in values.items()
    )


def create(client: httpx.Client, length: int, **values: str) -> httpx.Response:
    """Create an upload of a length."""
    headers = {"Upload-Length": str(length), "Upload-Metadata": metadata(**values)}
    return client.post(UPLOADS, headers=headers)


def append(
    client: httpx.Client, place: str, at: int, content: Any, **headers: str
) -> httpx.Response:
    """Send bytes at an offset."""
    said = {**BYTES, "Upload-Offset": str(at), **headers}
    return client.patch(place, headers=said, content=content)


@contextmanager
def served(folder: Path, *, process: bool = False, **told: Any) -> Iterator[Served]:
    """Serve over an empty folder until the block ends; ``told`` as in Told."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Served(folder, Told(**told), process=process)
    try:
        yield server
    finally:
        server.close()


def main() -> None:
    """Serve on an open socket until a signal: FOLDER, number of the socket, Told as JSON."""
    folder, number, told = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    listening = socket.socket(fileno=number)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with _application(folder, url, Told(**told)) as app:
        _server(app).run([listening])


@contextmanager
def _application(folder: Path, url: str, told: Told) -> Iterator[FastAPI]:
    store = Store(_accounts(folder))
    ledger = Ledger(f"sqlite:///{folder}/public/ledger.sqlite")
    app = create_service(
        ServiceSettings(url, rates=_UNLIMITED),
        store,
        ledger,
        Drop(folder / "drop"),
        [dataclasses.replace(CHEST, quota=Quota(per_team=told.per_team, days=7))],
        report=plain_report,
    )
    app.state.uploading = UploadSettings(
        patience_seconds=told.patience,
        hush_seconds=told.hush,
        life=timedelta(seconds=told.life),
        sweep_seconds=told.sweep,
        spare_bytes=told.spare,
    )
    try:
        yield app
    finally:
        store.close()
        ledger.close()


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, proxy_headers=False)
    )


def _accounts(folder: Path) -> str:
    return f"sqlite:///{folder}/service/accounts.sqlite"


if __name__ == "__main__":
    main()
