"""The audit chain: each entry names the digest of the one before, and what it tells of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from submissions.addresses.database import aware
from submissions.ledger.database.tables import AUDIT

STATE = "state:"
"""What the event of a change of state begins with; the state follows."""

ENTRY = "entry"
FACT_SHEET = "fact-sheet"
ADMISSION = "admission"
FINDING = "finding"
PRACTICE = "practice"
STAGE_TIMES = "stage-times"
TRACKED_RUN = "tracked"
RELEASE = "release"
COMPARISON = "comparison"
VOTE = "vote"
ALLOWANCE = "allowance"
VERDICT = "verdict"
"""Events that tell of a row of another table."""

VIEWED = "held-viewed"
"""The event of a person who looked at a held result; the content is the person's opaque id."""

OVERRIDDEN = "released-at-shell"
"""The event of a held result that was released at the shell, without votes."""

WITHDRAWN = "withdrawn"
"""The event of a person who cancelled a submission; the content is the person's opaque id."""

CLAIMS = "claims"
"""The event of claims that a benchmark was sealed with, or was given later: their digest, and how
many looks a team has."""

SIGNING_KEY = "signing-key"
"""The event of a key that signs from then on: its id, and its 32 bytes in base64."""

PROTECTED = "protected"
"""The event of triggers that were made again."""

MIGRATION = "migration"
"""The event that tells of the rows of a former build which no entry of their own tells of."""

GENESIS = "0" * 64
"""What the first entry names as the digest before it."""


def append(connection: Connection, event: str, subject: str, content: str) -> None:
    """Append an entry, in the transaction of what it tells of."""
    _, previous = head(connection)
    at = hour()
    connection.execute(
        insert(AUDIT).values(
            at=at,
            event=event,
            subject=subject,
            content=content,
            previous=previous,
            digest=_entry_digest(previous, at, event, subject, content),
        )
    )


def head(connection: Connection) -> tuple[int, str]:
    """The number and the digest of the last entry; 0 and GENESIS where no entry is there."""
    query = select(AUDIT.c.number, AUDIT.c.digest).order_by(AUDIT.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (0, GENESIS) if row is None else (row.number, row.digest)


def digest_at(connection: Connection, number: int) -> str | None:
    """The digest of an entry, or None where it is not there."""
    query = select(AUDIT.c.digest).where(AUDIT.c.number == number)
    return connection.execute(query).scalar_one_or_none()


def broken_links(connection: Connection, after: int = 0, previous: str = GENESIS) -> Iterator[str]:
    """Follow the chain; one sentence for each entry that does not follow from the one before.

    ``after`` is the number of an entry that is known to be good, ``previous`` its digest.
    """
    query = select(AUDIT).where(AUDIT.c.number > after).order_by(AUDIT.c.number)
    for row in connection.execute(query):
        expected = _entry_digest(row.previous, aware(row.at), row.event, row.subject, row.content)
        if row.previous != previous or row.digest != expected:
            yield f"audit entry {row.number} does not follow from the one before"
        previous = row.digest


def digest_of(document: str) -> str:
    """The digest by which the chain knows a document: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(document.encode()).hexdigest()


def digest_of_row(values: Iterable[object]) -> str:
    """The digest by which the chain knows a row; times in UTC, whatever database kept them."""
    plain = [aware(each).isoformat() if isinstance(each, datetime) else each for each in values]
    return digest_of(json.dumps(plain))


def hour() -> datetime:
    """The time as the public store tells it: the exact end of a run could carry a message out."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def _entry_digest(previous: str, at: datetime, event: str, subject: str, content: str) -> str:
    entry = json.dumps([previous, at.isoformat(), event, subject, content])
    return hashlib.sha256(entry.encode()).hexdigest()
