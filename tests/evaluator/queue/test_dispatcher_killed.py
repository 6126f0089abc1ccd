"""kill -9 of the dispatcher in every state of a submission's life, again and again the same one."""

from __future__ import annotations

import signal

import pytest

from submissions.submission import Failure, State
from tests.support.installation import PATIENCE, Installed, assert_true_state, until
from tests.support.life import LIFE
from tests.support.services import free_port
from tests.support.walkthrough import BENCHMARK

pytestmark = [pytest.mark.engine, pytest.mark.faults]


def test_one_submission_survives_a_kill_in_every_state(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["honest"], "Honest")
    for where, when, state in LIFE:
        installed.dies(where, when)
        assert installed.state(submission) is state, (where, when)
        assert installed.enclave.count_evaluations(submission) <= 1
    installed.run()
    assert_true_state(installed)


TRACKED = (
    ("mlflow:MlflowClient.create_run", "after"),
    ("mlflow:MlflowClient.set_terminated", "before"),
    ("mlflow:MlflowClient.set_terminated", "after"),
    ("submissions.ledger.ledger:Ledger.tracked", "before"),
    ("submissions.ledger.ledger:Ledger.tracked", "after"),
)


def test_one_release_survives_a_kill_at_every_step_of_its_tracking(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["honest"], "Honest")
    nobody = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    assert "does not take the release" in Installed(installed.home, nobody).refused()
    assert installed.state(submission) is State.RELEASED
    for where, when in TRACKED:
        assert len(installed.ledger.untracked()) == 1
        installed.dies(where, when, "track")
    installed.run()
    assert_true_state(installed)


def test_a_teams_failure_survives_a_kill_before_and_after_it_is_told(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["crashing"], "Crashing")
    for when in ("before", "after"):
        installed.dies("evaluator.stores.enclave:Enclave.record_failure", when)
        assert installed.state(submission) is State.RUNNING
    installed.run()
    assert_true_state(installed, {"Crashing": Failure.CRASHED})


@pytest.mark.parametrize(
    ("where", "when"),
    [
        ("submissions.ledger.ledger:Ledger.receive", "before"),
        ("submissions.ledger.ledger:Ledger.receive", "after"),
    ],
)
def test_an_entry_that_is_cut_off_stands_whole_or_not_at_all(
    installed: Installed, images: dict[str, str], where: str, when: str
) -> None:
    entry = ("submit", images["honest"], "--benchmark", BENCHMARK, "--team", "A", "--model", "M")
    installed.dies(where, when, *entry)
    entered = installed.ledger.submissions()
    assert [each.state for each in entered] == [State.RECEIVED] * (when == "after")
    if not entered:
        installed.submit(images["honest"], "M", team="A")
    installed.run()
    assert_true_state(installed)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_the_queue_has_back_what_was_under_way(
    installed: Installed, images: dict[str, str], sign: signal.Signals
) -> None:
    submission = installed.submit(images["slower"], "Slow")
    with installed.running("--watch") as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        dispatcher.send_signal(sign)
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode not in (0, None)
    assert "Traceback" not in said
    assert installed.state(submission) is State.QUEUED
    assert installed.containers(submission) == []
    assert installed.command("cancel", submission).code == 0
    installed.run()
    # Its container read sequestered cases before it was stopped.
    assert_true_state(installed, {"Slow": Failure.CANCELLED})
