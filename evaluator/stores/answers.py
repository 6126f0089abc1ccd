"""Answers of the ladder and of Thresholdout: each is given once and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Row, insert, select

from evaluator.stores.enclave import Enclave
from evaluator.stores.enclave_tables import ANSWERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a submission was told of a cohort.

    ``document`` is the release, ``evaluation_key`` its key. ``step``: it is a step of the ladder.
    ``spends``: it comes from sequestered cases, with noise, and spends Thresholdout's budget.
    """

    submission_id: str
    cohort_digest: str
    team: str
    evaluation_key: str
    step: bool
    spends: bool
    document: str


def given(enclave: Enclave, submission_id: str, cohort_digest: str) -> Answer | None:
    """The answer that a submission has, or None."""
    query = select(ANSWERS).where(
        ANSWERS.c.submission_id == submission_id, ANSWERS.c.cohort_digest == cohort_digest
    )
    with enclave.transaction() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _answer(row)


def keep(enclave: Enclave, answer: Answer) -> Answer:
    """Store an answer; where the submission has one already, that one stands and is given back."""
    of_submission = (ANSWERS.c.submission_id == answer.submission_id) & (
        ANSWERS.c.cohort_digest == answer.cohort_digest
    )
    with enclave.transaction() as connection:
        row = connection.execute(select(ANSWERS).where(of_submission)).one_or_none()
        if row is not None:
            return _answer(row)
        connection.execute(
            insert(ANSWERS).values(
                submission_id=answer.submission_id,
                cohort_digest=answer.cohort_digest,
                team=answer.team.casefold(),
                evaluation_key=answer.evaluation_key,
                step=answer.step,
                spends=answer.spends,
                document=answer.document,
                at=datetime.now(UTC),
            )
        )
    return answer


def last_step(enclave: Enclave, team: str, cohort_digest: str) -> Answer | None:
    """The last step of a team on a cohort, or None; names of teams are one whatever their case."""
    query = (
        select(ANSWERS)
        .where(
            ANSWERS.c.team == team.casefold(),
            ANSWERS.c.cohort_digest == cohort_digest,
            ANSWERS.c.step.is_(True),
        )
        .order_by(ANSWERS.c.number.desc())
        .limit(1)
    )
    with enclave.transaction() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _answer(row)


def spent(enclave: Enclave, cohort_digest: str) -> int:
    """How many answers on a cohort have spent budget."""
    query = select(ANSWERS.c.number).where(
        ANSWERS.c.cohort_digest == cohort_digest, ANSWERS.c.spends.is_(True)
    )
    with enclave.transaction() as connection:
        return len(connection.execute(query).all())


def _answer(row: Row[tuple[object, ...]]) -> Answer:
    return Answer(
        submission_id=row.submission_id,
        cohort_digest=row.cohort_digest,
        team=row.team,
        evaluation_key=row.evaluation_key,
        step=row.step,
        spends=row.spends,
        document=row.document,
    )
