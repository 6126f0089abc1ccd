"""The service that tests speak to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.running import Running, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    """A service of its own for each test, on a free loopback port."""
    with running(tmp_path / "home") as started:
        yield started
