"""A disk that is full and a clock that jumps, under a queue at work."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from evaluator.stores.enclave import Event
from submissions.stage_times import Stage
from submissions.submission import Failure, State
from tests.support.engine_events import DIE, START, engine_events
from tests.support.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    copied,
    mark,
    one_sentence,
    until,
)
from tests.support.programs import SECOND, SMALLER, seal_second
from tests.support.repository import REPOSITORY
from tests.support.services import Scheduler, Worker, run_as_root, started
from tests.support.small_disk import fill, small_file_system
from tests.support.walkthrough import BENCHMARK

pytestmark = [pytest.mark.engine, pytest.mark.faults]

MEGABYTES = 40
DAY = 86_400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, in memory."""
    with small_file_system(tmp_path / "disk", MEGABYTES) as folder:
        yield folder


@pytest.mark.parametrize("part", ["enclave", "everything", "all but what is written down"])
def test_a_full_disk_stops_the_queue_and_nothing_is_lost(
    sealed: Path, images: dict[str, str], small_disk: Path, tmp_path: Path, part: str
) -> None:
    """With its database elsewhere, the enclave could still say that the container crashed."""
    installed = copied(sealed, (small_disk if part == "everything" else tmp_path) / "home")
    if part != "everything":
        (installed.home / "enclave").rename(tmp_path / "moved")
        copied(tmp_path / "moved", small_disk / "enclave")
        (installed.home / "enclave").symlink_to(small_disk / "enclave")
    if part == "all but what is written down":
        database = small_disk / "enclave" / "enclave.sqlite"
        database.symlink_to(shutil.move(database, tmp_path / "enclave.sqlite"))
    submission = installed.submit(images["slow"], "Slow")
    installed.submit(images["honest"], "Honest")
    with installed.running() as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        filling = fill(small_disk)
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 2, said
    assert "Traceback" not in said
    assert "full" in said.lower() or "no space" in said.lower()
    assert installed.containers(submission) == []
    assert installed.state(submission) in (State.QUEUED, State.RUNNING, State.SCORING)
    one_sentence(installed.command("run"))
    filling.unlink()
    installed.run()
    assert_true_state(installed)


CLOCK = "SEQUESTRA_TEST_CLOCK"
"""Names the file that says how many seconds the clock is off (moved_clock.c)."""


@pytest.fixture
def moved_clock(tmp_path: Path) -> dict[str, str]:
    """What has a command see the time that a file says; its clock of passing seconds stays."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("CI must run the tests of a clock that jumps")
        pytest.skip("no C compiler on this machine: install the package gcc")
    library, clock = tmp_path / "moved_clock.so", tmp_path / "clock"
    source = REPOSITORY / "tests" / "support" / "moved_clock.c"
    run_as_root(compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source))
    clock.write_text("0")
    return {"LD_PRELOAD": str(library), CLOCK: str(clock)}


def jump(moved_clock: dict[str, str], days: int) -> None:
    """Set the clock so many days off, at once for all who look at it."""
    clock = Path(moved_clock[CLOCK])
    clock.with_suffix(".new").write_text(str(days * DAY))
    clock.with_suffix(".new").replace(clock)


def test_a_clock_that_jumps_between_commands_changes_no_order_and_no_quota(
    installed: Installed, images: dict[str, str], moved_clock: dict[str, str]
) -> None:
    moved = Installed(installed.home, moved_clock)
    names = []
    for days, image, model in ((3, "slow", "A"), (-3, "honest", "B"), (0, "other", "C")):
        jump(moved_clock, days)
        names.append(moved.submit(images[image], model))
    jump(moved_clock, -3)
    with moved.running() as dispatcher:
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    assert taken_up(said) == names
    assert [each.submission_id for each in installed.ledger.submissions()] == names
    received = [each.received.timestamp() for each in installed.ledger.submissions()]
    assert received[0] - received[1] > 5.9 * DAY  # the clock did jump
    assert_true_state(installed)
    # Three in seven days is the quota, wherever the clock stands within them.
    for days in (3, -3, 0):
        jump(moved_clock, days)
        who = ("--team", "A team", "--model", "D")
        entry = moved.command("submit", images["nan"], "--benchmark", BENCHMARK, *who)
        assert "has used its 3 submissions of 7 days" in one_sentence(entry)
    assert all(each.state is State.RELEASED for each in installed.ledger.submissions())


LIMIT = 15
"""Seconds that a container of this test may run."""


@pytest.mark.parametrize("away", [False, True], ids=["here", "on workers"])
@pytest.mark.parametrize("days", [3, -3])
def test_a_clock_that_jumps_while_containers_run_changes_no_limit_and_no_order(
    installed: Installed,
    images: dict[str, str],
    sealed: Path,
    moved_clock: dict[str, str],
    tmp_path: Path,
    days: int,
    away: bool,
) -> None:
    lines = {
        "start_seconds = 60": f"start_seconds = {LIMIT}",
        "case_seconds = 1": "case_seconds = 0",
    }
    seal_second(installed, sealed, tmp_path, {**SMALLER, **lines})
    moved = Installed(installed.home, moved_clock)
    kinds = (("waiting", "Within"), ("slower", "Beyond"), ("honest", "Behind"), ("other", "Last"))
    names = [moved.submit(images[image], model, model, benchmark=SECOND) for image, model in kinds]
    within, beyond, *_ = names
    with ExitStack() as opened:
        engine = opened.enter_context(engine_events(tmp_path))
        where: tuple[str, ...] = ()
        if away:
            scheduler = Scheduler(env=moved_clock)
            worker = Worker(scheduler, tmp_path / "worker", env=moved_clock)
            opened.enter_context(started(scheduler, worker))
            where = ("--scheduler", scheduler.address)
        dispatcher = opened.enter_context(moved.running(*where))
        for each in (within, beyond):
            until(lambda each=each: installed.runs(each), while_lives=dispatcher)  # type: ignore[misc]
        (container,) = installed.running_containers(within)
        jump(moved_clock, days)
        time.sleep(2)  # whoever would take it for the end of its time has time to
        mark(container, "go")
        said = dispatcher.communicate(timeout=PATIENCE)[0]
        assert dispatcher.returncode == 0, said
        told = {each: engine.of(each) for each in names}
    assert all([event.action for event in told[each]] == [START, DIE] for each in names), told
    start, death = (event.at for event in told[beyond])
    assert LIMIT - 1 < death - start < LIMIT + 10
    for each in (within, beyond):
        events = {attempt.event: attempt.at for attempt in installed.attempts(each)}
        last = Event.ENDED if each == within else Event.FAILED
        passed = (events[last] - events[Event.STARTED]).total_seconds()
        assert abs(passed - days * DAY) < 3600  # the clock did jump
    for each in names:
        stages = installed.enclave.stages(each)
        (took,) = [found.seconds for found in stages if found.stage is Stage.INFER]
        assert 0 < took < LIMIT + 10
    assert taken_up(said) == names
    assert_true_state(installed, {"Beyond": Failure.TIMED_OUT})


def taken_up(said: str) -> list[str]:
    """The submissions that a dispatcher told to run, in its order."""
    return [line.split()[0] for line in said.splitlines() if line.endswith("running")]
