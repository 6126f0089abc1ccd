"""When submissions are compared: declared days, declared numbers, and never for one team alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

from evaluator.benchmark.board import Freezes
from evaluator.comparing.due import due
from submissions.ledger.database.records import FirstRelease, LastComparison

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAYS = Freezes(freeze_on=(date(2026, 3, 31), date(2026, 6, 30)))
FIVE = Freezes(freeze_every=5)


def released(*teams: str, day: int = 1, first: int = 1) -> list[FirstRelease]:
    """One release of each team named, all on a day of June 2026."""
    return [
        FirstRelease(
            submission_id=f"s{number}",
            team=team,
            number=number,
            published=datetime(2026, 6, day, tzinfo=UTC),
        )
        for number, team in enumerate(teams, start=first)
    ]


def test_a_day_covers_what_was_released_before_it_began() -> None:
    every = [*released("A", "B"), *released("C", day=30, first=3)]
    found = due(DAYS, every, None, NOON)
    assert found is not None
    assert found.cause == "2026-06-30"
    assert found.at == datetime(2026, 6, 30, tzinfo=UTC)
    assert [each.submission_id for each in found.covered] == ["s1", "s2"]
    assert found.through == 2


def test_a_day_is_not_due_before_it_begins() -> None:
    before = datetime(2026, 6, 29, 23, 59, tzinfo=UTC)
    assert due(Freezes(freeze_on=(date(2026, 6, 30),)), released("A", "B"), None, before) is None


def test_a_day_asked_for_late_brings_the_same() -> None:
    late = datetime(2027, 1, 1, tzinfo=UTC)
    every = [*released("A", "B"), *released("C", day=30, first=3)]
    assert due(DAYS, every, None, late) == due(DAYS, every, None, NOON)


def test_of_days_that_passed_the_last_counts_once() -> None:
    every = released("A", "B")
    made = LastComparison(number=1, through=2, at=datetime(2026, 6, 30, tzinfo=UTC))
    assert due(DAYS, every, made, NOON) is None
    older = LastComparison(number=1, through=1, at=datetime(2026, 3, 31, tzinfo=UTC))
    found = due(DAYS, every, older, NOON)
    assert found is not None
    assert found.cause == "2026-06-30"


def test_a_day_without_a_release_before_it_brings_nothing() -> None:
    assert due(DAYS, released("A", "B", day=30), None, NOON) is None
    assert due(DAYS, [], None, NOON) is None


def test_a_number_counts_submissions_since_the_last_comparison() -> None:
    assert due(FIVE, released("A", "A", "B", "B"), None, NOON) is None
    found = due(FIVE, released("A", "A", "B", "B", "A"), None, NOON)
    assert found is not None
    assert (found.cause, found.through, len(found.covered)) == ("release 5", 5, 5)
    made = LastComparison(number=1, through=5, at=NOON)
    nine = released("A", "A", "B", "B", "A", "A", "B", "B", "A")
    assert due(FIVE, nine, made, NOON) is None
    ten = due(FIVE, [*nine, *released("B", first=10)], made, NOON)
    assert ten is not None
    assert (ten.cause, len(ten.covered)) == ("release 10", 10)


def test_a_team_alone_brings_no_comparison_about() -> None:
    made = LastComparison(number=1, through=2, at=NOON)
    alone = [*released("A", "B"), *released(*["C"] * 9, first=3)]
    assert due(FIVE, alone, made, NOON) is None
    spelled = [*released("A", "B"), *released("C", "c", "C", "c", "C", first=3)]
    assert due(FIVE, spelled, made, NOON) is None
    assert due(FIVE, [*alone, *released("D", first=12)], made, NOON) is not None


def test_nothing_is_due_where_nothing_is_declared() -> None:
    assert due(Freezes(), released(*"ABCDEFGHIJ"), None, NOON) is None


def test_teams_that_a_person_ties_bring_no_comparison_about() -> None:
    mine = released("A", "b", "A", "B", "A")
    assert due(FIVE, mine, None, NOON) is not None
    assert due(FIVE, mine, None, NOON, [{"a", "b"}, {"c"}]) is None
    assert due(FIVE, [*mine, *released("C", first=6)], None, NOON, [{"a", "b"}, {"c"}]) is not None
