"""What a board shows of a release is written with it, follows from it, and never goes alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from submissions.ledger.beside_releases import board_rows
from submissions.ledger.ledger import Ledger, LedgerError
from submissions.submission import Failure, State
from tests.support.former_ledger import RELEASED, restore
from tests.support.hand_made import TYPICAL, evaluation, released
from tests.support.postgresql import raw
from tests.support.published import entered, publish

BENCHMARK = "chest-opacity"


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    try:
        yield ledger
    finally:
        ledger.close()


def test_a_row_has_the_names_the_values_and_the_bounds_of_its_release(ledger: Ledger) -> None:
    shown = released()
    publish(ledger, shown)
    (row,) = ledger.boards.rows(BENCHMARK)
    assert (row.number, row.submission_id, row.team) == (1, "s-0001", "Radiology Group North")
    assert (row.model, row.received) == ("DenseNet-121, 128 px", shown.received)
    assert json.loads(row.figures)["auroc"] == 0.851  # of 0.8514, rounded by the release
    rest = json.loads(ledger.boards.shown([1])[1])
    assert rest["intervals"]["auroc"][:3] == [0.817, 0.886, 300]  # 0.8514 -/+ 1.96 x 0.3 / sqrt 300
    assert (rest["n_cases"], rest["n_positive"], rest["release_digest"]) == (300, 150, shown.digest)
    # Of the groups of the hand-made evaluation the fourth level of an attribute is lowest.
    assert rest["ends"]["auroc"][0][:3] == ["age_group", "80+", 0.825]
    assert ledger.boards.rows("another") == []


def test_a_release_that_is_refused_leaves_no_row(ledger: Ledger) -> None:
    shown = released()
    publish(ledger, shown)
    with pytest.raises(LedgerError, match="refused a second such row"):
        publish(ledger, shown)
    assert [row.number for row in ledger.boards.rows(BENCHMARK)] == [1]


def test_a_document_that_is_no_release_has_a_row_without_figures(ledger: Ledger) -> None:
    entered(ledger, released(), State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)
    ledger.publish("s-0001", "k", '{"results": [0.25]}', state=State.RELEASED)
    (row,) = ledger.boards.rows(BENCHMARK)
    assert (row.figures, row.cohort_digest) == ("{}", "")
    assert ledger.chain.problems() == []


def test_rows_after_a_number_are_those_of_newer_releases(ledger: Ledger) -> None:
    for number in range(3):
        publish(ledger, released(f"s-{number}"))
    publish(ledger, released("s-0"), key="again")
    assert [row.submission_id for row in ledger.boards.rows(BENCHMARK, after=2)] == ["s-2", "s-0"]


def test_the_stamp_changes_with_each_release_of_the_benchmark(ledger: Ledger) -> None:
    assert ledger.boards.stamp(BENCHMARK) == (0, 0)
    publish(ledger, released())
    first = ledger.boards.stamp(BENCHMARK)
    ledger.record("sequester", BENCHMARK, "an act of the steward's")
    second = ledger.boards.stamp(BENCHMARK)
    assert (first[0], second[0]) == (1, 1)
    assert second[1] == first[1] + 1
    publish(ledger, released("s-2"))
    assert ledger.boards.stamp(BENCHMARK)[0] == 2
    assert ledger.boards.stamp("another")[0] == 0


def test_the_newest_release_of_a_submission_is_found_once_it_is_released(ledger: Ledger) -> None:
    entered(ledger, released(), State.LINTED, State.QUEUED)
    assert ledger.boards.newest("s-0001") is None
    assert ledger.boards.newest("nobody") is None
    ledger.move("s-0001", State.RUNNING)
    ledger.move("s-0001", State.SCORING)
    publish(ledger, released())
    better = released(scored=evaluation(values={**TYPICAL, "auroc": 0.9}))
    publish(ledger, better, key="again")
    found = ledger.boards.newest("s-0001")
    assert found is not None
    assert (found.number, found.document) == (2, better.to_json())


def test_those_wait_that_have_come_neither_to_an_end_nor_to_a_reviewer(ledger: Ledger) -> None:
    way = (State.LINTED, State.QUEUED, State.RUNNING)
    entered(ledger, released("s-1"))
    entered(ledger, released("s-2"), *way)
    entered(ledger, released("s-3"), *way)
    ledger.move("s-3", State.FAILED, Failure.CRASHED)
    entered(ledger, released("s-4"), *way, State.SCORING)
    ledger.move("s-4", State.HELD)
    publish(ledger, released("s-5"))
    assert ledger.boards.waiting(BENCHMARK) == 2
    assert ledger.boards.waiting("another") == 0


def test_the_releases_of_a_former_build_get_their_rows_once(database: str) -> None:
    restore(database)
    with opened(database) as ledger:
        assert {(row.submission_id, row.number) for row in ledger.boards.rows("chest")} == {
            (RELEASED, 1),
            (RELEASED, 2),
        }
        assert ledger.chain.problems() == []
    with raw(database) as connection:
        assert connection.execute(text("SELECT count(*) FROM board_rows")).scalar_one() == 2
    with opened(database) as ledger:
        assert len(ledger.boards.rows("chest")) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE board_rows SET team = 'Radiology Group South'",
        "UPDATE board_rows SET figures = replace(figures, '0.851', '0.951')",
        "UPDATE board_rows SET shown = replace(shown, '0.817', '0.917')",
        "UPDATE board_rows SET benchmark = 'another'",
        "DELETE FROM board_rows",
    ],
)
def test_a_row_that_does_not_follow_from_its_release_is_found(database: str, change: str) -> None:
    with opened(database) as ledger:
        publish(ledger, released())
        assert ledger.chain.problems() == []
        with raw(database) as connection, pytest.raises(Exception, match="the ledger only grows"):
            connection.execute(text(change))
        with raw(database, unguarded=True) as connection:
            assert connection.execute(text(change)).rowcount == 1
        assert ledger.chain.problems() == [
            "the board's row of release 1 does not follow from the release"
        ]


def test_what_is_kept_is_a_small_part_of_a_release() -> None:
    document = released().to_json()
    derived = board_rows.derived(document)
    assert sum(map(len, derived.values())) < len(document) / 4
