"""Opens the service's store: one engine, transactions that take the write lock at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4
from weakref import finalize

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from submissions.addresses.database import (
    DATABASES,
    address_fault,
    open_engine,
    without_password,
)
from submissions.service.upload_tables import UPLOADS

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
        # secure_delete: what a deleted person's row held is overwritten in the file.
        self.engine = open_engine(url, pragmas=("secure_delete=ON",), pool_size=16, max_overflow=32)
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
