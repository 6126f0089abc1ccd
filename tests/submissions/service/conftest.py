"""The service that tests speak to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgresql import cluster, database
from tests.support.service_running import Running, running

__all__ = ["cluster", "database"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    """A service of its own for each test, on a free loopback port."""
    with running(tmp_path / "home") as started:
        yield started


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the tests of a module that leave it as it was."""
    with running(tmp_path_factory.mktemp("unchanged") / "home") as started:
        yield started
