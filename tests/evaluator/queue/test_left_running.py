"""Containers that go on after what started them was killed are ended by whatever comes next."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from evaluator.stores.enclave import Event
from submissions.submission import Failure, State
from tests.support.engine_events import DIE, START, EngineEvents, engine_events
from tests.support.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    leavings,
    mark,
    until,
)
from tests.support.life import START as STARTED
from tests.support.services import Scheduler, Worker, started

pytestmark = pytest.mark.engine


def still_runs(installed: Installed, submission: str) -> str:
    """The container that nobody waits for any more."""
    (left,) = installed.running_containers(submission)
    return left


def test_what_a_killed_dispatcher_left_running_is_ended_even_if_nothing_is_to_be_done(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["waiting"], "Waits")
    installed.dies(STARTED, "after")
    still_runs(installed, submission)
    assert installed.command("cancel", submission).code == 0
    still_runs(installed, submission)
    installed.run()
    assert_true_state(installed, {"Waits": Failure.CANCELLED})


def test_what_a_killed_dispatcher_left_running_is_ended_before_it_is_run_again(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    submission = installed.submit(images["waiting"], "Waits")
    with engine_events(tmp_path) as engine:
        installed.dies(STARTED, "after")
        left = still_runs(installed, submission)
        assert len(leavings(installed.home)) == 1
        with installed.running() as dispatcher:
            assert_ended_before_the_next(installed, submission, left, engine)
            said = dispatcher.communicate(timeout=PATIENCE)[0]
        assert dispatcher.returncode == 0, said
    assert_true_state(installed)


@pytest.mark.faults
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_worker_runs_for_a_dispatcher_that_is_gone_is_ended_before_it_is_run_again(
    installed: Installed, images: dict[str, str], tmp_path: Path, sign: signal.Signals
) -> None:
    submission = installed.submit(images["waiting"], "Waits")
    scheduler = Scheduler()
    away = ("--scheduler", scheduler.address)
    with engine_events(tmp_path) as engine, started(scheduler, Worker(scheduler, tmp_path / "one")):
        with installed.running(*away) as dispatcher:
            until(lambda: installed.runs(submission), while_lives=dispatcher)
            left = still_runs(installed, submission)
            dispatcher.send_signal(sign)
            dispatcher.wait(PATIENCE)
        with installed.running(*away) as dispatcher:
            assert_ended_before_the_next(installed, submission, left, engine)
            said = dispatcher.communicate(timeout=PATIENCE)[0]
        assert dispatcher.returncode == 0, said
    assert_true_state(installed)


@pytest.mark.faults
def test_what_a_worker_runs_of_a_submission_cancelled_meanwhile_is_ended_with_the_next_queue(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    cancelled = installed.submit(images["waiting"], "Waits")
    scheduler = Scheduler()
    away = ("--scheduler", scheduler.address)
    with started(scheduler, Worker(scheduler, tmp_path / "one", slots=1)):
        with installed.running(*away) as dispatcher:
            until(lambda: installed.runs(cancelled), while_lives=dispatcher)
            dispatcher.kill()
            dispatcher.wait(PATIENCE)
        assert installed.command("cancel", cancelled).code == 0
        still_runs(installed, cancelled)
        behind = installed.submit(images["honest"], "Behind", team="Another team")
        installed.run(*away)
        assert installed.state(behind) is State.RELEASED
        until(lambda: not installed.containers(cancelled), 10)
    assert_true_state(installed, {"Waits": Failure.CANCELLED})


def assert_ended_before_the_next(
    installed: Installed, submission: str, left: str, engine: EngineEvents
) -> None:
    """Let the next container go on; the one that was left was killed before that started."""
    until(lambda: engine.starts(submission) == 2)
    first, death, second, *_ = engine.of(submission)
    assert (first.action, first.container) == (START, left)
    assert (death.action, death.container) == (DIE, left)
    assert second.action == START
    mark(second.container, "go")


@pytest.mark.faults
def test_what_a_killed_worker_left_running_is_ended_by_one_that_starts_on_its_host(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    submission = installed.submit(images["waiting"], "Waits")
    scheduler = Scheduler()
    one, two = (Worker(scheduler, tmp_path / name) for name in ("one", "two"))
    watching = ("--watch", "--scheduler", scheduler.address)
    with started(scheduler, one), installed.running(*watching) as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        left = still_runs(installed, submission)
        one.kill()
        # Nothing of it is to be run again: the worker that starts is given nothing to do.
        assert installed.command("cancel", submission).code == 0
        until(lambda: Event.CANCELLED in installed.events(submission), while_lives=dispatcher)
        assert still_runs(installed, submission) == left
        with started(two):
            until(lambda: left not in installed.containers(submission), 60, while_lives=dispatcher)
            until(lambda: not leavings(installed.home), 10)
        dispatcher.terminate()
        dispatcher.wait(PATIENCE)
    assert installed.state(submission) is State.FAILED
