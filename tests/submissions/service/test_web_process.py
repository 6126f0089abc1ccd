"""The web process opens public files alone: ledger, accounts, drop, benchmarks, practice cases."""

from __future__ import annotations

import ast
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from evaluator.stores.installation import Installation
from submissions.service.principal import Scope
from submissions.service.requests import sign_up
from submissions.service.store import Store
from tests.support.commands import environment
from tests.support.practice_files import FILES, practice_cases
from tests.support.repository import REPOSITORY

HIDDEN = ("enclave", "keys", "mlflow", "practice/not-sealed")
SEEN = ("public", "service", "drop", "benchmarks", "agreement.md", "practice")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with a sealed benchmark that has practice cases, and hidden files."""
    home = tmp_path / "home"
    (home / "benchmarks").mkdir(parents=True)
    name = sorted((REPOSITORY / "benchmarks").glob("*.toml"))[0]
    text = name.read_text() + "\n[practice]\ncases = 2\n"
    (home / "benchmarks" / name.name).write_text(text)
    practice_cases(home / "practice" / name.stem)
    for folder in HIDDEN:
        (home / folder).mkdir(parents=True)
        (home / folder / "file").write_text("not for the web process")
    installation = Installation(home)
    for benchmark in installation.names():
        installation.ledger().record("seal", benchmark, "")
    return home


@contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """The address of a web process, which is asked to end after the block."""
    with subprocess.Popen(
        [sys.executable, *command],
        env=environment({"PYTHONPATH": str(REPOSITORY)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            found = re.search(r"serving (http://\S+) ", said)
            assert found is not None, said
            yield found[1]
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)


def member(home: Path) -> dict[str, str]:
    """The headers of a person who is in a team and accepted the agreement."""
    from submissions.service.settings import read_agreement

    store = Store(f"sqlite:///{home}/service/accounts.sqlite")
    request_id = store.requests.ask(sign_up("Ada", "ada@x.org", "north", "Hospital", "To test."))
    person_id = store.requests.approve(request_id).person_id
    store.accept(person_id, read_agreement().version)
    _, secret = store.tokens.new(person_id, "t", Scope, 1)
    store.close()
    return {"Authorization": f"Bearer {secret}"}


def test_the_web_process_opens_no_hidden_file(home: Path, tmp_path: Path) -> None:
    (benchmark,) = Installation(home).names()
    written = tmp_path / "opened.txt"
    headers = member(home)
    command = ["-m", "tests.support.watched_web", str(home), str(written)]
    with serving(command) as address, httpx.Client(base_url=address, headers=headers) as client:
        statuses = {
            path: client.get(path).status_code
            for path in (
                "/",
                f"/benchmarks/{benchmark}",
                "/team/sign-in",
                "/api/v1/openapi.json",
                f"/api/v1/benchmarks/{benchmark}/file",
                f"/api/v1/benchmarks/{benchmark}/practice",
                "/api/v1/me",
                "/api/v1/submissions",
                f"/api/v1/quota?benchmark={benchmark}&team=north",
            )
        }
        assert set(statuses.values()) == {200}, statuses
        reference = f"registry.example.org/team/model@sha256:{'0' * 64}"
        entry = {"benchmark": benchmark, "team": "north", "model": "m", "reference": reference}
        entered = client.post("/api/v1/submissions", json=entry)
        assert entered.status_code == 201, entered.text
        submission = f"/api/v1/submissions/{entered.json()['submission_id']}"
        assert client.post(f"{submission}/withdraw").status_code == 200
    lines = written.read_text().splitlines()
    below = [line.partition(f"{home}/")[2] for line in lines if f"{home}/" in line]
    assert {path.split("/")[0].partition("?")[0] for path in below} <= set(SEEN), below
    assert any(path.startswith("service/") for path in below)
    practised = {path for path in below if path.startswith("practice")}
    assert practised == {f"practice/{benchmark}/{name}" for name in ("open.csv", *FILES)}
    imported = {line.removeprefix("import ") for line in lines if line.startswith("import ")}
    assert "submissions.service.store" in imported
    assert not imported & {"docker", "evaluator.sandbox.engine", "evaluator.queue.dispatcher"}
    assert [line for line in lines if line.startswith("subprocess.Popen")] == []


def test_the_web_process_answers_where_the_hidden_folders_are_gone(home: Path) -> None:
    (benchmark,) = Installation(home).names()
    gone = [home / folder.partition("/")[0] for folder in HIDDEN]
    for folder in gone:
        shutil.rmtree(folder)
    headers = member(home)
    command = ["-m", "evaluator.cli", "serve", "--port", "0", "--home", str(home)]
    with serving(command) as address, httpx.Client(base_url=address, headers=headers) as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/v1/me").json()["teams"][0]["team"] == "north"
        assert client.get("/team/benchmarks").status_code in (200, 303)
        there = f"/api/v1/benchmarks/{benchmark}"
        assert client.get(there).json()["practice_archive"] is None
        refused = client.get(f"{there}/practice")
        assert refused.status_code == 404
        assert "`sequestra check --open LIST`" in refused.json()["detail"]
    assert not any(folder.exists() for folder in gone)


def test_a_benchmark_that_is_sealed_meanwhile_is_offered_without_a_restart(home: Path) -> None:
    (first,) = Installation(home).names()
    text = (home / "benchmarks" / f"{first}.toml").read_text()
    command = ["-m", "evaluator.cli", "serve", "--port", "0", "--home", str(home)]
    with serving(command) as address, httpx.Client(base_url=address) as client:

        def names() -> list[str]:
            told = client.get("/api/v1/benchmarks").json()["benchmarks"]
            return [each["name"] for each in told]

        assert names() == [first]
        later = home / "benchmarks" / "zz-later.toml"
        later.write_text(text.replace(f'name = "{first}"', 'name = "zz-later"'))
        assert client.get("/benchmarks/zz-later").status_code == 200  # its board, without a row
        assert names() == [first]  # nobody has sealed it
        with closing(Installation(home).ledger()) as ledger:
            ledger.record("seal", "zz-later", "")
        assert within_a_minute(lambda: names() == [first, "zz-later"])
        later.write_text("no TOML")
        assert names() == [first, "zz-later"]
        later.unlink()
        assert names() == [first]


def within_a_minute(holds: Callable[[], bool]) -> bool:
    """Ask until it holds."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_the_service_imports_nothing_of_the_evaluator() -> None:
    modules = list((REPOSITORY / "submissions").rglob("*.py"))
    assert len(modules) > 50
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [name for name in names if name.startswith(("evaluator", "docker"))], path


def test_up_starts_the_pages_and_the_queue_and_ends_both(home: Path) -> None:
    command = ["-m", "evaluator.cli", "up", "--port", "0", "--home", str(home)]
    with serving(command) as address:
        assert httpx.get(f"{address}/api/v1/benchmarks").status_code == 200
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{address}/api/v1/benchmarks")


def test_an_up_that_is_killed_leaves_neither_pages_nor_queue(home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "evaluator.cli", "up", "--port", "0", "--home", str(home)],
        env=environment({"PYTHONPATH": str(REPOSITORY)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        assert httpx.get(f"{found[0]}/api/v1/benchmarks").status_code == 200
        process.kill()
        process.communicate(timeout=60)  # its output stays open as long as a process has it
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{found[0]}/api/v1/benchmarks")
