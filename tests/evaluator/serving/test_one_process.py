"""A store of accounts has one web process, on whatever machine; a killed one leaves no lock."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from evaluator.stores.installation import Installation, InstallationError
from evaluator.terminal.printing import system_error
from submissions.service.store import StoreError
from submissions.service.web.one_process import only_one
from tests.support.commands import environment
from tests.support.postgresql import another, raw
from tests.support.repository import REPOSITORY
from tests.support.services import PostgreSQL

_HOLDS = """
import sys, time
from submissions.service.web.one_process import only_one
with only_one(sys.argv[1], watch_seconds=0.1):
    print("holds", flush=True)
    time.sleep(300)
"""


def serve(home: Path, accounts: str) -> subprocess.Popen[str]:
    """`sequestra serve` over an installation of its own, with accounts that others may share."""
    (home / "benchmarks").mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "sequestra", "serve", "--home", str(home), "--port", "0"],
        env=environment({"PYTHONPATH": str(REPOSITORY), "SEQUESTRA_ACCOUNTS": accounts}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def answers(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return "http://" in process.stdout.readline()


@contextmanager
def killed_at_the_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_a_second_web_process_names_the_first_and_a_kill_frees_the_store(
    database: str, tmp_path: Path
) -> None:
    with killed_at_the_end(serve(tmp_path / "one", database)) as first:
        assert answers(first)
        second = serve(tmp_path / "two", database)
        said = "".join(second.communicate(timeout=60))
        assert second.returncode == 2
        told = re.search(
            r"another `sequestra serve` \(process (\d+) of \S+\) answers over these accounts, and "
            r"limits of requests are counted in one process; stop it first$",
            " ".join(said.split()),
        )
        assert told is not None, said
        assert int(told[1]) == first.pid
        first.send_signal(signal.SIGKILL)
        first.wait()
    with killed_at_the_end(serve(tmp_path / "two", database)) as second:
        assert answers(second)


def test_stores_in_two_schemas_of_one_postgresql_have_a_process_each(cluster: PostgreSQL) -> None:
    with only_one(another(cluster)), only_one(another(cluster)):
        pass


def test_a_lock_lost_with_its_connection_is_taken_again(cluster: PostgreSQL) -> None:
    url = another(cluster)
    with only_one(url, watch_seconds=0.05):
        with raw(url) as connection:
            lost = connection.execute(
                text("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sequestra:%'")
            ).scalar_one()
            connection.execute(text("SELECT pg_terminate_backend(:p, 5000)"), {"p": lost})
        found: list[int] = []
        while lost in found or not found:
            with raw(url) as connection:
                rows = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
                found = list(connection.execute(rows).scalars())
        with pytest.raises(StoreError, match="another `sequestra serve`"), only_one(url):
            pass


def test_a_process_whose_lock_another_took_ends(cluster: PostgreSQL) -> None:
    url = another(cluster)
    first = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, url], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    with killed_at_the_end(first), ExitStack() as held:
        assert first.stdout is not None
        assert first.stdout.readline() == "holds\n"
        first.send_signal(signal.SIGSTOP)
        with raw(url) as connection:
            ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            who = {"name": f"sequestra: process {first.pid} of %"}
            connection.execute(text(f"{ended} WHERE application_name LIKE :name"), who)
        held.enter_context(only_one(url))
        first.send_signal(signal.SIGCONT)
        assert first.wait(timeout=60) == -signal.SIGTERM


def test_a_drop_folder_has_one_web_process(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    with (
        installation.receiving(),
        pytest.raises(
            InstallationError,
            match=r"^another `sequestra serve` takes uploads into .*; stop it first, or name "
            r"another folder in SEQUESTRA_DROP$",
        ),
        Installation(tmp_path / "home").receiving(),
    ):
        pytest.fail("two processes take uploads")
    with installation.receiving():  # the lock went with the first
        pass


def test_a_disk_without_locks_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS answers whose server keeps no locks; its number and words are the system's."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("submissions.ledger.database.locks.flock", no_locks)
    with (
        pytest.raises(OSError, match=os.strerror(errno.ENOLCK)) as told,
        only_one(f"sqlite:///{tmp_path}/accounts.sqlite"),
    ):
        pytest.fail("it serves without a lock")
    assert system_error(told.value) == (
        f"{tmp_path}/accounts.sqlite.serving: no locks available; files cannot be locked there: "
        "give a path on a local disk, or turn on locks of its server"
    )
