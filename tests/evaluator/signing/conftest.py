"""An installation on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.stores.installation import Installation
from tests.support.postgresql import cluster, database

__all__ = ["cluster", "database"]


@pytest.fixture
def installation(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("SEQUESTRA_LEDGER", database)
    home = tmp_path / "home"
    home.mkdir()
    return Installation(home)
