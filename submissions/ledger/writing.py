"""Appends rows, each with its audit entry, in a caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select

from submissions.ledger.beside_releases import board_rows, exposures
from submissions.ledger.database import audit_chain
from submissions.ledger.database.audit_chain import (
    ADMISSION,
    ENTRY,
    FACT_SHEET,
    RELEASE,
    STAGE_TIMES,
    STATE,
    TRACKED_RUN,
    digest_of,
    hour,
)
from submissions.ledger.database.records import Arrival, LedgerError
from submissions.ledger.database.tables import (
    ADMISSIONS,
    ENTRIES,
    FACT_SHEETS,
    RELEASES,
    SUBMISSIONS,
    TIMES,
    TRACKED,
    TRANSITIONS,
)
from submissions.ledger.database.verification import (
    entry_content,
    release_content,
    stage_times_content,
)
from submissions.stage_times import Stage, coarse
from submissions.submission import NEXT, Failure, Owner, State, Submission, may_make


def receive(
    connection: Connection,
    submission: Submission,
    arrival: Arrival | None,
    fact_sheet: str | None,
) -> None:
    """Append a submission in the state received, how it came, and its fact sheet."""
    name = submission.submission_id
    row = {
        "submission_id": name,
        "team": submission.team,
        "model": submission.model,
        "benchmark": submission.benchmark,
        "image_digest": submission.image_digest,
        "threshold": submission.threshold,
        "received": submission.received,
    }
    connection.execute(insert(SUBMISSIONS).values(row))
    came: dict[str, str | None] | None = None
    if arrival is not None:
        came = {
            "submission_id": name,
            "submitted_by": arrival.submitted_by,
            "archive_team": arrival.archive_team,
            "archive_sha256": arrival.archive_sha256,
            "reference": arrival.reference,
        }
        connection.execute(insert(ENTRIES).values(came))
    content = entry_content(list(row.values()), None if came is None else list(came.values()))
    audit_chain.append(connection, ENTRY, name, content)
    if fact_sheet is not None:
        connection.execute(
            insert(FACT_SHEETS).values(submission_id=name, document=fact_sheet, at=hour())
        )
        audit_chain.append(connection, FACT_SHEET, name, digest_of(fact_sheet))
    _move(connection, name, State.RECEIVED, None)


def admit(connection: Connection, submission_id: str, image_digest: str) -> None:
    """Append which image a submission turned out to be."""
    connection.execute(
        insert(ADMISSIONS).values(submission_id=submission_id, image_digest=image_digest, at=hour())
    )
    audit_chain.append(connection, ADMISSION, submission_id, image_digest)


def steps(
    connection: Connection,
    submission_id: str,
    states: Sequence[State],
    failure: Failure | None = None,
    by: Owner = Owner.QUEUE,
) -> None:
    """Append state changes, the last with its ``failure``.

    Raises LedgerError where the life cycle has no such step, or it is not ``by``'s to make.
    """
    for number, state in enumerate(states, start=1):
        _step(connection, submission_id, state, failure if number == len(states) else None, by)


def publish(
    connection: Connection,
    submission_id: str,
    evaluation_key: str,
    document: str,
    state: State,
    use: exposures.Use,
    by: Owner = Owner.QUEUE,
) -> None:
    """Append a release, the state it brings, and who saw what of which cohort."""
    benchmark = connection.execute(
        select(SUBMISSIONS.c.benchmark).where(SUBMISSIONS.c.submission_id == submission_id)
    ).scalar_one()
    number = connection.execute(
        insert(RELEASES)
        .values(
            submission_id=submission_id,
            benchmark=benchmark,
            evaluation_key=evaluation_key,
            document=document,
            published=hour(),
        )
        .returning(RELEASES.c.number)
    ).scalar_one()
    board_rows.keep(connection, number, submission_id, document)
    _step(connection, submission_id, state, None, by)
    content = release_content(document, benchmark, evaluation_key)
    audit_chain.append(connection, RELEASE, submission_id, content)
    exposures.of_release(connection, submission_id, benchmark, document, use)


def times(connection: Connection, submission_id: str, seconds: Mapping[Stage, float]) -> None:
    """Append what stages took, as a team may see it: in powers of two."""
    stages = [(stage.value, coarse(exact)) for stage, exact in seconds.items()]
    connection.execute(
        insert(TIMES),
        [
            {"submission_id": submission_id, "stage": stage, "at_most_seconds": at_most}
            for stage, at_most in stages
        ],
    )
    audit_chain.append(connection, STAGE_TIMES, submission_id, stage_times_content(stages))


def tracked(connection: Connection, release_number: int, run_id: str) -> None:
    """Append which MLflow run shows a release."""
    connection.execute(
        insert(TRACKED).values(release_number=release_number, run_id=run_id, at=hour())
    )
    audit_chain.append(connection, TRACKED_RUN, str(release_number), run_id)


def _step(
    connection: Connection,
    submission_id: str,
    state: State,
    failure: Failure | None,
    by: Owner,
) -> None:
    latest = connection.execute(
        select(TRANSITIONS.c.state)
        .where(TRANSITIONS.c.submission_id == submission_id)
        .order_by(TRANSITIONS.c.number.desc())
        .limit(1)
    ).scalar_one_or_none()
    if latest is None:
        raise LedgerError(f"no submission {submission_id!r}")
    if state not in NEXT[State(latest)]:
        raise LedgerError(f"submission {submission_id} is {latest}; it cannot become {state.value}")
    if not may_make(State(latest), state, by):
        raise LedgerError(
            f"submission {submission_id} is {latest}; to make it {state.value} is not the part of "
            f"the {by.value}"
        )
    _move(connection, submission_id, state, failure)


def _move(
    connection: Connection, submission_id: str, state: State, failure: Failure | None
) -> None:
    connection.execute(
        insert(TRANSITIONS).values(
            submission_id=submission_id,
            state=state.value,
            failure=None if failure is None else failure.value,
            at=hour(),
        )
    )
    content = "" if failure is None else failure.value
    audit_chain.append(connection, f"{STATE}{state.value}", submission_id, content)
