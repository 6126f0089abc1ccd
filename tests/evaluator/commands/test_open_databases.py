"""A database is closed where it was opened: Python 3.13 and newer warn of one that is not."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.stores.enclave import Enclave
from submissions.ledger.ledger import Ledger, LedgerError
from tests.support.commands import environment, succeed
from tests.support.engine import ImageBuilder
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import Walked, simulated

OPEN = """
def opened(folder):
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink("/proc/self/fd/" + number))
        except OSError:
            pass  # the one that listed the others
    return sorted(path for path in found if path.startswith(str(folder)) and ".sqlite" in path)
"""
"""Which database files of a folder this process has open, as the kernel says."""

COMMAND = f"""
import gc, os, sys
gc.disable()  # as if no collection happened to come in time
{OPEN}
from evaluator.cli import main
code = 0
try:
    main()
except SystemExit as ended:
    code = ended.code or 0
print("OPEN", *opened(os.getcwd()))
sys.exit(code)
"""


@pytest.fixture
def no_collections() -> Iterator[None]:
    """A database must not wait for the collector to be closed."""
    gc.disable()
    yield
    gc.enable()


def opened(folder: Path) -> list[str]:
    found: dict[str, object] = {"os": os}
    exec(OPEN, found)
    return found["opened"](folder)  # type: ignore[operator]


def test_a_ledger_closes_its_file_when_nobody_holds_it(
    tmp_path: Path, no_collections: None
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    assert ledger.submissions() == []
    assert f"{tmp_path}/ledger.sqlite" in opened(tmp_path)
    del ledger
    assert opened(tmp_path) == []


def test_a_ledger_closes_its_file_after_a_refusal(tmp_path: Path, no_collections: None) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with pytest.raises(LedgerError, match="no submission"):
        ledger.submission("nobody")
    ledger.close()  # and is used again
    assert ledger.chain.problems() == []
    del ledger
    gc.collect()  # pytest keeps the error, with its frames
    assert opened(tmp_path) == []


def test_an_enclave_closes_its_file_when_nobody_holds_it(
    tmp_path: Path, no_collections: None
) -> None:
    enclave = Enclave(tmp_path / "enclave")
    assert enclave.stages("nobody") == []
    assert f"{tmp_path}/enclave/enclave.sqlite" in opened(tmp_path)
    del enclave
    assert opened(tmp_path) == []


def left_open(folder: Path, *arguments: str) -> list[str]:
    """Run a command in ``folder``; the databases that are open when it has ended."""
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("OPEN")]
    return line.split()[1:]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return simulated(tmp_path_factory.mktemp("walked"))


def test_no_command_of_the_steward_or_reviewer_leaves_a_database_open(walked: Walked) -> None:
    drawn = ("--catalog", "catalog")
    again = ("--home", "again")
    for command in (
        ("sequester", f"{walked.benchmark}.toml", "--open", "again.csv", *drawn, *again),
        ("match", walked.benchmark, *drawn, *again),
        ("match", walked.benchmark, "--plan", *drawn, *again),
        ("card", walked.benchmark, "--output", "card.html", *drawn, *again),
        ("verify", walked.benchmark, "--home", "home"),
        ("rescore", walked.benchmark, "--home", "home"),
        ("leaderboard", walked.benchmark, "--home", "home"),
        ("status", "--home", "home"),
        ("run", "--home", "home"),
    ):
        assert left_open(walked.folder, *command) == [], command


@pytest.mark.engine
def test_no_command_on_a_submission_leaves_a_database_open(
    walked: Walked, image_of: ImageBuilder
) -> None:
    home = ("--home", "home")
    about = ("--benchmark", walked.benchmark, "--team", "A team", "--model", "A model")
    assert left_open(walked.folder, "submit", image_of("print(1)"), *about, *home) == []
    submission = succeed("status", "--home", walked.home).split()[0]
    for command in (
        ("audit", submission),
        ("status", submission),
        ("doctor",),
        ("cancel", submission),
    ):
        assert left_open(walked.folder, *command, *home) == [], command
