"""No look is open once none can be entered and none is under way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from evaluator.claims.closing import is_closed
from submissions.ledger.beside_releases.retirement import RETIRED
from submissions.ledger.ledger import Ledger
from submissions.period import Period
from submissions.quota import Quota
from submissions.submission import Failure, State
from tests.support.received import submission

QUOTA = Quota(cohort_looks=2)
LAST_DAY = date(2026, 3, 1)
PERIOD = Period(closes=LAST_DAY)
AFTER = date(2026, 3, 2)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield opened
    opened.close()


def enter(ledger: Ledger, name: str, *states: State) -> None:
    ledger.receive(submission(name, f"Team {name}"), QUOTA, *states)


RUN = (State.LINTED, State.QUEUED, State.RUNNING)
HELD = (*RUN, State.SCORING, State.HELD)


def test_looks_are_open_to_the_last_day_and_closed_after_it(ledger: Ledger) -> None:
    assert not is_closed(ledger, "chest", PERIOD, QUOTA, LAST_DAY)
    assert is_closed(ledger, "chest", PERIOD, QUOTA, AFTER)
    assert not is_closed(ledger, "chest", Period(), QUOTA, AFTER)


def test_what_waits_or_runs_keeps_looks_open_and_what_is_held_does_not(ledger: Ledger) -> None:
    enter(ledger, "s1", *HELD)
    assert is_closed(ledger, "chest", PERIOD, QUOTA, AFTER)
    enter(ledger, "s2")
    assert not is_closed(ledger, "chest", PERIOD, QUOTA, AFTER)
    ledger.move("s2", State.FAILED, Failure.CANCELLED)
    assert is_closed(ledger, "chest", PERIOD, QUOTA, AFTER)


def test_the_cap_of_the_cohort_closes_it_and_so_does_retirement(ledger: Ledger) -> None:
    enter(ledger, "s1", *HELD)
    assert not is_closed(ledger, "chest", Period(), QUOTA, AFTER)
    enter(ledger, "s2", *RUN)
    assert not is_closed(ledger, "chest", Period(), QUOTA, AFTER)  # it runs still
    ledger.move("s2", State.FAILED, Failure.CRASHED)
    assert is_closed(ledger, "chest", Period(), QUOTA, AFTER)
    assert not is_closed(ledger, "other", Period(), QUOTA, AFTER)
    ledger.record(RETIRED, "other", "the steward has drawn the next one")
    assert is_closed(ledger, "other", Period(), QUOTA, AFTER)
