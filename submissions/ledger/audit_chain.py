"""The audit chain: each entry names the digest of the one before, and the tables must agree."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from submissions.ledger.tables import AUDIT, RELEASES, TRANSITIONS

RELEASE = "release"
"""The event of a release; that of a change of state is ``state:`` and the state."""

_GENESIS = "0" * 64


def append(connection: Connection, event: str, subject: str, content: str) -> None:
    """Append an entry, in the transaction of what it tells of."""
    previous = connection.execute(
        select(AUDIT.c.digest).order_by(AUDIT.c.number.desc()).limit(1)
    ).scalar_one_or_none()
    at = hour()
    chained = previous or _GENESIS
    connection.execute(
        insert(AUDIT).values(
            at=at,
            event=event,
            subject=subject,
            content=content,
            previous=chained,
            digest=_entry_digest(chained, at, event, subject, content),
        )
    )


def append_release(connection: Connection, submission_id: str, document: str) -> None:
    """Append that a document was released, by its digest."""
    append(connection, RELEASE, submission_id, _digest(document))


def problems(connection: Connection) -> list[str]:
    """Walk the chain and hold the tables against it; one sentence for each problem."""
    found: list[str] = []
    previous = _GENESIS
    chained: Counter[tuple[str, str, str]] = Counter()
    for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number)):
        at = aware(row.at)
        expected = _entry_digest(row.previous, at, row.event, row.subject, row.content)
        if row.previous != previous or row.digest != expected:
            found.append(f"audit entry {row.number} does not follow from the one before")
        previous = row.digest
        chained[row.event, row.subject, row.content] += 1
    stored: Counter[tuple[str, str, str]] = Counter()
    for row in connection.execute(select(TRANSITIONS)):
        stored[f"state:{row.state}", row.submission_id, row.failure or ""] += 1
    for row in connection.execute(select(RELEASES)):
        stored[RELEASE, row.submission_id, _digest(row.document)] += 1
    found += [
        f"{event} of {subject} stands in the tables and not in the audit chain"
        for event, subject, _ in stored - chained
    ]
    tabled = Counter(
        {
            entry: count
            for entry, count in chained.items()
            if entry[0] == RELEASE or entry[0].startswith("state:")
        }
    )
    found += [
        f"{event} of {subject} stands in the audit chain and not in the tables"
        for event, subject, _ in tabled - stored
    ]
    return found


def hour() -> datetime:
    """The time as the public store tells it: the exact end of a run could carry a message out."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def aware(value: datetime) -> datetime:
    """SQLite forgets the time zone; all times in the ledger are UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _digest(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def _entry_digest(previous: str, at: datetime, event: str, subject: str, content: str) -> str:
    entry = json.dumps([previous, at.isoformat(), event, subject, content])
    return hashlib.sha256(entry.encode()).hexdigest()
