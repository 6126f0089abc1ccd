"""What the service writes with a submission: how it came, its fact sheet, its admission."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from submissions.ledger.ledger import Arrival, Ledger, LedgerError
from submissions.quota import Quota, QuotaError
from submissions.submission import Failure, State, Submission

QUOTA = Quota(per_team=2, days=7)
IMAGE = "sha256:" + "1" * 64
ARRIVAL = Arrival(submitted_by="0123456789ab", archive_team="t1", archive_sha256="2" * 64)


def submission(name: str = "s1", team: str = "a team") -> Submission:
    return Submission(
        submission_id=name,
        team=team,
        model="a model",
        benchmark="chest",
        image_digest="archive:" + "2" * 64,
        threshold=0.5,
        state=State.RECEIVED,
        received=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_how_a_submission_came_and_its_fact_sheet_are_read_back(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, arrival=ARRIVAL, fact_sheet='{"version": "1"}')
    assert ledger.arrival("s1") == ARRIVAL
    assert ledger.fact_sheet("s1") == '{"version": "1"}'


def test_a_submission_of_the_steward_s_has_neither(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    assert ledger.arrival("s1") is None
    assert ledger.fact_sheet("s1") is None


def test_a_submission_is_known_by_its_image_once_that_is_admitted(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, arrival=ARRIVAL)
    assert ledger.submission("s1").image_digest == "archive:" + "2" * 64
    ledger.admitted("s1", IMAGE, State.LINTED, State.QUEUED)
    (found,) = ledger.submissions(state=State.QUEUED)
    assert found.image_digest == IMAGE


def test_an_admission_is_whole_or_not_at_all(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    with pytest.raises(LedgerError, match="cannot become scoring"):
        ledger.admitted("s1", IMAGE, State.LINTED, State.SCORING)
    found = ledger.submission("s1")
    assert (found.state, found.image_digest) == (State.RECEIVED, "archive:" + "2" * 64)
    ledger.admitted("s1", IMAGE, State.LINTED)
    with pytest.raises(LedgerError, match="second such row"):
        ledger.admitted("s1", "sha256:" + "3" * 64, State.QUEUED)
    found = ledger.submission("s1")
    assert (found.state, found.image_digest) == (State.LINTED, IMAGE)


def test_a_rejected_image_has_its_failure(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    ledger.admitted("s1", IMAGE, State.REJECTED, failure=Failure.IMAGE_INVALID)
    found = ledger.submission("s1")
    assert (found.state, found.failure) == (State.REJECTED, Failure.IMAGE_INVALID)
    assert ledger.charged("a team", "chest") == []


def test_an_entry_beyond_the_quota_leaves_no_trace(ledger: Ledger) -> None:
    for name in ("s1", "s2"):
        ledger.receive(submission(name), QUOTA)
    with pytest.raises(QuotaError):
        ledger.receive(submission("s3"), QUOTA, arrival=ARRIVAL, fact_sheet="{}")
    assert ledger.arrival("s3") is None
    assert ledger.fact_sheet("s3") is None


def test_teams_of_one_person_share_one_allowance(ledger: Ledger) -> None:
    shared = ("North", "South")
    ledger.receive(submission("s1", "North"), QUOTA, allowance=shared)
    ledger.receive(submission("s2", "south"), QUOTA, allowance=shared)
    with pytest.raises(QuotaError, match="has used its 2"):
        ledger.receive(submission("s3", "North"), QUOTA, allowance=shared)
    assert len(ledger.charged("North", "chest", allowance=shared)) == 2
    assert len(ledger.charged("North", "chest")) == 1
    ledger.receive(submission("s4", "East"), QUOTA)


def test_the_submissions_of_teams_are_listed_in_order(ledger: Ledger) -> None:
    for name, team in (("s1", "North"), ("s2", "South"), ("s3", "NORTH")):
        ledger.receive(submission(name, team), QUOTA)
    assert [each.submission_id for each in ledger.submissions_of(["north"])] == ["s1", "s3"]
    assert ledger.submissions_of(["north"], benchmark="another") == []


def test_the_states_of_a_submission_are_told_by_the_hour(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, State.LINTED)
    ledger.move("s1", State.QUEUED)
    history = ledger.history("s1")
    assert [state for state, _ in history] == [State.RECEIVED, State.LINTED, State.QUEUED]
    assert all(at.tzinfo is UTC and (at.minute, at.second) == (0, 0) for _, at in history)
