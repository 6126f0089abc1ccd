"""Every change of state has owners, and the documented table is the one of the code."""

from __future__ import annotations

import pytest

from submissions.states_page import inserted
from submissions.submission import ENDED, NEXT, STEPS, Owner, State, may_make
from tests.support.repository import REPOSITORY


def test_the_table_in_the_documents_is_current() -> None:
    document = (REPOSITORY / "docs" / "queue.md").read_text()
    assert inserted(document) == document


def test_a_document_without_its_marks_is_named() -> None:
    with pytest.raises(ValueError, match="put both in"):
        inserted("no table here")


def test_each_change_stands_once_and_has_owners() -> None:
    changes = [(step.before, step.after) for step in STEPS]
    assert len(changes) == len(set(changes))
    assert all(step.owners and step.when for step in STEPS)
    assert {step.after for step in STEPS} == set(State)


def test_what_has_ended_is_left_by_scoring_again_alone() -> None:
    assert {state: set(NEXT[state]) for state in ENDED} == {
        State.REJECTED: set(),
        State.FAILED: set(),
        State.REFUSED: set(),
        State.RELEASED: {State.RELEASED},
    }


def test_a_team_can_enter_and_withdraw_and_nothing_else() -> None:
    may = {(step.before, step.after) for step in STEPS if Owner.TEAM in step.owners}
    running = (State.RECEIVED, State.LINTED, State.DRY_RUN, State.QUEUED, State.RUNNING)
    withdrawn = {(state, State.FAILED) for state in (*running, State.SCORING)}
    assert may == {(None, State.RECEIVED), *withdrawn}


def test_a_held_result_is_the_reviewers_and_the_steward_s() -> None:
    for owner in Owner:
        reviews = owner in (Owner.REVIEWERS, Owner.STEWARD)
        assert may_make(State.HELD, State.RELEASED, owner) is reviews
        assert may_make(State.HELD, State.REFUSED, owner) is (owner is Owner.REVIEWERS)
        assert not may_make(State.REFUSED, State.RELEASED, owner)
