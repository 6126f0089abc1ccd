"""A ledger on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from submissions.ledger.ledger import Ledger
from tests.support.postgresql import cluster, database

__all__ = ["cluster", "database"]


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    opened = Ledger(database)
    yield opened
    opened.close()
