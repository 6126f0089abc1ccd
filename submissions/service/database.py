"""Opens the service's store: one engine, transactions that take the write lock at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4
from weakref import finalize

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DBAPIError

from submissions.addresses.database import address_fault, patience, without_password
from submissions.service.upload_tables import UPLOADS

DATABASES = ("sqlite", "postgresql")
_OPENING = 0x5E9_0E5A
_WRITING = 0x5E9_0E5B


class StoreError(ValueError):
    """The service's store cannot be opened, or was asked for something it cannot do."""


class Database:
    """The store at a database URL (SQLite or PostgreSQL)."""

    def __init__(self, url: str) -> None:
        """Open the store and create tables that are missing; raise StoreError."""
        if wrong := address_fault(url, DATABASES):
            raise StoreError(
                f"the address of the accounts is {without_password(url)}, but {wrong}; give a "
                f"writable SQLite file or a running PostgreSQL, as "
                f"sqlite:////FOLDER/accounts.sqlite or postgresql+psycopg://USER@HOST/DATABASE"
            )
        if url.startswith("sqlite:///"):
            folder = Path(url.removeprefix("sqlite:///")).parent
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.engine = _connect(url)
        finalize(self, self.engine.dispose)
        # Threads wait for SQLite by sleeping, and the unlucky for longer than its timeout.
        self._turn = Lock()
        self._writer = self.engine.execution_options(writes=True)
        try:
            with self._writer.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_OPENING)))
                UPLOADS.metadata.create_all(connection)  # which has every table of the store
        except DBAPIError as error:
            said = " ".join(str(error.orig or error).split())
            raise StoreError(
                f"the accounts at {without_password(url)} do not open ({said}); give a writable "
                f"SQLite file or a running PostgreSQL"
            ) from error

    def close(self) -> None:
        """Close the connections; a later use opens new ones."""
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that holds the store's one write lock from its begin."""
        with self._turn, self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_WRITING)))
            yield connection

    def settle(self) -> None:
        """Write SQLite's log into its file and empty it: old rows do not linger there."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads."""
        with self.engine.connect() as connection:
            yield connection


def new_id() -> str:
    """An opaque id: 12 hexadecimal digits."""
    return uuid4().hex[:12]


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)


def aware(value: datetime) -> datetime:
    """A stored time in UTC; SQLite forgets the zone."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _connect(url: str) -> Engine:
    parsed = make_url(url)
    engine = create_engine(url, connect_args=patience(parsed), pool_size=16, max_overflow=32)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: object) -> None:
            cursor = connection.cursor()
            # secure_delete: what a deleted person's row held is overwritten in the file.
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "secure_delete=ON",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.execute("PRAGMA busy_timeout=30000")
            cursor.close()
            connection.isolation_level = None  # the driver begins no transaction of its own

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
