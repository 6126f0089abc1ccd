"""Makes and uses the links; the store keeps the SHA-256 of each secret alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy import delete as delete_from

from submissions.addresses.database import aware
from submissions.service.credentials import passwords
from submissions.service.credentials.secrets_sent import fingerprint, is_session, new_session
from submissions.service.database import StoreError, now
from submissions.service.people import PersonState
from submissions.service.tables import PEOPLE, SESSIONS

PATH = "/team/password"
LIFE = timedelta(hours=24)
EVENT = "password-set"
"""In the audit chain: a person, by opaque id, set a password with a link."""

METADATA = MetaData()
RESETS = Table(
    "password_links",
    METADATA,
    Column("fingerprint", String(64), primary_key=True),
    # Opaque: nothing of a person who is deleted stays here.
    Column("person_id", String(12), nullable=False, index=True),
    Column("mailed", Boolean, nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
)
VERIFIED = Table(
    "verified_addresses",
    METADATA,
    Column("person_id", String(12), primary_key=True),
    Column("address", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""People who used a link that was mailed to them; of the address its SHA-256 alone."""


class Database(Protocol):
    """What the links need of the service's store."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that holds the write lock from its beginning."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that only reads."""


class Links:
    """The links of a store of accounts."""

    def __init__(self, database: Database) -> None:
        """Keep the database, and make the tables where they are missing."""
        self._database = database
        with database.transaction() as connection:
            METADATA.create_all(connection)

    def make(self, person_id: str, *, mailed: bool = False) -> tuple[str, datetime]:
        """The secret of a new link, which nothing shows a second time, and when it ends.

        Earlier links of the person end. Raises StoreError where no approved person has this id.
        """
        secret, expires = new_session(), now() + LIFE
        with self._database.transaction() as connection:
            if _approved(connection, person_id) is None:
                raise StoreError(
                    f"person {person_id} may not sign in; `sequestra user enable` lets them"
                )
            connection.execute(
                delete_from(RESETS).where(
                    (RESETS.c.person_id == person_id) | (RESETS.c.expires <= now())
                )
            )
            row = {"person_id": person_id, "mailed": mailed, "expires": expires}
            connection.execute(insert(RESETS).values(fingerprint=fingerprint(secret), **row))
        return secret, expires

    def is_open(self, secret: str) -> bool:
        """Whether a link works now."""
        with self._database.reading() as connection:
            return _owner(connection, secret) is not None

    def use(self, secret: str, password: str) -> str | None:
        """Set the password and end the link and all sessions; the person's id.

        None where the link was used, has ended or never was. Tokens stay as they are.
        """
        kept = passwords.hashed(password)  # slow: outside the transaction
        with self._database.transaction() as connection:
            found = _owner(connection, secret)
            if found is None:
                return None
            person_id, mailed, email = found
            mine = PEOPLE.c.person_id == person_id
            connection.execute(update(PEOPLE).where(mine).values(password=kept))
            connection.execute(delete_from(SESSIONS).where(SESSIONS.c.person_id == person_id))
            connection.execute(delete_from(RESETS).where(RESETS.c.person_id == person_id))
            if mailed:
                connection.execute(delete_from(VERIFIED).where(VERIFIED.c.person_id == person_id))
                row = {"person_id": person_id, "address": fingerprint(email), "at": now()}
                connection.execute(insert(VERIFIED).values(row))
        return person_id

    def is_verified(self, person_id: str, email: str | None) -> bool:
        """Whether a mail to this address of a person arrived: its link was used."""
        mine = (VERIFIED.c.person_id == person_id) & (
            VERIFIED.c.address == fingerprint(email or "")
        )
        with self._database.reading() as connection:
            return connection.execute(select(VERIFIED.c.at).where(mine)).first() is not None


def _approved(connection: Connection, person_id: str) -> str | None:
    """The e-mail address of a person who may sign in; None for anybody else."""
    query = select(PEOPLE.c.email).where(
        PEOPLE.c.person_id == person_id, PEOPLE.c.state == PersonState.APPROVED.value
    )
    return connection.execute(query).scalar_one_or_none()


def _owner(connection: Connection, secret: str) -> tuple[str, bool, str] | None:
    """Whose link it is, whether it was mailed, and the person's address; None without one."""
    if not is_session(secret):
        return None
    query = select(RESETS).where(RESETS.c.fingerprint == fingerprint(secret))
    row = connection.execute(query).one_or_none()
    if row is None or aware(row.expires) <= now():
        return None
    email = _approved(connection, row.person_id)
    return None if email is None else (row.person_id, row.mailed, email)
