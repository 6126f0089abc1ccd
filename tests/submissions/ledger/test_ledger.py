"""The ledger only grows, knows one order of states, and shows what was tampered with."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from submissions.ledger.database.records import FrozenComparison
from submissions.ledger.database.tables import METADATA, TABLES
from submissions.ledger.ledger import Arrival, Ledger, LedgerError
from submissions.ledger.verdicts.account import Look
from submissions.ledger.voting.votes import Choice, Vote, Votes
from submissions.quota import Quota, QuotaError
from submissions.signatures import Signed
from submissions.stage_times import Stage
from submissions.submission import Failure, Owner, State
from tests.support.postgresql import raw
from tests.support.received import submission

QUOTA = Quota(per_team=2, days=7)
IMAGE = "sha256:" + "1" * 64


def compared(cause: str = "2026-01-03") -> FrozenComparison:
    return FrozenComparison(
        benchmark="chest",
        cohort_digest="sha256:" + "6" * 64,
        cause=cause,
        through=1,
        at=datetime(2026, 1, 3, tzinfo=UTC),
        document="{}",
        digest="sha256:" + "7" * 64,
        signed=Signed(statement="{}", key_id="8" * 64, signature=b"9"),
    )


def walk(ledger: Ledger, *states: State) -> None:
    for state in states:
        ledger.move("s1", state)


def test_a_submission_is_read_back_as_it_was_received(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    assert ledger.submission("s1") == submission()


def test_a_state_cannot_be_skipped(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    with pytest.raises(LedgerError, match="is received; it cannot become released"):
        ledger.move("s1", State.RELEASED)
    assert ledger.submission("s1").state is State.RECEIVED


def test_a_release_and_its_state_come_together_and_once(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)
    ledger.publish("s1", "k", "{}", state=State.RELEASED)
    with pytest.raises(LedgerError, match="second such row"):
        ledger.publish("s1", "k", "{}", state=State.RELEASED)
    assert [found.document for found in ledger.releases("chest")] == ["{}"]
    assert ledger.submission("s1").state is State.RELEASED


def test_a_held_release_is_not_shown(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)
    ledger.publish("s1", "k", "{}", state=State.HELD)
    assert ledger.releases("chest") == []
    with pytest.raises(LedgerError, match="not the part of the queue"):
        ledger.move("s1", State.RELEASED)
    ledger.move("s1", State.RELEASED, by=Owner.STEWARD)
    assert len(ledger.releases("chest")) == 1


def test_a_comparison_is_read_back_and_its_cause_brings_no_second(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)
    assert ledger.comparisons.last("chest") is None
    ledger.publish("s1", "k", "{}", state=State.RELEASED)
    ledger.comparisons.append(compared())
    with pytest.raises(LedgerError, match="second such row"):
        ledger.comparisons.append(compared())
    ledger.comparisons.append(compared("release 1"))
    assert [replace(each, number=0) for each in ledger.comparisons.every()] == [
        compared(),
        compared("release 1"),
    ]
    last = ledger.comparisons.last("chest")
    assert last is not None
    assert (last.through, last.at) == (1, compared().at)
    assert ledger.comparisons.numbered(last.number).cause == "release 1"
    assert ledger.comparisons.last("another") is None
    assert ledger.chain.problems() == []


def test_the_first_release_of_a_submission_counts_once(ledger: Ledger) -> None:
    for name in ("s1", "s2", "s3"):
        ledger.receive(submission(name, team=name), QUOTA)
        for state in (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING):
            ledger.move(name, state)
    ledger.publish("s1", "k", "{}", state=State.RELEASED)
    ledger.publish("s2", "k", "{}", state=State.RELEASED)
    ledger.publish("s1", "again", "{}", state=State.RELEASED)
    ledger.publish("s3", "k", "{}", state=State.HELD)
    found = ledger.comparisons.first_releases("chest")
    assert [(each.submission_id, each.number) for each in found] == [("s1", 1), ("s2", 2)]
    assert [ledger.comparisons.released_since("chest", number) for number in (0, 1, 2)] == [2, 1, 0]


@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_be_changed_or_removed(ledger: Ledger, database: str, table: str) -> None:
    ledger.receive(
        submission(), QUOTA, arrival=Arrival(), fact_sheet="{}", allowance=["another team"]
    )
    ledger.admitted("s1", IMAGE, State.LINTED, State.DRY_RUN)
    ledger.practised("s1", "{}", state=State.QUEUED)
    walk(ledger, State.RUNNING, State.SCORING)
    ledger.receive(submission("s2"), QUOTA)
    ledger.reject("s2", Failure.IMAGE_INVALID, "the image declares a VOLUME")
    ledger.record_times("s1", {Stage.QUEUE: 1.0})
    ledger.publish("s1", "k", "{}", state=State.HELD)
    vote = Vote(
        submission_id="s1",
        evaluation_key="k",
        document="0" * 64,
        reviewer="a person",
        choice=Choice.RELEASE,
    )
    Votes(ledger).cast(vote, 1)
    ledger.tracked(1, "run")
    ledger.comparisons.append(compared())
    look = Look(
        submission_id="s1",
        team="a team",
        benchmark="chest",
        image_digest=IMAGE,
        threshold=0.5,
        cohort_digest="sha256:" + "6" * 64,
        claims_digest="sha256:" + "5" * 64,
        looks=3,
    )
    ledger.verdicts.spend(look, lambda _: (0.025, '{"claims": []}'))
    with raw(database) as connection:
        for signed in ("heads (audit_number", "release_signatures (release_number"):
            columns = f"{signed}, statement, key_id, signature)"
            connection.execute(text(f"INSERT INTO {columns} VALUES (1, '', '', '')"))
        count = text(f"SELECT count(*) FROM {table}")
        rows = connection.execute(count).scalar_one()
    assert rows > 0
    column = next(iter(METADATA.tables[table].columns)).name
    attempts = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]
    if database.startswith("postgresql"):
        attempts += [f"TRUNCATE {table} CASCADE", f"UPDATE {table} SET {column} = NULL WHERE false"]
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="only grows"), raw(database) as connection:
            connection.execute(text(attempt))
    with raw(database) as connection:
        assert connection.execute(count).scalar_one() == rows


def test_the_audit_chain_shows_a_changed_entry_and_a_missing_one(
    ledger: Ledger, database: str
) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED)
    assert ledger.chain.problems() == []
    with raw(database, unguarded=True) as connection:
        connection.execute(text("UPDATE audit SET subject='x' WHERE number=3"))
    assert ledger.chain.problems() == [
        "audit entry 3 does not follow from the one before",
        "state:linted of s1 stands in the tables and not in the audit chain",
        "state:linted of x stands in the audit chain and not in the tables",
    ]


def test_the_audit_chain_shows_a_missing_entry(ledger: Ledger, database: str) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED)
    with raw(database, unguarded=True) as connection:
        connection.execute(text("DELETE FROM audit WHERE number=3"))
    assert ledger.chain.problems() == [
        "audit entry 4 does not follow from the one before",
        "state:linted of s1 stands in the tables and not in the audit chain",
    ]


def test_a_harness_error_is_not_charged_and_a_crash_is(ledger: Ledger) -> None:
    ledger.receive(submission("s1"), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING)
    ledger.move("s1", State.FAILED, Failure.HARNESS_ERROR)
    assert ledger.charged("a team", "chest") == []
    ledger.receive(submission("s2"), QUOTA)
    for state in (State.LINTED, State.QUEUED, State.RUNNING):
        ledger.move("s2", state)
    ledger.move("s2", State.FAILED, Failure.CRASHED)
    assert len(ledger.charged("a team", "chest")) == 1
    assert ledger.charged("another team", "chest") == []


def test_an_unknown_submission_is_named(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no submission 'x'"):
        ledger.submission("x")


def test_a_place_that_cannot_hold_a_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(LedgerError, match="it is a folder, not a file"):
        Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


def test_a_team_under_another_spelling_has_no_second_quota(ledger: Ledger) -> None:
    ledger.receive(submission("s1", "Team"), QUOTA)
    ledger.receive(submission("s2", "TEAM"), QUOTA)
    with pytest.raises(QuotaError, match="has used its 2"):
        ledger.receive(submission("s3", "team"), QUOTA)


def test_submissions_at_once_share_one_quota(database: str) -> None:
    ledgers = [Ledger(database) for _ in range(8)]
    refused = []

    def enter(number: int) -> None:
        try:
            ledgers[number].receive(submission(f"s{number}"), QUOTA)
        except QuotaError:
            refused.append(number)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 6
    assert len(ledgers[0].submissions()) == 2
    for each in ledgers:
        each.close()


def test_a_forged_release_is_missing_from_the_audit_chain(ledger: Ledger, database: str) -> None:
    ledger.receive(submission(), QUOTA)
    with raw(database) as connection:
        row = "('s1', 'released', '2026-01-01 00:00:00')"
        connection.execute(text(f"INSERT INTO transitions (submission_id, state, at) VALUES {row}"))
    assert ledger.chain.problems() == [
        "state:released of s1 stands in the tables and not in the audit chain"
    ]


def test_the_public_store_tells_the_hour_of_a_run_and_no_more(
    ledger: Ledger, database: str
) -> None:
    ledger.receive(submission(), QUOTA)
    with raw(database) as connection:
        query = text("SELECT at FROM transitions UNION SELECT at FROM audit")
        times = [str(at) for at in connection.execute(query).scalars()]
    assert times
    assert all(re.search(r"\d\d:00:00(\.000000|\+00:00)$", at) for at in times)


def test_the_queue_keeps_the_order_of_entry_whatever_the_clock_said(ledger: Ledger) -> None:
    first, second = submission("first"), submission("second", "another team")
    ledger.receive(first, QUOTA)
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    ledger.receive(replace(second, received=earlier), QUOTA)
    assert [found.submission_id for found in ledger.submissions()] == ["first", "second"]


def test_only_those_asked_for_and_in_the_state_are_named(ledger: Ledger) -> None:
    for name, team in (("s1", "a"), ("s2", "b"), ("s3", "c")):
        ledger.receive(submission(name, team), QUOTA)
    ledger.move("s1", State.FAILED, Failure.CANCELLED)
    ledger.move("s3", State.FAILED, Failure.CANCELLED)
    assert ledger.among(["s1", "s2"], State.FAILED) == ["s1"]
    assert ledger.among([], State.FAILED) == []


def test_a_submission_that_was_cancelled_before_it_ran_is_not_charged(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED)
    assert len(ledger.charged("a team", "chest")) == 1
    ledger.move("s1", State.FAILED, Failure.CANCELLED)
    assert ledger.charged("a team", "chest") == []


def test_a_submission_that_was_cancelled_in_its_run_is_charged(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING)
    ledger.move("s1", State.FAILED, Failure.CANCELLED)
    assert len(ledger.charged("a team", "chest")) == 1


def test_what_was_cut_off_goes_back_to_the_queue(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING, State.QUEUED, State.RUNNING)
    assert ledger.submission("s1").state is State.RUNNING


def test_a_new_release_takes_the_place_of_the_old_one_which_stays(
    ledger: Ledger, database: str
) -> None:
    ledger.receive(submission(), QUOTA)
    walk(ledger, State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)
    ledger.publish("s1", "key 1", "old", state=State.RELEASED)
    ledger.publish("s1", "key 2", "new", state=State.RELEASED)
    assert [found.document for found in ledger.releases("chest")] == ["new"]
    with raw(database) as connection:
        assert connection.execute(text("SELECT count(*) FROM releases")).scalar_one() == 2
    assert ledger.chain.problems() == []


def test_stage_times_are_told_in_powers_of_two_the_latest_run_s(ledger: Ledger) -> None:
    ledger.receive(submission(), QUOTA)
    ledger.record_times("s1", {Stage.QUEUE: 0.4, Stage.INFER: 100.0})
    ledger.record_times("s1", {Stage.INFER: 3.0})
    assert ledger.times("s1") == {Stage.QUEUE: 1, Stage.INFER: 4}
