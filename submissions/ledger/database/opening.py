"""Connects to a ledger's database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from submissions.addresses.database import (
    DATABASES,
    address_fault,
    open_engine,
    without_password,
)
from submissions.ledger.database.records import LedgerError


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
    return open_engine(url)


def no_answer(engine: Engine, error: DBAPIError) -> LedgerError:
    """The error for a database that was there and does not answer."""
    return LedgerError(
        f"the ledger at {engine.url.render_as_string()} does not answer "
        f"({error.orig}); start its database again or free its disk"
    )
