"""Runs that others end: a dead process's, a cancelled one, and one that a stranger stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.models.containers import Container

from evaluator.sandbox import runs as runs_module
from evaluator.sandbox.engine import LABEL, Engine, EngineUnavailable
from evaluator.sandbox.staging import remove_leftovers, stage
from submissions.host.base_image import docker
from submissions.submission import ContractBroken, Failure
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import MILD
from tests.support.engine import ImageBuilder, count_containers
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.engine

SLEEP = "import time\ntime.sleep(600)\n"
GIVES_UP = f"import signal, sys\nsignal.signal(15, lambda *_: sys.exit(1))\n{SLEEP}"


def containers(engine: Engine, submission_id: str) -> list[str]:
    found = engine.client.api.containers(
        all=True, filters={"label": f"{LABEL}={submission_id}", "status": "running"}
    )
    return [each["Id"] for each in found]


def until_it_runs(engine: Engine, submission_id: str) -> str:
    deadline = time.monotonic() + 60
    while not (found := containers(engine, submission_id)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found[0]


@contextmanager
def worker(
    digest: str, folder: Path, staging: Path, submission_id: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own that runs a submission over cases of its own."""
    program = (
        "from pathlib import Path\nfrom evaluator.sandbox.engine import Engine\n"
        "from evaluator.sandbox.staging import stage\nfrom tests.attacks.arena import stage_cases\n"
        "from tests.attacks.catalogue import MILD\n"
        f"cases, _ = stage_cases(Path({str(folder)!r}), MILD)\n"
        f"with stage(cases, MILD, Path({str(staging)!r})) as staged:\n"
        f"    Engine.connect().run({digest!r}, staged, MILD, submission_id={submission_id!r})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_of_two_workers_on_an_engine_only_the_dead_ones_container_is_removed(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    digest = image_of(SLEEP)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with (
        worker(digest, tmp_path / "1", ours, "test-dead") as dead,
        worker(digest, tmp_path / "2", ours, "test-alive"),
        worker(digest, tmp_path / "3", theirs, "test-elsewhere") as elsewhere,
    ):
        names = ("test-dead", "test-alive", "test-elsewhere")
        running = {name: until_it_runs(engine, name) for name in names}
        assert engine.containers.remove_dead(ours) == 0
        for process in (dead, elsewhere):
            process.kill()
            process.wait()
        assert engine.containers.remove_dead(ours) == 1
        assert containers(engine, "test-dead") == []
        assert containers(engine, "test-alive") == [running["test-alive"]]
        assert containers(engine, "test-elsewhere") == [running["test-elsewhere"]]
        assert remove_leftovers(ours) == 1
        assert remove_leftovers(theirs) == 1
        assert engine.containers.remove_dead(theirs) == 1  # its folder is gone already
        assert engine.containers.remove_dead(ours) == 0
    assert engine.containers.remove_dead(ours) == 1


def ended_by(
    act: Callable[[str], object],
    engine: Engine,
    image: str,
    folder: Path,
    submission_id: str,
) -> tuple[Exception, float]:
    """Run in this process while ``act`` is done to the container; the end and its seconds."""
    cases, root = stage_cases(folder, MILD)
    acted: list[float] = []

    def waits() -> None:
        watching = Engine.connect()
        container = until_it_runs(watching, submission_id)
        acted.append(time.monotonic())
        act(container)
        watching.close()

    thread = threading.Thread(target=waits)
    thread.start()
    with (
        stage(cases, MILD, root) as staged,
        pytest.raises((ContractBroken, EngineUnavailable)) as ended,
    ):
        engine.run(image, staged, MILD, submission_id=submission_id)
    seconds = time.monotonic() - acted[0]
    thread.join()
    assert count_containers(engine, submission_id) == 0
    return ended.value, seconds


def test_a_cancelled_run_ends_at_once_and_is_not_told_as_out_of_memory(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    killed: list[int] = []

    def cancel(_: str) -> None:
        another = Engine.connect()
        killed.append(another.kill("test-cancel"))
        another.close()

    broken, seconds = ended_by(cancel, engine, image_of(SLEEP), tmp_path, "test-cancel")
    assert isinstance(broken, ContractBroken)
    assert broken.failure is Failure.CANCELLED
    assert killed == [1]
    assert seconds < 20
    assert engine.kill("test-cancel") == 0


def test_a_run_that_is_cancelled_just_before_it_starts_does_not_go_on(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = runs_module._start
    killed: list[int] = []

    def late(container: Container) -> None:
        killed.append(engine.kill("test-early"))
        start(container)

    monkeypatch.setattr(runs_module, "_start", late)
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged, pytest.raises(ContractBroken) as broken:
        engine.run(image_of(SLEEP), staged, MILD, submission_id="test-early")
    assert broken.value.failure is Failure.CANCELLED
    assert killed == [1]
    assert count_containers(engine, "test-early") == 0


@pytest.mark.parametrize(
    ("script", "asked_in_vain"),
    [(SLEEP, 0), (SLEEP, 1), ("raise SystemExit(137)\n", 2)],
    ids=["before it was created", "as it started", "between two tries"],
)
def test_a_run_that_was_given_up_while_there_was_nothing_to_kill_does_not_go_on(
    script: str, asked_in_vain: int, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    answers = iter([False] * asked_in_vain)
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged, pytest.raises(ContractBroken) as broken:
        engine.run(
            image_of(script),
            staged,
            MILD,
            submission_id="test-given-up",
            given_up=lambda: next(answers, True),
        )
    assert broken.value.failure is Failure.CANCELLED
    assert next(answers, None) is None
    assert count_containers(engine, "test-given-up") == 0


@pytest.mark.parametrize("command", ["kill", "stop"])
def test_a_container_that_a_stranger_ended_is_not_the_teams_failure(
    command: str, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    broken, _ = ended_by(
        lambda container: docker(command, container),
        engine,
        image_of(GIVES_UP),
        tmp_path,
        f"test-stranger-{command}",
    )
    assert isinstance(broken, EngineUnavailable)
    assert "was ended from outside" in str(broken)


def test_a_container_that_the_host_killed_once_is_run_again(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    """As a host does that is short of memory itself: nobody asked the engine, nor does it know."""
    cases, root = stage_cases(tmp_path, MILD)
    killed: list[str] = []

    def kill() -> None:
        watching = Engine.connect()
        killed.append(until_it_runs(watching, "test-host"))
        os.kill(watching.client.api.inspect_container(killed[0])["State"]["Pid"], signal.SIGKILL)
        watching.close()

    thread = threading.Thread(target=kill)
    thread.start()
    write = "open('/output/predictions.csv', 'w').write('x')"
    image = image_of(f"import time\ntime.sleep(4)\n{write}\n")
    with stage(cases, MILD, root) as staged:
        engine.run(image, staged, MILD, submission_id="test-host")
        assert staged.predictions.read_text() == "x"
    thread.join()
    assert len(killed) == 1
    assert count_containers(engine, "test-host") == 0


def test_a_program_that_ends_as_if_it_was_killed_is_the_teams(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, MILD)
    image = image_of("raise SystemExit(137)\n")
    with stage(cases, MILD, root) as staged, pytest.raises(ContractBroken) as broken:
        engine.run(image, staged, MILD, submission_id="test-itself")
    assert broken.value.failure is Failure.OUT_OF_MEMORY
