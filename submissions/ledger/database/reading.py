"""Reads submissions, releases and what a team is charged for, in a caller's connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from submissions.addresses.database import aware
from submissions.ledger.database.records import Arrival, AuditEntry, PublishedRelease
from submissions.ledger.database.tables import (
    ADMISSIONS,
    AUDIT,
    ENTRIES,
    FACT_SHEETS,
    RELEASE_SIGNATURES,
    RELEASES,
    SUBMISSIONS,
    TIMES,
    TRACKED,
    TRANSITIONS,
)
from submissions.stage_times import Stage
from submissions.submission import ENDED, Failure, State, Submission

UNCHARGED = frozenset({Failure.HARNESS_ERROR})
"""Failures that are ours: a team's quota does not pay for them. Nor does it for a submission that
was cancelled before it ran."""


def submissions(
    connection: Connection,
    condition: ColumnElement[bool] | None = None,
    names: Sequence[str] | Select[tuple[str]] | None = None,
) -> list[Submission]:
    """Submissions in order of entry, each in its present state; of ``names`` alone where given.

    The image's digest is that of the admission, where one is there.
    """
    ends = select(
        TRANSITIONS.c.submission_id,
        func.max(TRANSITIONS.c.number).label("number"),
        func.min(TRANSITIONS.c.number).label("first"),
    ).group_by(TRANSITIONS.c.submission_id)
    if names is not None:
        ends = ends.where(TRANSITIONS.c.submission_id.in_(names))
    latest = ends.subquery()
    query = (
        select(
            SUBMISSIONS,
            ADMISSIONS.c.image_digest.label("admitted"),
            TRANSITIONS.c.state,
            TRANSITIONS.c.failure,
        )
        .join(latest, latest.c.submission_id == SUBMISSIONS.c.submission_id)
        .join(TRANSITIONS, TRANSITIONS.c.number == latest.c.number)
        .outerjoin(ADMISSIONS, ADMISSIONS.c.submission_id == SUBMISSIONS.c.submission_id)
        .order_by(latest.c.first)
    )
    if condition is not None:
        query = query.where(condition)
    return [
        Submission(
            submission_id=row.submission_id,
            team=row.team,
            model=row.model,
            benchmark=row.benchmark,
            image_digest=row.admitted or row.image_digest,
            threshold=row.threshold,
            state=State(row.state),
            received=aware(row.received),
            failure=None if row.failure is None else Failure(row.failure),
        )
        for row in connection.execute(query).all()
    ]


def in_state(state: State) -> ColumnElement[bool]:
    """A condition on the present state."""
    return TRANSITIONS.c.state == state.value


def ended(before: datetime) -> ColumnElement[bool]:
    """The condition that a submission had reached its end by a time, whichever end it is."""
    ends = [state.value for state in ENDED]
    return TRANSITIONS.c.state.in_(ends) & (TRANSITIONS.c.at <= before)


def of_teams(
    connection: Connection, teams: Iterable[str], benchmark: str | None = None
) -> list[Submission]:
    """The submissions of teams, whose names are one where they differ by case alone."""
    folded = {team.casefold() for team in teams}
    query = select(SUBMISSIONS.c.submission_id, SUBMISSIONS.c.team)
    if benchmark is not None:
        query = query.where(SUBMISSIONS.c.benchmark == benchmark)
    names = [
        row.submission_id for row in connection.execute(query) if row.team.casefold() in folded
    ]
    return submissions(connection, names=names)


def charged(connection: Connection, teams: Iterable[str], benchmark: str) -> list[datetime]:
    """When the submissions were received that count against the allowance that teams share."""
    return [each.received for each in charged_submissions(connection, teams, benchmark)]


def charged_submissions(
    connection: Connection, teams: Iterable[str] | None, benchmark: str
) -> list[Submission]:
    """The looks of teams at a benchmark, in order of entry; of all teams where ``teams`` is None.

    A look is a submission that is charged.
    """
    if teams is None:
        entered = submissions(connection, SUBMISSIONS.c.benchmark == benchmark)
    else:
        entered = of_teams(connection, teams, benchmark)
    ran = set(
        connection.execute(
            select(TRANSITIONS.c.submission_id).where(
                TRANSITIONS.c.submission_id.in_([each.submission_id for each in entered]),
                TRANSITIONS.c.state.in_((State.RUNNING.value, State.SCORING.value)),
            )
        ).scalars()
    )
    return [
        each
        for each in entered
        if each.state is not State.REJECTED
        and each.failure not in UNCHARGED
        and not (each.failure is Failure.CANCELLED and each.submission_id not in ran)
    ]


def arrival(connection: Connection, submission_id: str) -> Arrival | None:
    """How a submission came, or None where the steward entered it."""
    query = select(ENTRIES).where(ENTRIES.c.submission_id == submission_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _arrival(row)


def fact_sheet(connection: Connection, submission_id: str) -> str | None:
    """The fact sheet that came with a submission, as JSON."""
    query = select(FACT_SHEETS.c.document).where(FACT_SHEETS.c.submission_id == submission_id)
    return connection.execute(query).scalar_one_or_none()


def history(connection: Connection, submission_id: str) -> list[tuple[State, datetime]]:
    """Each state that a submission reached, and the hour, in order."""
    query = select(TRANSITIONS).where(TRANSITIONS.c.submission_id == submission_id)
    rows = connection.execute(query.order_by(TRANSITIONS.c.number)).all()
    return [(State(row.state), aware(row.at)) for row in rows]


def releases(connection: Connection, benchmark: str | None) -> list[PublishedRelease]:
    """The newest release of each submission in the state released, oldest first."""
    newest = select(func.max(RELEASES.c.number)).group_by(RELEASES.c.submission_id)
    query = select(RELEASES).where(RELEASES.c.number.in_(newest)).order_by(RELEASES.c.number)
    if benchmark is not None:
        query = query.where(RELEASES.c.benchmark == benchmark)
    rows = connection.execute(query).all()
    names = [row.submission_id for row in rows]
    visible = {
        each.submission_id for each in submissions(connection, in_state(State.RELEASED), names)
    }
    return [_published(row) for row in rows if row.submission_id in visible]


def untracked(connection: Connection) -> list[PublishedRelease]:
    """Releases that have no MLflow run yet, oldest first."""
    new = RELEASES.c.number.not_in(select(TRACKED.c.release_number))
    rows = connection.execute(select(RELEASES).where(new).order_by(RELEASES.c.number)).all()
    names = select(RELEASES.c.submission_id).where(new)
    visible = {
        each.submission_id for each in submissions(connection, in_state(State.RELEASED), names)
    }
    return [_published(row) for row in rows if row.submission_id in visible]


def unsigned(connection: Connection) -> list[PublishedRelease]:
    """Releases that have no signature, oldest first; of each submission the older ones too."""
    new = RELEASES.c.number.not_in(select(RELEASE_SIGNATURES.c.release_number))
    rows = connection.execute(select(RELEASES).where(new).order_by(RELEASES.c.number)).all()
    return [_published(row) for row in rows]


def newest_release(connection: Connection, submission_id: str) -> int | None:
    """The number of a submission's newest release."""
    query = select(func.max(RELEASES.c.number)).where(RELEASES.c.submission_id == submission_id)
    return connection.execute(query).scalar_one()


def every_release(connection: Connection) -> list[PublishedRelease]:
    """Every release that was ever made, oldest first."""
    return [
        _published(row) for row in connection.execute(select(RELEASES).order_by(RELEASES.c.number))
    ]


def entries(
    connection: Connection, subjects: Sequence[str] | None, event: str | None
) -> list[AuditEntry]:
    """Entries of the audit chain in order; of some subjects or of one event where given.

    An ``event`` that ends with a colon stands for all that begin with it.
    """
    query = select(AUDIT).order_by(AUDIT.c.number)
    if subjects is not None:
        query = query.where(AUDIT.c.subject.in_(subjects))
    if event is not None:
        begins = AUDIT.c.event.startswith(event, autoescape=True)
        query = query.where(begins if event.endswith(":") else AUDIT.c.event == event)
    return [
        AuditEntry(
            number=row.number,
            at=aware(row.at),
            event=row.event,
            subject=row.subject,
            content=row.content,
            digest=row.digest,
        )
        for row in connection.execute(query)
    ]


def arrivals(connection: Connection) -> dict[str, Arrival]:
    """How each submission came that came through the service, by its id."""
    return {row.submission_id: _arrival(row) for row in connection.execute(select(ENTRIES))}


def evaluation_keys(connection: Connection, submission_id: str) -> set[str]:
    """Keys of all evaluations that were ever released for a submission."""
    of_submission = RELEASES.c.submission_id == submission_id
    return set(connection.execute(select(RELEASES.c.evaluation_key).where(of_submission)).scalars())


def times(connection: Connection, submission_id: str) -> dict[Stage, int]:
    """What stages took at most, in seconds; the latest run's."""
    query = select(TIMES).where(TIMES.c.submission_id == submission_id)
    rows = connection.execute(query.order_by(TIMES.c.number)).all()
    return {Stage(row.stage): row.at_most_seconds for row in rows}


def _arrival(row: Row[Any]) -> Arrival:
    return Arrival(
        submitted_by=row.submitted_by,
        archive_team=row.archive_team,
        archive_sha256=row.archive_sha256,
        reference=row.reference,
    )


def _published(row: Row[Any]) -> PublishedRelease:
    return PublishedRelease(
        number=row.number,
        submission_id=row.submission_id,
        benchmark=row.benchmark,
        evaluation_key=row.evaluation_key,
        document=row.document,
        published=aware(row.published),
    )
