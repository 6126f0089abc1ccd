"""An installation with held results, sealed once and copied for each test; the console over it."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from evaluator.console.console_process import application
from evaluator.console.desk import desk_of
from evaluator.stores.installation import Installation
from submissions.service.settings import Provider, ServiceSettings
from tests.support.held_home import HeldHome, opened, sealed_once


@dataclass(frozen=True)
class Console:
    """A console that answers at ``url``."""

    url: str
    held: HeldHome


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a sealed installation; never worked in."""
    return sealed_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def held(sealed: Path, tmp_path: Path) -> Iterator[HeldHome]:
    """An installation of the test's own."""
    shutil.copytree(sealed, tmp_path / "home")
    with opened(Installation(tmp_path / "home")) as home:
        yield home


@contextmanager
def served(held: HeldHome, provider: Provider | None = None) -> Iterator[Console]:
    """The console over real HTTP, on a free port of this machine."""
    taken = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with desk_of(held.installation) as (desk, store):
        app = application(ServiceSettings(url, provider=provider), desk, store)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield Console(url, held)
        finally:
            server.should_exit = True
            thread.join()
            taken.close()


@pytest.fixture
def console(held: HeldHome) -> Iterator[Console]:
    """The console of the test's own installation."""
    with served(held) as started:
        yield started
