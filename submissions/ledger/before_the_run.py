"""Rows about what happens before a sequestered run: what a lint found, what a dry run brought.

Both are for the team itself, and neither comes from a sequestered case.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from submissions.ledger.database import audit_chain
from submissions.ledger.database.audit_chain import FINDING, PRACTICE, digest_of, hour
from submissions.ledger.database.reading import of_teams
from submissions.ledger.database.records import Arrival
from submissions.ledger.database.tables import ADMISSIONS, ENTRIES, FINDINGS, PRACTICES, SUBMISSIONS
from submissions.ledger.database.verification import practice_content
from submissions.submission import State, Submission


def standing(connection: Connection, submission: Submission, arrival: Arrival | None) -> str | None:
    """The id of the same entry, made before, that did not fail and was not refused, or None.

    The same is an archive or a reference under the same names and threshold. What the steward
    enters from their own engine is new each time.
    """
    if arrival is None or (arrival.archive_sha256 is None and arrival.reference is None):
        return None
    came = (
        ENTRIES.c.archive_sha256 == arrival.archive_sha256
        if arrival.archive_sha256 is not None
        else ENTRIES.c.reference == arrival.reference
    )
    same = (
        select(SUBMISSIONS.c.submission_id)
        .join(ENTRIES, ENTRIES.c.submission_id == SUBMISSIONS.c.submission_id)
        .where(came)
        .where(SUBMISSIONS.c.model == submission.model)
        .where(SUBMISSIONS.c.threshold == submission.threshold)
    )
    names = set(connection.execute(same).scalars())
    if not names:
        return None
    for each in of_teams(connection, [submission.team], submission.benchmark):
        if each.submission_id in names and each.state not in (
            State.REJECTED,
            State.REFUSED,
            State.FAILED,
        ):
            return each.submission_id
    return None


def find(connection: Connection, submission_id: str, sentence: str) -> None:
    """Append what is wrong with an image, in words for its team."""
    connection.execute(
        insert(FINDINGS).values(submission_id=submission_id, sentence=sentence, at=hour())
    )
    audit_chain.append(connection, FINDING, submission_id, digest_of(sentence))


def practise(connection: Connection, submission_id: str, document: str) -> None:
    """Append the document of a dry run, under the digest of the image that it ran."""
    query = select(ADMISSIONS.c.image_digest).where(ADMISSIONS.c.submission_id == submission_id)
    digest: str = connection.execute(query).scalar_one()
    connection.execute(
        insert(PRACTICES).values(
            submission_id=submission_id, image_digest=digest, document=document, at=hour()
        )
    )
    content = practice_content(digest, document)
    audit_chain.append(connection, PRACTICE, submission_id, content)


def finding(connection: Connection, submission_id: str) -> str | None:
    """What was wrong with an image, or None."""
    query = select(FINDINGS.c.sentence).where(FINDINGS.c.submission_id == submission_id)
    return connection.execute(query).scalar_one_or_none()


def practice(connection: Connection, submission_id: str) -> str | None:
    """The document of a dry run as JSON, or None."""
    query = select(PRACTICES.c.document).where(PRACTICES.c.submission_id == submission_id)
    return connection.execute(query).scalar_one_or_none()
