"""Reads and appends comparisons, each with its signature and its audit entry."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, insert, literal, select

from submissions.addresses.database import aware
from submissions.ledger.beside_releases import board_rows, exposures
from submissions.ledger.database import audit_chain, reading, signed
from submissions.ledger.database.records import FirstRelease, FrozenComparison, LastComparison
from submissions.ledger.database.tables import BOARD_ROWS, COMPARISONS, RELEASES
from submissions.ledger.database.verification import comparison_content
from submissions.submission import State

Opened = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The comparisons of a ledger."""

    reading: Opened
    transaction: Opened

    def append(self, frozen: FrozenComparison) -> None:
        """Append a comparison, and who saw it; LedgerError where its cause has brought one."""
        with self.transaction() as connection:
            connection.execute(insert(COMPARISONS).values(_row(frozen)))
            exposures.of_comparison(connection, frozen)
            content = comparison_content(frozen.document, frozen.cohort_digest, frozen.cause)
            audit_chain.append(connection, audit_chain.COMPARISON, frozen.benchmark, content)

    def last(self, benchmark: str) -> LastComparison | None:
        """Which comparison of a benchmark is the newest; no document is read."""
        of = COMPARISONS.c
        query = select(of.number, of.through, of.at).where(of.benchmark == benchmark)
        with self.reading() as connection:
            row = connection.execute(query.order_by(of.number.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        return LastComparison(number=row.number, through=row.through, at=aware(row.at))

    def numbered(self, number: int) -> FrozenComparison:
        """One comparison, with its document."""
        return self._all(select(COMPARISONS).where(COMPARISONS.c.number == number))[0]

    def every(self) -> list[FrozenComparison]:
        """Every comparison that was ever made, oldest first."""
        return self._all(select(COMPARISONS).order_by(COMPARISONS.c.number))

    def newest_release(self, benchmark: str) -> int | None:
        """The number of a benchmark's newest release, or None."""
        query = select(func.max(RELEASES.c.number)).where(RELEASES.c.benchmark == benchmark)
        with self.reading() as connection:
            return connection.execute(query).scalar_one()

    def released_since(self, benchmark: str, through: int) -> int:
        """How many submissions were first released after the release ``through``."""
        before = BOARD_ROWS.alias()
        earlier = select(literal(1)).where(
            before.c.submission_id == BOARD_ROWS.c.submission_id,
            before.c.release_number <= through,
        )
        query = select(func.count(BOARD_ROWS.c.submission_id.distinct())).where(
            BOARD_ROWS.c.benchmark == benchmark,
            BOARD_ROWS.c.release_number > through,
            board_rows.visible(),
            ~exists(earlier),
        )
        with self.reading() as connection:
            return connection.execute(query).scalar_one()

    def first_releases(self, benchmark: str) -> list[FirstRelease]:
        """The first release of each submission that is shown, oldest first; no document is read."""
        first = (
            select(
                RELEASES.c.submission_id,
                func.min(RELEASES.c.number).label("number"),
                func.min(RELEASES.c.published).label("published"),
            )
            .where(RELEASES.c.benchmark == benchmark)
            .group_by(RELEASES.c.submission_id)
            .order_by(func.min(RELEASES.c.number))
        )
        with self.reading() as connection:
            rows = connection.execute(first).all()
            names = select(RELEASES.c.submission_id).where(RELEASES.c.benchmark == benchmark)
            shown = reading.submissions(connection, reading.in_state(State.RELEASED), names)
        teams = {each.submission_id: each.team for each in shown}
        return [
            FirstRelease(
                submission_id=row.submission_id,
                team=teams[row.submission_id],
                number=row.number,
                published=aware(row.published),
            )
            for row in rows
            if row.submission_id in teams
        ]

    def _all(self, query: Select[Any]) -> list[FrozenComparison]:
        with self.reading() as connection:
            return [_frozen(row) for row in connection.execute(query)]


def _row(frozen: FrozenComparison) -> dict[str, object]:
    return {
        "benchmark": frozen.benchmark,
        "cohort_digest": frozen.cohort_digest,
        "cause": frozen.cause,
        "through": frozen.through,
        "at": frozen.at,
        "document": frozen.document,
        "digest": frozen.digest,
        **signed.columns(frozen.signed),
    }


def _frozen(row: Row[Any]) -> FrozenComparison:
    return FrozenComparison(
        number=row.number,
        benchmark=row.benchmark,
        cohort_digest=row.cohort_digest,
        cause=row.cause,
        through=row.through,
        at=aware(row.at),
        document=row.document,
        digest=row.digest,
        signed=signed.of_row(row),
    )
