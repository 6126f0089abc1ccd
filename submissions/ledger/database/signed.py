"""Reads and appends signatures, in a caller's connection; what they say is not judged here."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from submissions.ledger.database.records import SignedHead, SignedRelease
from submissions.ledger.database.tables import HEADS, RELEASE_SIGNATURES
from submissions.signatures import Signed


def append(
    connection: Connection, heads: Sequence[SignedHead], releases: Sequence[SignedRelease]
) -> None:
    """Append signatures; a release that another process signed meanwhile keeps that signature."""
    for head in heads:
        _insert(connection, HEADS, {"audit_number": head.audit_number}, head.signed)
    signed = set(connection.execute(select(RELEASE_SIGNATURES.c.release_number)).scalars())
    for release in releases:
        if release.release_number not in signed:
            number = {"release_number": release.release_number}
            _insert(connection, RELEASE_SIGNATURES, number, release.signed)


def heads(connection: Connection) -> list[SignedHead]:
    """All signed heads, oldest first."""
    return [
        SignedHead(audit_number=row.audit_number, signed=of_row(row))
        for row in connection.execute(select(HEADS).order_by(HEADS.c.number))
    ]


def last_head(connection: Connection, key_id: str) -> SignedHead | None:
    """The newest head that a key signed."""
    query = select(HEADS).where(HEADS.c.key_id == key_id).order_by(HEADS.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else SignedHead(audit_number=row.audit_number, signed=of_row(row))


def releases(connection: Connection) -> list[SignedRelease]:
    """All signed releases, by number."""
    query = select(RELEASE_SIGNATURES).order_by(RELEASE_SIGNATURES.c.release_number)
    return [
        SignedRelease(release_number=row.release_number, signed=of_row(row))
        for row in connection.execute(query)
    ]


def release(connection: Connection, number: int) -> Signed | None:
    """The signed statement of one release, or None where it has none yet."""
    query = select(RELEASE_SIGNATURES).where(RELEASE_SIGNATURES.c.release_number == number)
    row = connection.execute(query).one_or_none()
    return None if row is None else of_row(row)


def _insert(connection: Connection, table: Table, number: dict[str, int], signed: Signed) -> None:
    connection.execute(insert(table).values(**number, **columns(signed)))


def columns(signed: Signed) -> dict[str, str]:
    """A signed statement as the columns of a row."""
    return {
        "statement": signed.statement,
        "key_id": signed.key_id,
        "signature": signed.encoded,
    }


def of_row(row: Row[Any]) -> Signed:
    """The signed statement in a row."""
    return Signed(
        statement=row.statement, key_id=row.key_id, signature=base64.b64decode(row.signature)
    )
