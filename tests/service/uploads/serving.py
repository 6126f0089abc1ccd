"""The service in a process of its own, which tests stop, kill and start again."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from submissions.drop import Drop
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota
from submissions.service.rates import Rates
from submissions.service.settings import ServiceSettings
from submissions.service.store import Store
from submissions.service.uploads.collaborators import UploadSettings
from submissions.service.web.app import create_service
from tests.service.running import CHEST, Account, accounts, plain_report
from tests.support.repository import REPOSITORY

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
UPLOADS = "/api/v1/uploads"
_UNLIMITED = Rates(token="1000000/minute", team="1000000/minute", peer="1000000/minute")


class Served:
    """A service over one folder, on one port; ``ada`` of team north, ``ben`` of team south."""

    def __init__(self, folder: Path, per_team: int, **settings: float) -> None:
        self.folder = folder
        self.store = Store(_accounts(folder))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.ada, self.ben = accounts(self.store, ServiceSettings(self.url).agreement.version)
        self.drop = Drop(folder / "drop")
        self._options = [f"--{name}={value}" for name, value in settings.items()]
        self._options.append(f"--per_team={per_team}")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", __name__, str(self.folder), str(self.port)]
        self._process = subprocess.Popen([*command, *self._options], cwd=REPOSITORY)
        while self._process.poll() is None:
            try:
                httpx.options(self.url + UPLOADS, headers=TUS)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the service ended with {self._process.returncode}")

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait for the end."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None

    def client(self, account: Account | None = None) -> httpx.Client:
        """A client that speaks for an account, of ada unless said."""
        headers = {**TUS, **(account or self.ada).headers}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def archive(self, sha256: str, account: Account | None = None) -> bytes:
        """The verified archive as it lies in the drop folder."""
        return self.drop.archive((account or self.ada).team_id, sha256).read_bytes()


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
def served(folder: Path, *, per_team: int = 100, **settings: float) -> Iterator[Served]:
    """Serve over an empty folder until the block ends; settings are options of ``main``."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Served(folder, per_team, **settings)
    try:
        yield server
    finally:
        server.end()
        server.store.close()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--patience", type=float, default=30)
    parser.add_argument("--life", type=float, default=3600)
    parser.add_argument("--sweep", type=float, default=600)
    parser.add_argument("--spare", type=int, default=0)
    parser.add_argument("--per_team", type=int, default=100)
    options = parser.parse_args()
    offered = dataclasses.replace(CHEST, quota=Quota(per_team=options.per_team, days=7))
    app = create_service(
        ServiceSettings(f"http://127.0.0.1:{options.port}", rates=_UNLIMITED),
        Store(_accounts(options.folder)),
        Ledger(f"sqlite:///{options.folder}/public/ledger.sqlite"),
        Drop(options.folder / "drop"),
        [offered],
        report=plain_report,
    )
    app.state.uploading = UploadSettings(
        patience_seconds=options.patience,
        life=timedelta(seconds=options.life),
        sweep_seconds=options.sweep,
        spare_bytes=options.spare,
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="error",
        timeout_graceful_shutdown=1,
    )


def _accounts(folder: Path) -> str:
    return f"sqlite:///{folder}/service/accounts.sqlite"


if __name__ == "__main__":
    main()
