"""What the ledger keeps of an image before its sequestered run: findings, dry runs, no doubles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from submissions.ledger.ledger import Arrival, Ledger, LedgerError
from submissions.quota import Quota, QuotaError
from submissions.submission import Failure, State, Submission
from tests.support.postgresql import raw

QUOTA = Quota(per_team=2, days=7)
IMAGE = "sha256:" + "1" * 64
ARRIVAL = Arrival(submitted_by="0123456789ab", archive_team="t1", archive_sha256="2" * 64)


def submission(name: str = "s1") -> Submission:
    return Submission(
        submission_id=name,
        team="a team",
        model="a model",
        benchmark="chest",
        image_digest="archive:" + "2" * 64,
        threshold=0.5,
        state=State.RECEIVED,
        received=datetime.now(UTC),
    )


def test_a_rejection_and_its_finding_come_together_and_cost_nothing(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, arrival=ARRIVAL)
    assert ledger.finding("s1") is None
    ledger.reject("s1", Failure.IMAGE_INVALID, "the image declares VOLUME '/data'; remove it")
    assert ledger.submission("s1").failure is Failure.IMAGE_INVALID
    assert ledger.finding("s1") == "the image declares VOLUME '/data'; remove it"
    assert ledger.charged("a team", "chest") == []
    assert ledger.chain.problems() == []


def test_no_finding_is_written_of_an_image_that_is_not_rejected(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, arrival=ARRIVAL)
    ledger.move("s1", State.FAILED, Failure.CANCELLED)
    with pytest.raises(LedgerError, match="cannot become rejected"):
        ledger.reject("s1", Failure.IMAGE_INVALID, "a sentence")
    assert ledger.finding("s1") is None


def test_a_dry_run_and_the_state_it_brings_come_together(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, arrival=ARRIVAL)
    ledger.admitted("s1", IMAGE, State.LINTED)
    with pytest.raises(LedgerError, match="cannot become running"):
        ledger.practised("s1", "{}", state=State.RUNNING)
    assert ledger.practice("s1") is None
    ledger.move("s1", State.DRY_RUN)
    ledger.move("s1", State.DRY_RUN)  # cut off, and done again
    ledger.practised("s1", '{"n_cases": 5}', state=State.QUEUED)
    assert ledger.practice("s1") == '{"n_cases": 5}'
    assert ledger.submission("s1").state is State.QUEUED
    assert ledger.chain.problems() == []


def test_a_failed_dry_run_rejects_and_costs_nothing(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA, arrival=ARRIVAL)
    ledger.admitted("s1", IMAGE, State.LINTED, State.DRY_RUN)
    assert len(ledger.charged("a team", "chest")) == 1
    ledger.practised("s1", "{}", state=State.REJECTED, failure=Failure.CRASHED)
    assert ledger.submission("s1").failure is Failure.CRASHED
    assert ledger.charged("a team", "chest") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE findings SET sentence = 'another'", "finding of s2"),
        ("UPDATE practices SET document = '[]'", "practice of s1"),
        ("UPDATE practices SET image_digest = 'another'", "practice of s1"),
        ("DELETE FROM practices", "practice of s1"),
    ],
)
def test_the_audit_chain_shows_a_change_of_either(
    ledger: Ledger, database: str, change: str, said: str
) -> None:
    ledger.receive(submission(), QUOTA)
    ledger.admitted("s1", IMAGE, State.LINTED, State.DRY_RUN)
    ledger.practised("s1", "{}", state=State.QUEUED)
    ledger.receive(submission("s2"), QUOTA)
    ledger.reject("s2", Failure.IMAGE_INVALID, "a sentence")
    with raw(database, unguarded=True) as connection:
        connection.execute(text(change))
    assert any(said in problem for problem in ledger.chain.problems())


def test_the_same_archive_entered_again_is_the_first_submission(ledger: Ledger) -> None:
    assert ledger.receive(submission("s1"), QUOTA, arrival=ARRIVAL) == "s1"
    again = replace(ARRIVAL, submitted_by="another-person")
    assert ledger.receive(submission("s2"), QUOTA, arrival=again) == "s1"
    assert [each.submission_id for each in ledger.submissions()] == ["s1"]
    assert len(ledger.charged("a team", "chest")) == 1


def test_another_threshold_model_or_archive_is_another_submission(ledger: Ledger) -> None:
    wide = Quota(per_team=9, days=7)
    ledger.receive(submission("s1"), wide, arrival=ARRIVAL)
    others = {
        "s2": (replace(submission("s2"), threshold=0.4), ARRIVAL),
        "s3": (replace(submission("s3"), model="another"), ARRIVAL),
        "s4": (replace(submission("s4"), benchmark="another"), ARRIVAL),
        "s5": (replace(submission("s5"), team="another"), ARRIVAL),
        "s6": (submission("s6"), replace(ARRIVAL, archive_sha256="3" * 64)),
        "s7": (submission("s7"), Arrival(reference="r.example.org/m@" + IMAGE)),
    }
    for name, (entered, arrival) in others.items():
        assert ledger.receive(entered, wide, arrival=arrival) == name


def test_what_failed_may_be_entered_again(ledger: Ledger) -> None:
    ledger.receive(submission("s1"), QUOTA, arrival=ARRIVAL)
    ledger.reject("s1", Failure.IMAGE_INVALID, "a sentence")
    assert ledger.receive(submission("s2"), QUOTA, arrival=ARRIVAL) == "s2"


def test_the_first_stands_also_where_no_look_is_left(ledger: Ledger) -> None:
    one = Quota(per_team=1, days=7)
    ledger.receive(submission("s1"), one, arrival=ARRIVAL)
    assert ledger.receive(submission("s2"), one, arrival=ARRIVAL) == "s1"
    with pytest.raises(QuotaError):
        ledger.receive(submission("s3"), one, arrival=replace(ARRIVAL, archive_sha256="3" * 64))
