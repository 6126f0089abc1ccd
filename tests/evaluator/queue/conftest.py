"""One sealed installation for all tests of the queue, copied for each; the images they enter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.engine import ImageBuilder
from tests.support.installation import OPENED, Installed, copied
from tests.support.made_once import made_once
from tests.support.programs import PROGRAMS, sealed_home


@pytest.fixture(scope="session")
def images(image_of: ImageBuilder) -> dict[str, str]:
    """Digests of the images by what they do."""
    return {name: image_of(program) for name, program in PROGRAMS.items()}


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of an installation with a sealed cohort; never worked in."""
    return made_once(tmp_path_factory, "sealed", sealed_home) / "home"


@pytest.fixture(autouse=True)
def closed_ledgers() -> Iterator[None]:
    """No connection outlives the test that opened it."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def installed(sealed: Path, tmp_path: Path) -> Installed:
    """An installation of the test's own."""
    return copied(sealed, tmp_path / "home")


@pytest.fixture
def another(sealed: Path, tmp_path: Path) -> Callable[[str], Installed]:
    """Make further copies, by name."""
    return lambda name: copied(sealed, tmp_path / name)
