"""What a queue works with beside its own process, to be killed: Dask, MLflow, PostgreSQL."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tests.support.commands import environment
from tests.support.installation import kill, process, until
from tests.support.repository import REPOSITORY

IMPATIENT = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "4s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "8s",
}
"""How soon Dask takes a silent host for lost."""

AGAIN = ("sh", "-c", 'while :; do "$0" "$@"; sleep 1; done')
"""Starts a command again whenever it ends, and however."""


def documented() -> dict[str, str]:
    """The settings that docs/queue.md has for hosts that may be cut off."""
    text = (REPOSITORY / "docs" / "queue.md").read_text()
    named = r"`(DASK_DISTRIBUTED__(?:COMM|SCHEDULER)__\w+)=(\w+)`"
    found: dict[str, str] = dict(re.findall(named, text))
    assert set(found) == set(IMPATIENT)
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens now."""
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on a port."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Service:
    """A process that can be killed with all its children, and started again."""

    def __init__(
        self, *command: str, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> None:
        self._command = command
        self._env = environment(env)
        self._user = user
        self._opened = ExitStack()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = self._opened.enter_context(
            process(*self._command, env=self._env, user=self._user, quiet=True)
        )

    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            kill(self.process)

    def close(self) -> None:
        self._opened.close()


class Scheduler(Service):
    """A Dask scheduler."""

    def __init__(self, host: str = "127.0.0.1", env: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.address = f"tcp://{host}:{self.port}"
        self._host = host
        super().__init__(
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"),
            *("--host", host, "--port", str(self.port)),
            env={**IMPATIENT, **(env or {})},
        )

    def start(self) -> None:
        super().start()
        until(lambda: answers(self.port, self._host), while_lives=self.process)

    def workers(self) -> int:
        """How many workers it knows."""
        from distributed import Client

        with Client(self.address, set_as_default=False, timeout=30) as client:
            return len(client.scheduler_info()["workers"])


class Worker(Service):
    """A Dask worker with room for ``slots`` containers."""

    def __init__(
        self,
        scheduler: Scheduler,
        folder: Path,
        *,
        slots: int = 2,
        before: tuple[str, ...] = (),
        nanny: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            *(*before, sys.executable, "-m", "distributed.cli.dask_worker", scheduler.address),
            *("--resources", f"SLOT={slots} MEMORY=8000", "--nthreads", "2"),
            *("--no-dashboard", "--memory-limit", "0", "--local-directory", str(folder)),
            "--nanny" if nanny else "--no-nanny",
            env={**IMPATIENT, **(env or {})},
        )


@contextmanager
def started(*services: Service) -> Iterator[None]:
    """Services that run in the block, and are gone afterwards."""
    try:
        for service in services:
            service.start()
        yield
    finally:
        for service in reversed(services):
            service.close()


class TrackingServer(Service):
    """An MLflow tracking server with a store of its own."""

    def __init__(self, folder: Path, store: Path) -> None:
        folder.mkdir()
        shutil.copyfile(store, folder / "mlflow.db")
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        super().__init__(
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
            *("--artifacts-destination", str(folder / "artifacts")),
            env={"MLFLOW_DISABLE_TELEMETRY": "true"},
        )

    def start(self) -> None:
        super().start()
        until(self._answers, 120, while_lives=self.process)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def postgresql_programs() -> Path | None:
    """Where this machine's newest PostgreSQL has its programs."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).resolve().parent


class PostgreSQL(Service):
    """A PostgreSQL cluster on a socket of its own, as the unprivileged user that it asks for."""

    def __init__(self, programs: Path, *, as_root: bool, settings: Sequence[str] = ()) -> None:
        self._programs = programs
        self._as = "postgres" if as_root else None
        self.folder = Path(mkdtemp(prefix="sequestra-pg-"))
        if self._as:
            shutil.chown(self.folder, self._as, self._as)
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self.folder}"
        made = ("-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "--no-sync")
        self._once("initdb", *made)
        super().__init__(
            *(str(programs / "postgres"), "-D", f"{self.folder}/data", "-k", str(self.folder)),
            *("-c", "listen_addresses="),
            *(word for setting in settings for word in ("-c", setting)),
            user=self._as,
        )

    def _once(self, program: str, *arguments: str) -> int:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            user=self._as,
            group=self._as,
            extra_groups=[] if self._as else None,
        )
        assert program != "initdb" or done.returncode == 0, done.stderr
        return done.returncode

    def start(self) -> None:
        super().start()
        ready = ("pg_isready", "-h", str(self.folder), "-U", "postgres")
        until(lambda: self._once(*ready) == 0, while_lives=self.process)

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_as_root(*command: str) -> None:
    """A command of the system's that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, f"{command}: {done.stderr}"
