"""Keeps what a board shows of a release beside it, so that no page reads every release.

A row follows from its release alone. It is written in the transaction of the release, and for the
releases of a former build once, in the step that makes the table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, insert, literal, select

from submissions.addresses.database import aware
from submissions.ledger.database.records import BoardRow, PublishedRelease
from submissions.ledger.database.tables import AUDIT, BOARD_ROWS, RELEASES, SUBMISSIONS, TRANSITIONS
from submissions.submission import UNDER_WAY, WAITING, State

_OVERALL = ["overall", "all"]
_KEPT = (
    *("n_cases", "n_patients", "n_positive", "threshold", "confidence"),
    *("image_digest", "code_version"),
)
_AT_ONCE = 500
"""Rows in one statement: databases bound its parameters."""


def keep(connection: Connection, number: int, submission_id: str, document: str) -> None:
    """Append the row of a release that was just appended."""
    query = select(SUBMISSIONS).where(SUBMISSIONS.c.submission_id == submission_id)
    entered = connection.execute(query).one()
    connection.execute(
        insert(BOARD_ROWS).values(
            release_number=number,
            submission_id=submission_id,
            benchmark=entered.benchmark,
            team=entered.team,
            model=entered.model,
            received=entered.received,
            **derived(document),
        )
    )


def fill(connection: Connection) -> None:
    """Append the rows of all releases that have none, one release in memory at a time."""
    filled = select(BOARD_ROWS.c.release_number)
    query = select(RELEASES.c.number).where(RELEASES.c.number.not_in(filled))
    for number in connection.execute(query.order_by(RELEASES.c.number)).scalars().all():
        release = connection.execute(select(RELEASES).where(RELEASES.c.number == number)).one()
        keep(connection, number, release.submission_id, release.document)


def derived(document: str) -> dict[str, str]:
    """The columns of a row that follow from the document; empty where it is not a release."""
    digest = "sha256:" + hashlib.sha256(document.encode()).hexdigest()
    try:
        release = json.loads(document)
        results = [each for each in release["results"] if each["estimate"] is not None]
        figures, intervals, ends = _overall(results)
        rest = {name: release[name] for name in _KEPT}
        digests = {name: str(release[name]) for name in ("cohort_digest", "plan_digest")}
    except (ValueError, TypeError, KeyError):
        digests = dict.fromkeys(("cohort_digest", "plan_digest"), "")
        return {**digests, "figures": "{}", "shown": _json({"release_digest": digest})}
    derivation = {**rest, "release_digest": digest, "intervals": intervals, "ends": ends}
    if outcomes := _outcomes(release):
        derivation["verdict"] = outcomes
    return {**digests, "figures": _json(figures), "shown": _json(derivation)}


def _outcomes(release: Mapping[str, Any]) -> list[list[str]]:
    """Name and outcome of each declared claim; empty for a release without a verdict."""
    verdict = release.get("verdict") or {}
    return [[str(each["name"]), str(each["verdict"])] for each in verdict.get("claims", ())]


def _named_alike(row: Row[Any], document: str) -> bool:
    """Whether a row has the names and the time that the release has, if it has any."""
    try:
        release = json.loads(document)
        received = datetime.fromisoformat(release["received"])
        names = (release["team"], release["model"], received)
    except (ValueError, TypeError, KeyError):
        return True
    return names == (row.team, row.model, aware(row.received))


def _overall(
    results: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, float], dict[str, list[object]], dict[str, list[list[object]]]]:
    """Overall values, their bounds, counts and reasons, and the groups at both ends of a figure."""
    figures: dict[str, float] = {}
    intervals: dict[str, list[object]] = {}
    groups: dict[str, list[tuple[float, str, str, list[object]]]] = {}
    for each in results:
        metric, estimate = each["metric"], each["estimate"]
        attribute, level = each["attribute"], each["level"]
        value, low, high = estimate["value"], estimate["low"], estimate["high"]
        if [attribute, level] == _OVERALL:
            if value is not None:
                figures[metric] = value
            intervals[metric] = [low, high, estimate["n_cases"], estimate["undefined"]]
        elif value is not None:
            row = [attribute, level, value, low, high, estimate["n_cases"]]
            groups.setdefault(metric, []).append((value, attribute, level, row))
    ends = {
        metric: [
            min(released)[3],
            min(released, key=lambda one: (-one[0], one[1], one[2]))[3],
        ]
        for metric, released in groups.items()
        if metric in intervals
    }
    return figures, intervals, ends


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def visible() -> Any:
    """The condition that the row's submission reached the state released, which it never leaves."""
    return exists(
        select(literal(1)).where(
            TRANSITIONS.c.submission_id == BOARD_ROWS.c.submission_id,
            TRANSITIONS.c.state == State.RELEASED.value,
        )
    )


class Boards:
    """Reads what is kept for boards; each question has a connection of its own."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        """``reading`` opens a connection."""
        self._reading = reading

    def rows(self, benchmark: str, *, after: int = 0) -> list[BoardRow]:
        """Rows of a benchmark's released results with a number above ``after``, oldest first."""
        query = (
            select(*(column for column in BOARD_ROWS.c if column.name != "shown"))
            .where(BOARD_ROWS.c.benchmark == benchmark, BOARD_ROWS.c.release_number > after)
            .where(visible())
            .order_by(BOARD_ROWS.c.release_number)
        )
        with self._reading() as connection:
            return [
                BoardRow(
                    number=row[0],
                    submission_id=row[1],
                    benchmark=row[2],
                    team=row[3],
                    model=row[4],
                    received=aware(row[5]),
                    cohort_digest=row[6],
                    plan_digest=row[7],
                    figures=row[8],
                )
                for row in connection.execute(query)
            ]

    def shown(self, numbers: Sequence[int]) -> dict[int, str]:
        """The rest that a board shows of releases, as JSON, by the releases' numbers."""
        documents: dict[int, str] = {}
        with self._reading() as connection:
            for start in range(0, len(numbers), _AT_ONCE):
                query = select(BOARD_ROWS.c.release_number, BOARD_ROWS.c.shown).where(
                    BOARD_ROWS.c.release_number.in_(numbers[start : start + _AT_ONCE])
                )
                documents |= {row[0]: row[1] for row in connection.execute(query)}
        return documents

    def stamp(self, benchmark: str) -> tuple[int, int]:
        """The numbers of a benchmark's newest release and of the last audit entry; 0 for none.

        What was read under a stamp is as it was read while the stamp is the same.
        """
        newest = (
            select(func.max(BOARD_ROWS.c.release_number))
            .where(BOARD_ROWS.c.benchmark == benchmark)
            .scalar_subquery()
        )
        last = select(func.max(AUDIT.c.number)).scalar_subquery()
        with self._reading() as connection:
            row = connection.execute(select(newest, last)).one()
        return row[0] or 0, row[1] or 0

    def newest(self, submission_id: str) -> PublishedRelease | None:
        """The newest release of a submission in the state released; None before it."""
        number = (
            select(func.max(BOARD_ROWS.c.release_number))
            .where(BOARD_ROWS.c.submission_id == submission_id)
            .where(visible())
            .scalar_subquery()
        )
        with self._reading() as connection:
            query = select(RELEASES).where(RELEASES.c.number == number)
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return PublishedRelease(
            number=row.number,
            submission_id=row.submission_id,
            benchmark=row.benchmark,
            evaluation_key=row.evaluation_key,
            document=row.document,
            published=aware(row.published),
        )

    def waiting(self, benchmark: str) -> int:
        """How many submissions to a benchmark the queue has still to work on."""
        states = {state.value for state in WAITING | UNDER_WAY}
        past = [state.value for state in State if state.value not in states]
        left = select(literal(1)).where(
            TRANSITIONS.c.submission_id == SUBMISSIONS.c.submission_id,
            TRANSITIONS.c.state.in_(past),
        )
        query = (
            select(func.count())
            .select_from(SUBMISSIONS)
            .where(SUBMISSIONS.c.benchmark == benchmark, ~exists(left))
        )
        with self._reading() as connection:
            return connection.execute(query).scalar_one()


def problems(connection: Connection) -> Iterator[str]:
    """Hold each row against its release; one sentence for each that does not follow from it."""
    query = (
        select(RELEASES, SUBMISSIONS.c.team, SUBMISSIONS.c.model)
        .join(SUBMISSIONS, SUBMISSIONS.c.submission_id == RELEASES.c.submission_id)
        .order_by(RELEASES.c.number)
    )
    board_rows = {row.release_number: row for row in connection.execute(select(BOARD_ROWS))}
    for release in connection.execute(query):
        row = board_rows.pop(release.number, None)
        same = (
            row is not None
            and all(
                getattr(row, name) == getattr(release, name)
                for name in ("submission_id", "benchmark", "team", "model")
            )
            and all(getattr(row, name) == text for name, text in derived(release.document).items())
            and _named_alike(row, release.document)
        )
        if not same:
            yield f"the board's row of release {release.number} does not follow from the release"
    for number in sorted(board_rows):
        yield f"the board has a row of release {number}, which is not there"
