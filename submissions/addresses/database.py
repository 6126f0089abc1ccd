"""Checks a database's address, opens it, and limits the wait for its answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from submissions.addresses.patience import ANSWER_SECONDS, within

DATABASES = ("sqlite", "postgresql")
"""Kinds of databases in which several processes may write."""

CONNECT_SECONDS = 4
"""How long one server may take to let a connection in; libpq's least is 2."""


def address_fault(url: str, dialects: tuple[str, ...]) -> str | None:
    """What is wrong with a database's address that no waiting would mend; None where nothing is.

    Nothing is connected. ``dialects`` are those that may be named, as "sqlite".
    """
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except NoSuchModuleError:  # which is an ArgumentError too
        return f"no database of the kind {url.partition(':')[0]!r} is known here"
    except ArgumentError:
        return "it is not the address of a database"
    except ValueError:
        return "its port is not a number"
    except ImportError as error:
        return f"its driver {error.name!r} is not installed"
    dialect = parsed.get_backend_name()
    if dialect not in dialects:
        return f"it names a database of the kind {dialect!r}"
    try:
        parsed.get_dialect().import_dbapi()
    except ImportError as error:
        return f"its driver {error.name!r} is not installed"
    return _file_fault(parsed) if dialect == "sqlite" else None


def without_password(url: str) -> str:
    """An address as it may be shown."""
    try:
        return make_url(url).render_as_string()
    except (ArgumentError, ValueError):
        scheme, separator, rest = url.partition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def connection_fault(url: str) -> str | None:
    """What keeps a database from letting a connection in; None where it does."""
    engine = create_engine(url, connect_args=patience(make_url(url)))
    try:
        within(ANSWER_SECONDS, lambda: engine.connect().close())
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        return " ".join(str(getattr(error, "orig", None) or error).split())
    finally:
        engine.dispose()
    return None


def patience(url: URL) -> dict[str, int]:
    """What the driver is told of how long to wait, unless the address says so itself."""
    if url.get_backend_name() != "postgresql" or "connect_timeout" in url.query:
        return {}
    return {"connect_timeout": CONNECT_SECONDS}


def open_engine(url: str, *, pragmas: Sequence[str] = (), **options: Any) -> Engine:
    """An engine on SQLite (write-ahead log) or PostgreSQL; nothing is connected yet.

    A transaction of an engine with the execution option ``writes`` takes SQLite's write lock at its
    begin. ``pragmas`` are further ones of SQLite, ``options`` those of SQLAlchemy.
    """
    engine = create_engine(url, connect_args=patience(make_url(url)), **options)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=30000")
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *pragmas):
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


def aware(value: datetime) -> datetime:
    """A stored time in UTC; SQLite forgets the zone."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _file_fault(url: URL) -> str | None:
    if url.database in (None, "", ":memory:"):
        return "a database in memory is gone with the command"
    assert url.database is not None
    if url.database.startswith("file:"):
        return None
    path = Path(url.database).absolute()
    if path.is_dir():
        return "it is a folder, not a file"
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return "this user may not write there"
    return None
