"""Brings a ledger's tables up to date, whole or not at all, and holds what must guard them."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from submissions.addresses.patience import ANSWER_SECONDS, NoAnswer, within
from submissions.ledger.database import append_only, verification
from submissions.ledger.database.records import LedgerError
from submissions.ledger.database.tables import SUBMISSIONS, TABLES

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""The steps of ``migrations/``, oldest first."""

VERSION_TABLE = "ledger_version"
"""The one table that Alembic writes to: the number of the last step. It is no record."""

_OPENING = 0x5E9_0E58
"""PostgreSQL's advisory lock of the one process that makes or changes the tables."""


_ALEMBIC = Lock()
"""Alembic keeps what it works on in its module: one thread at a time."""


def bring_up_to_date(engine: Engine, *, examine: bool) -> None:
    """Make or migrate the tables, and refuse a ledger whose rows could be changed.

    Of several processes that open a ledger at once, one migrates it and the others wait. An
    interrupted migration leaves the ledger as it was. ``examine`` opens an unguarded ledger too.
    Raises LedgerError.
    """
    name = engine.url.render_as_string()
    try:
        if engine.dialect.name == "postgresql":
            within(ANSWER_SECONDS, lambda: engine.connect().close())
        with engine.connect() as connection:
            current = _revision(connection) == REVISIONS[-1]
        if not current:
            with engine.execution_options(writes=True).begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_OPENING)))
                _migrate(connection, name)
        with engine.connect() as connection:
            faults = append_only.faults(connection, TABLES)
    except (DBAPIError, NoAnswer, UnicodeError) as error:
        reason = " ".join(str(getattr(error, "orig", error)).split())
        raise LedgerError(
            f"the ledger at {name} does not open ({reason}); "
            f"give a writable SQLite file or a running PostgreSQL"
        ) from error
    if faults and not examine:
        raise LedgerError(
            f"rows of the ledger at {name} could be changed: {faults[0]}; `sequestra audit verify` "
            f"tells whether a row was, and `sequestra audit protect` makes the triggers again"
        )


def _revision(connection: Connection) -> str | None:
    """The number of the last step, or None where no step was taken."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    query = text(f"SELECT version_num FROM {VERSION_TABLE}")
    return connection.execute(query).scalar_one_or_none()


def _migrate(connection: Connection, name: str) -> None:
    """Take the steps that are missing, in the caller's transaction."""
    before = _revision(connection)
    if before == REVISIONS[-1]:
        return  # by another process, while this one waited
    if before is not None and before not in REVISIONS:
        raise LedgerError(
            f"the ledger at {name} was made by a newer version of Sequestra (its tables have "
            f"number {before}, this version knows {REVISIONS[-1]}); use that version"
        )
    # Alembic takes a fifth of a second to import, and most ledgers need none of its steps.
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    with _ALEMBIC:
        command.upgrade(config, REVISIONS[-1])
    if before is None and connection.execute(select(SUBMISSIONS).limit(1)).first() is not None:
        verification.append_migration(connection, REVISIONS[-1])
