"""The cases of a submission in several containers: what is reused, and what runs after what."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.stores.enclave import Event
from tests.support.engine_events import DIE, START, engine_events
from tests.support.installation import PATIENCE, Installed, assert_true_state, mark, until
from tests.support.programs import SECOND, SMALLER, seal_second

pytestmark = pytest.mark.engine


def test_a_run_stands_for_another_of_the_same_image_only_in_as_many_shards(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    with engine_events(tmp_path) as engine:
        for number, (shards, containers, last) in enumerate(
            [(1, 1, Event.ENDED), (2, 2, Event.ENDED), (2, 0, Event.REUSED), (1, 0, Event.REUSED)]
        ):
            submission = installed.submit(images["honest"], f"Try {number}", f"Team {number}")
            installed.run("--shards", str(shards))
            assert engine.starts(submission) == containers, (number, shards)
            assert installed.events(submission)[-1] is last, (number, shards)
    assert_true_state(installed)


def test_the_second_run_of_a_share_of_the_cases_begins_when_the_first_of_all_has_ended(
    installed: Installed, images: dict[str, str], sealed: Path, tmp_path: Path
) -> None:
    lines = {**SMALLER, "repeat_share = 0.1": "repeat_share = 0.2"}
    seal_second(installed, sealed, tmp_path, lines)
    submission = installed.submit(images["waiting"], "Waits", benchmark=SECOND)
    shards = ("--shards", "2")
    with engine_events(tmp_path) as engine, installed.running(*shards) as dispatcher:
        until(lambda: len(installed.running_containers(submission)) == 2, while_lives=dispatcher)
        one, other = installed.running_containers(submission)
        mark(one, "go")
        until(lambda: one not in installed.containers(submission), while_lives=dispatcher)
        with pytest.raises(AssertionError, match="waited in vain"):
            until(lambda: engine.starts(submission) == 3, 3, while_lives=dispatcher)
        mark(other, "go")
        until(lambda: engine.starts(submission) == 3, while_lives=dispatcher)
        (again,) = installed.running_containers(submission)
        mark(again, "go")
        said = dispatcher.communicate(timeout=PATIENCE)[0]
        assert dispatcher.returncode == 0, said
        told = engine.of(submission)
    assert [each.action for each in told] == [START, START, DIE, DIE, START, DIE]
    assert [each.container for each in told[2:]] == [one, other, again, again]
    (repeated,) = [each for each in installed.attempts(submission) if each.event is Event.REPEATED]
    assert repeated.detail == (
        "8 cases run again: largest difference 0, within the tolerance of 0.0001"
    )
    assert_true_state(installed)


def test_the_first_run_counts_and_stands_for_another_where_the_second_came_near_it(
    installed: Installed, images: dict[str, str], sealed: Path, tmp_path: Path
) -> None:
    seal_second(
        installed, sealed, tmp_path, {**SMALLER, "repeat_share = 0.1": "repeat_share = 0.2"}
    )
    near, far = "drifts by 0.00005", "drifts by 0.01"
    ends: dict[tuple[str, str], list[Event]] = {}
    for team in ("First", "Second"):
        entered = {
            image: installed.submit(images[image], f"{team} {number}", team, benchmark=SECOND)
            for number, image in enumerate((near, far))
        }
        installed.run()
        for image, submission in entered.items():
            events = installed.attempts(submission)
            ends[team, image] = [each.event for each in events]
            told = [each.detail for each in events if each.event is Event.REPEATED]
            if (team, image) != ("Second", near):
                size = "5e-05, within" if image is near else "0.01, over"
                assert told == [
                    f"8 cases run again: largest difference {size} the tolerance of 0.0001"
                ]
            predicted = installed.predicted(submission, SECOND).values
            assert set(predicted.values()) == {(0.3,)}, "what the second run said counted"
    assert ends["First", near][-1] is Event.ENDED
    assert ends["Second", near] == [Event.REUSED]
    assert ends["First", far] == ends["Second", far]
    assert_true_state(installed)
