"""Fixtures of the client's tests: a service of their own, folders of a user of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_service import Service, Wire


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    served = Service(tmp_path / "service")
    served.folder.mkdir()
    served.start()
    yield served
    served.stop()


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of a user of this test alone."""
    home = tmp_path / "user"
    home.mkdir()
    for variable, name in (("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")):
        monkeypatch.setenv(variable, str(home / name))
    for variable in ("SEQUESTRA_HOME", "SEQUESTRA_SERVER", "SEQUESTRA_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture
def wire(service: Service) -> Iterator[Wire]:
    made = Wire(service.port)
    yield made
    made.close()
