"""Where the tests find what the project does not ship: real data, an engine, a browser."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.support.engine import base_image, creating, engine, image_of
from tests.support.repository import REPOSITORY

__all__ = ["base_image", "creating", "engine", "image_of"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs behind it deaf to interrupts, and so are its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A thousand commands are started: where no bytecode may be kept, each compiles all modules again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


LONGEST = tuple(
    REPOSITORY / "tests" / file
    for file in (
        "docs/test_role_pages.py",
        "evaluator/commands/test_walkthrough.py",
        "evaluator/commands/test_real_radiographs.py",
        "evaluator/queue/test_practice_runs.py",
        "evaluator/queue/test_twice.py",
        "evaluator/queue/test_shards.py",
        "evaluator/queue/test_submitted_archive.py",
        "evaluator/queue/test_spent_cohort.py",
        "evaluator/commands/test_seal_command.py",
        "attacks/test_attacks.py",
        "submissions/service/pages/test_in_browser.py",
    )
)
"""Files of about a minute and more, the longest first."""

LONG = [
    REPOSITORY / "tests" / folder for folder in ("docs", "evaluator/commands", "evaluator/queue")
]
"""Folders of tests that go through the front door, or work a queue off."""


def _shared(folder: str) -> Path:
    """Find ``folder`` beside SEQUESTRA_DATA or in the directory next to the repository."""
    configured = os.environ.get("SEQUESTRA_DATA")
    data = Path(configured) if configured else REPOSITORY.parent / "shared" / "data"
    found = data if folder == "data" else data.parent / folder
    if not found.is_dir():
        pytest.skip(
            f"real data: no folder {folder!r} where SEQUESTRA_DATA points or beside the project"
        )
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files run beside each other the long ones begin: a last one would run alone."""
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        items.sort(key=lambda item: _turn(item.path))


def _turn(file: Path) -> int:
    """When a file begins: the lower the sooner."""
    if file in LONGEST:
        return LONGEST.index(file)
    return len(LONGEST) + (file.parent not in LONG)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs, tables and scores."""
    return _shared("data")


@pytest.fixture(scope="session")
def refvals() -> Path:
    """The folder of figures from independent implementations."""
    return _shared("refvals")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to open pages with."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        pytest.skip("no Chromium on this machine: install the package chromium to test the pages")
    return found
