"""Workers in processes of their own, and the scheduler: killed in the middle of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from submissions.submission import State
from tests.support.installation import PATIENCE, Installed, assert_true_state, until
from tests.support.services import Scheduler, Worker, started

pytestmark = [pytest.mark.engine, pytest.mark.faults]


def test_what_a_killed_worker_had_is_done_by_another(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    submissions = [
        installed.submit(images["slow"], "Slow"),
        installed.submit(images["honest"], "Honest"),
        installed.submit(images["other"], "Other"),
    ]
    scheduler = Scheduler()
    one, two = (Worker(scheduler, tmp_path / name, slots=1) for name in ("one", "two"))
    with started(scheduler, one), installed.running("--scheduler", scheduler.address) as run:
        until(lambda: installed.runs(submissions[0]), while_lives=run)
        one.kill()
        with started(two):
            said = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 0, said
    assert_true_state(installed)


def test_a_lost_scheduler_stops_the_queue_and_the_next_run_takes_up(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    submission = installed.submit(images["slow"], "Slow")
    scheduler = Scheduler()
    worker = Worker(scheduler, tmp_path / "worker")
    with started(scheduler, worker), installed.running("--scheduler", scheduler.address) as run:
        until(lambda: installed.runs(submission), while_lives=run)
        scheduler.kill()
        said = run.communicate(timeout=PATIENCE)[0]
        assert run.returncode == 2, said
        assert "the Dask scheduler is lost" in said
        assert "Traceback" not in said
        assert installed.state(submission) is State.QUEUED
        assert f"no Dask scheduler answers at {scheduler.address}" in installed.refused(
            "--scheduler", scheduler.address
        )
    installed.run()
    assert_true_state(installed)


def test_with_no_worker_for_what_the_benchmark_grants_the_queue_says_so(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    submission = installed.submit(images["honest"], "Honest")
    scheduler = Scheduler()
    with started(scheduler, Worker(scheduler, tmp_path / "worker", slots=0)):
        said = installed.refused("--scheduler", scheduler.address)
    assert "no worker offers SLOT=1 MEMORY=2048" in said
    assert installed.state(submission) is State.QUEUED


def test_a_watching_queue_outlasts_its_workers(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    """Its submission goes back to the queue after a minute, which others could use meanwhile."""
    submission = installed.submit(images["slow"], "Slow")
    scheduler = Scheduler()
    one, two = (Worker(scheduler, tmp_path / name) for name in ("one", "two"))
    watching = ("--watch", "--scheduler", scheduler.address)
    with started(scheduler, one), installed.running(*watching) as run:
        until(lambda: installed.runs(submission), while_lives=run)
        one.kill()
        until(lambda: installed.state(submission) is State.QUEUED, while_lives=run)
        with started(two):
            until(lambda: installed.state(submission) is State.RELEASED, while_lives=run)
        run.terminate()
        said = run.communicate(timeout=PATIENCE)[0]
    assert "wait: no worker offers SLOT=1 MEMORY=2048" in said
    assert_true_state(installed)
