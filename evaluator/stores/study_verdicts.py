"""Whole verdicts on declared claims, with every bound and count: kept inside the enclave.

A verdict is kept before the ledger has its look. Where the process ended between the two, the look
may get another number at the next try: the one that stands is the one that the ledger tells of.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from evaluator.claims.verdict import StudyVerdict
from evaluator.stores.enclave import Enclave
from evaluator.stores.enclave_tables import STUDY_VERDICTS


def keep(enclave: Enclave, submission_id: str, verdict: StudyVerdict) -> None:
    """Append a verdict of a submission; the same one again changes nothing."""
    document = verdict.to_json()
    query = select(STUDY_VERDICTS.c.number).where(
        STUDY_VERDICTS.c.submission_id == submission_id, STUDY_VERDICTS.c.document == document
    )
    with enclave.transaction() as connection:
        if connection.execute(query).first() is None:
            connection.execute(
                insert(STUDY_VERDICTS).values(
                    submission_id=submission_id, at=datetime.now(UTC), document=document
                )
            )


def whole(enclave: Enclave, submission_id: str, shown: str) -> StudyVerdict | None:
    """The verdict that the ledger tells as ``told``; None where the enclave lacks it."""
    with enclave.transaction() as connection:
        return read(connection, submission_id, shown)


def read(connection: Connection, submission_id: str, shown: str) -> StudyVerdict | None:
    """The same, over a connection to the enclave's database."""
    query = select(STUDY_VERDICTS.c.document).where(STUDY_VERDICTS.c.submission_id == submission_id)
    documents = connection.execute(query.order_by(STUDY_VERDICTS.c.number)).scalars().all()
    for document in documents:  # the first that was kept, whatever a later build would say
        verdict = StudyVerdict.from_json(document)
        if verdict.told_document() == shown:
            return verdict
    return None
