"""Connects to a ledger's database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from submissions.addresses.database import address_fault, patience, without_password
from submissions.ledger.records import LedgerError

DATABASES = ("sqlite", "postgresql")


def open_database(url: str) -> Engine:
    """Connect to a ledger's address; raise LedgerError where that leads nowhere."""
    if wrong := address_fault(url, DATABASES):
        raise LedgerError(
            f"the ledger's address is {without_password(url)}, but {wrong}; give a writable "
            f"SQLite file or a running PostgreSQL, as sqlite:////FOLDER/ledger.sqlite or "
            f"postgresql+psycopg://USER@HOST/DATABASE"
        )
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return _connect(url)


def no_answer(engine: Engine, error: DBAPIError) -> LedgerError:
    """The error for a database that was there and does not answer."""
    return LedgerError(
        f"the ledger at {engine.url.render_as_string()} does not answer "
        f"({error.orig}); start its database again or free its disk"
    )


def _connect(url: str) -> Engine:
    engine = create_engine(url, connect_args=patience(make_url(url)))
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=30000")
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
            # The driver must not begin transactions of its own: see _begin.
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # A writer takes its lock at once: one that read first could not be made to wait.
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
