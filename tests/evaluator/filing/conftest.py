"""An installation whose ledger can be filed from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.delenv("SEQUESTRA_LEDGER", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    return Installation(home)


@pytest.fixture
def ledger(installation: Installation) -> Iterator[Ledger]:
    opened = installation.ledger()
    yield opened
    opened.close()
