"""One service for the tests that do not stop it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgresql import cluster, database
from tests.support.upload_server import Served, served

__all__ = ["cluster", "database"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service for the tests of one module, with looks for all of them."""
    with served(tmp_path_factory.mktemp("service"), per_team=10_000) as started:
        yield started
