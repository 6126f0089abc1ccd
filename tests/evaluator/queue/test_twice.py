"""The same thing asked for twice, and what is taken back: each scored once, charged rightly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.stores.enclave import Event
from submissions.stage_times import Stage
from submissions.submission import Failure, State
from tests.support.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    one_sentence,
    released_figures,
    until,
)

pytestmark = pytest.mark.engine


def slots() -> int:
    """How many containers of the tests' contract run here at once."""
    engine = Engine.connect()
    engine.close()
    if engine.connection.cpus > 8:
        pytest.skip(f"{engine.connection.cpus} processors: too many containers to fill them")
    return engine.connection.cpus


def test_a_second_dispatcher_is_refused_in_the_same_home_and_on_the_same_ledger(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    submission = installed.submit(images["slower"], "Slow")
    shutil.copytree(installed.home, tmp_path / "elsewhere")
    ledger = f"sqlite:///{installed.home}/public/ledger.sqlite"
    elsewhere = Installed(tmp_path / "elsewhere", {"SEQUESTRA_LEDGER": ledger})
    with installed.running() as first:
        until(lambda: installed.runs(submission), while_lives=first)
        assert "another `sequestra run` works in" in installed.refused()
        assert "another `sequestra run` works on this ledger" in elsewhere.refused()
        assert first.poll() is None
        assert installed.command("cancel", submission).code == 0
        said = first.communicate(timeout=PATIENCE)[0]
    assert first.returncode == 0, said
    assert_true_state(installed, {"Slow": Failure.CANCELLED})
    assert elsewhere.events(submission) == []


def test_an_image_entered_twice_runs_once(installed: Installed, images: dict[str, str]) -> None:
    first = installed.submit(images["honest"], "First")
    second = installed.submit(images["honest"], "Second", team="Another team")
    installed.run()
    third = installed.submit(images["honest"], "Third", team="A third team")
    installed.run()
    assert_true_state(installed)
    assert Event.STARTED in installed.events(first)
    assert Event.STARTED not in installed.events(third)
    assert Event.REUSED in installed.events(third)
    figures = {released_figures(installed, each) for each in (first, second, third)}
    assert len(figures) == 1


def test_cancelled_in_the_queue_it_never_ran_and_is_not_charged(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["honest"], "Regretted")
    assert installed.command("cancel", submission).code == 0
    assert "nothing to cancel" in one_sentence(installed.command("cancel", submission))
    installed.run()
    assert installed.events(submission) == []
    assert installed.ledger.charged("A team", "simulated-opacity") == []
    assert_true_state(installed, {"Regretted": Failure.CANCELLED})


def test_what_waits_for_a_slot_is_queued_and_costs_nothing_to_cancel(
    installed: Installed, images: dict[str, str]
) -> None:
    slow = [installed.submit(images["slower"], f"Slow {n}", f"Team {n}") for n in range(slots())]
    behind = installed.submit(images["slower"], "Behind")
    with installed.running() as dispatcher:
        until(lambda: all(map(installed.runs, slow)), while_lives=dispatcher)
        assert installed.state(behind) is State.QUEUED
        for each in (behind, *slow):
            assert installed.command("cancel", each).code == 0
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    assert Event.STARTED not in installed.events(behind)
    assert installed.ledger.charged("A team", "simulated-opacity") == []
    assert len(installed.ledger.charged("Team 0", "simulated-opacity")) == 1
    cancelled = [each.model for each in installed.ledger.submissions()]
    assert_true_state(installed, dict.fromkeys(cancelled, Failure.CANCELLED))


def test_what_waits_for_a_slot_gets_that_of_one_that_is_cancelled(
    installed: Installed, images: dict[str, str]
) -> None:
    slow = [installed.submit(images["slower"], f"Slow {n}", f"Team {n}") for n in range(slots())]
    behind = installed.submit(images["honest"], "Behind")
    with installed.running() as dispatcher:
        until(lambda: all(map(installed.runs, slow)), while_lives=dispatcher)
        until(lambda: installed.containers(behind), while_lives=dispatcher)  # it is at hand
        for each in slow:
            assert installed.command("cancel", each).code == 0
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    cancelled = [f"Slow {n}" for n in range(len(slow))]
    assert_true_state(installed, dict.fromkeys(cancelled, Failure.CANCELLED))
    assert installed.state(behind) is State.RELEASED


def test_cancelled_in_its_run_the_container_is_gone_within_seconds_and_the_rest_go_on(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["slower"], "Regretted")
    behind = installed.submit(images["honest"], "Behind", team="Another team")
    with installed.running() as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        assert installed.command("cancel", submission).code == 0
        until(lambda: not installed.containers(submission), 15)  # it would sleep for 45
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    assert installed.state(behind) is State.RELEASED
    assert len(installed.ledger.charged("A team", "simulated-opacity")) == 1
    assert_true_state(installed, {"Regretted": Failure.CANCELLED})


def test_in_shards_a_deterministic_model_is_scored_to_the_same_bit(
    installed: Installed, another: Callable[[str], Installed], images: dict[str, str]
) -> None:
    whole, parted = installed, another("parted")
    one, three = (each.submit(images["honest"], "Honest") for each in (whole, parted))
    whole.run()
    parted.run("--shards", "3")
    cohort = whole.enclave.cohort("simulated-opacity")
    predicted = whole.enclave.predictions(one, cohort.digest)
    assert predicted is not None
    # Two scores of a trained model may share all six digits.
    assert len(set(predicted.values.values())) > 0.9 * len(cohort.cases())
    assert predicted == parted.enclave.predictions(three, cohort.digest)
    assert released_figures(whole, one) == released_figures(parted, three)
    shards = [each.stage for each in parted.enclave.stages(three)].count(Stage.INFER)
    assert shards == 3
    assert_true_state(parted)


def test_what_a_failed_run_took_is_kept_too(installed: Installed, images: dict[str, str]) -> None:
    submission = installed.submit(images["crashing"], "Crashing")
    installed.run()
    exact = {each.stage: each.seconds for each in installed.enclave.stages(submission)}
    assert set(exact) == {Stage.QUEUE, Stage.LOAD, Stage.START, Stage.INFER}
    assert 0 < exact[Stage.START] < 60
    assert set(installed.ledger.times(submission)) == {*exact, Stage.ADMIT}
