"""A short soak: random kills of dispatchers, workers and containers; nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.soak import soak

pytestmark = [pytest.mark.engine, pytest.mark.faults]


def test_a_dozen_random_kills_lose_nothing(sealed: Path, base_image: str, tmp_path: Path) -> None:
    done = soak(10, 4, sealed, tmp_path, base=base_image, full=False)
    assert sum(done.kills.values()) >= 10
    assert done.ends["released"] >= 2
