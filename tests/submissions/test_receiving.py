"""An entry: names, dates, references; and fifty at once for one look that is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cohort_selection.task.declaration import PROBABILITY, PredictionForm
from submissions.drop import Drop
from submissions.ledger.ledger import Ledger
from submissions.period import Period
from submissions.quota import Quota, QuotaError
from submissions.receiving import ArchiveInDrop, Entry, EntryError, read_reference, receive
from submissions.submission import Failure, State, Submission
from tests.support.postgresql import cluster, database

__all__ = ["cluster", "database"]

QUOTA = Quota(per_team=3, days=7)
DIGEST = "a" * 64
ARCHIVE = Entry(
    team="A team",
    model="A model",
    benchmark="chest",
    archive=ArchiveInDrop("0123456789ab", DIGEST),
    submitted_by="ba9876543210",
)
AT_ONCE = 50


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """A drop folder in which the team's archive lies."""
    made = Drop(tmp_path / "drop")
    file = made.grow("upload", 5)
    file.add(b"image")
    file.close()
    made.place("upload", "0123456789ab", DIGEST)
    return made


def test_an_entry_is_received_and_waits_for_its_admission(ledger: Ledger, drop: Drop) -> None:
    received = receive(ledger, entry=ARCHIVE, quota=QUOTA, drop=drop)
    assert received.state is State.RECEIVED
    assert received.image_digest == f"archive:{DIGEST}"
    arrival = ledger.arrival(received.submission_id)
    assert arrival is not None
    assert (arrival.archive_team, arrival.archive_sha256) == ("0123456789ab", DIGEST)
    assert arrival.submitted_by == "ba9876543210"


def test_an_entry_sent_twice_is_one_submission(ledger: Ledger, drop: Drop) -> None:
    first, second = (receive(ledger, entry=ARCHIVE, quota=QUOTA, drop=drop) for _ in range(2))
    assert first == second
    assert len(ledger.submissions()) == 1


def test_an_archive_that_another_team_sent_is_none_of_ones_own(ledger: Ledger, drop: Drop) -> None:
    theirs = replace(ARCHIVE, archive=ArchiveInDrop("another-team", DIGEST))
    with pytest.raises(EntryError, match="has no archive aaaaaaaaaaaa of team another-team"):
        receive(ledger, entry=theirs, quota=QUOTA, drop=drop)
    assert ledger.submissions() == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (replace(ARCHIVE, team="A\u200bteam"), "the team's name is .* U\\+200B; leave it out"),
        (replace(ARCHIVE, model=""), "the model's name is ''; give 1 to 100 printable"),
        (replace(ARCHIVE, threshold=1.5), "the threshold is 1.5; declare a probability"),
        (replace(ARCHIVE, threshold=float("nan")), "the threshold is nan; declare"),
        (replace(ARCHIVE, archive=None), "the entry has 0 images; give one"),
        (replace(ARCHIVE, reference="r.org/m@sha256:" + DIGEST), "the entry has 2 images"),
        (replace(ARCHIVE, archive=ArchiveInDrop("t", "../../x")), "give the SHA-256 of an archive"),
        (replace(ARCHIVE, archive=ArchiveInDrop("../t", DIGEST)), "give the SHA-256 of an archive"),
        (replace(ARCHIVE, archive=None, reference="r.org/m:latest"), "an image in a registry with"),
    ],
)
def test_an_entry_that_is_wrong_is_refused_with_what_to_do(
    ledger: Ledger, entry: Entry, said: str
) -> None:
    with pytest.raises(EntryError, match=said):
        receive(ledger, entry=entry, quota=QUOTA)
    assert ledger.submissions() == []


def test_a_benchmark_takes_entries_from_its_first_day_to_the_end_of_its_last(
    ledger: Ledger,
) -> None:
    today = datetime.now(UTC).date()
    day = timedelta(days=1)
    for period in (
        Period(opens=today + day),
        Period(closes=today - day),
        Period(date(1999, 1, 1), date(1999, 12, 31)),
    ):
        with pytest.raises(EntryError, match=r"the benchmark chest (opens on|closed at the end)"):
            receive(ledger, entry=ARCHIVE, quota=QUOTA, period=period)
    assert receive(ledger, entry=ARCHIVE, quota=QUOTA, period=Period(today, today))


def test_looks_are_counted_for_life_and_over_the_teams_of_one_person(ledger: Ledger) -> None:
    quota = Quota(per_team=9, days=7, lifetime=2)
    images = iter("bcde")

    def enter(team: str, *allowance: str) -> Submission:
        archive = ArchiveInDrop("0123456789ab", next(images) * 64)
        entry = replace(ARCHIVE, team=team, archive=archive)
        return receive(ledger, entry=entry, quota=quota, allowance=allowance)

    enter("First")
    second = enter("Second", "first", "Second")
    with pytest.raises(QuotaError, match="has used all its 2 submissions to this cohort"):
        enter("Second", "First")
    ledger.move(second.submission_id, State.FAILED, Failure.CANCELLED)
    enter("Second", "First")


def test_a_reference_names_a_registry_a_name_and_a_digest() -> None:
    parts = read_reference("127.0.0.1:5000/team/a_model.v-1@sha256:" + DIGEST)
    assert parts["registry"] == "127.0.0.1:5000"
    assert parts["name"] == "team/a_model.v-1"
    for wrong in (
        "model@sha256:" + DIGEST,
        "r.org/Model@sha256:" + DIGEST,
        "r.org/m:tag@sha256:" + DIGEST,
        "https://r.org/m@sha256:" + DIGEST,
        "-r.org/m@sha256:" + DIGEST,
        "r.org/m@sha256:" + DIGEST + "\n",
        "r.org/" + "a-" * 40 + "!",
    ):
        with pytest.raises(EntryError, match="give an image in a registry with its digest"):
            read_reference(wrong)


def test_of_fifty_at_once_for_one_look_one_is_received(database: str) -> None:
    """Each through a connection of its own, as fifty requests to fifty processes would."""
    ledgers = [Ledger(database) for _ in range(AT_ONCE)]
    quota = Quota(per_team=1, days=7)
    together = threading.Barrier(AT_ONCE)
    received: list[Submission] = []
    refused: list[QuotaError] = []

    def enter(number: int) -> None:
        archive = ArchiveInDrop("0123456789ab", f"{number:064x}")
        # Half of them under the other name of a person with two teams.
        team, other = ("A", "B") if number % 2 else ("B", "A")
        entry = replace(ARCHIVE, team=team, archive=archive)
        together.wait()
        try:
            received.append(receive(ledgers[number], entry=entry, quota=quota, allowance=[other]))
        except QuotaError as error:
            refused.append(error)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (standing,) = ledgers[0].submissions()
    assert [each.submission_id for each in received] == [standing.submission_id]
    assert len(refused) == AT_ONCE - 1
    assert ledgers[0].chain.problems() == []
    for opened in ledgers:
        opened.close()


def test_of_fifty_copies_of_one_entry_one_is_written_and_all_get_it(database: str) -> None:
    """A client that got no answer sends its entry again, perhaps to another process."""
    ledgers = [Ledger(database) for _ in range(AT_ONCE)]
    quota = Quota(per_team=1, days=7)
    together = threading.Barrier(AT_ONCE)
    answers: list[str] = []

    def enter(ledger: Ledger) -> None:
        together.wait()
        answers.append(receive(ledger, entry=ARCHIVE, quota=quota).submission_id)

    threads = [threading.Thread(target=enter, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (standing,) = ledgers[0].submissions()
    assert answers == [standing.submission_id] * AT_ONCE
    for opened in ledgers:
        opened.close()


@pytest.mark.parametrize(
    ("form", "fits", "unfit", "said"),
    [
        (PredictionForm(0.0, 24.0), 12.0, 25.0, "declare a number from 0 to 24"),
        (PredictionForm(None, None), -3e5, float("inf"), "a number on the scale of the model's"),
        (PROBABILITY, 0.25, -0.5, "declare a probability from 0 to 1"),
    ],
)
def test_a_threshold_lies_on_the_scale_of_the_benchmark(
    ledger: Ledger, drop: Drop, form: PredictionForm, fits: float, unfit: float, said: str
) -> None:
    on_scale = replace(ARCHIVE, form=form)
    with pytest.raises(EntryError, match=said):
        receive(ledger, entry=replace(on_scale, threshold=unfit), quota=QUOTA, drop=drop)
    entered = receive(ledger, entry=replace(on_scale, threshold=fits), quota=QUOTA, drop=drop)
    assert entered.threshold == fits
