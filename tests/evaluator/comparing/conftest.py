"""An installation with four released submissions of two teams, and a copy of it for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.frozen_home import Home, copied, enter_model, home


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Not yet compared: a fifth is wanted. Not to be changed."""
    made = home(tmp_path_factory.mktemp("comparing") / "four")
    for number in range(4):
        enter_model(made, number)
    return made


@pytest.fixture
def made(four: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    return copied(four, tmp_path / "home")
