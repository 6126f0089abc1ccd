"""The one web process of a store of accounts: requests are counted in its memory alone."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from submissions.ledger.database.locks import Taken, file_lock
from submissions.service.database import Database, StoreError
from submissions.service.tables import PEOPLE

WATCH_SECONDS = 10.0
"""How often the lock of a PostgreSQL is looked after."""

_SERVING = 0x5E9_0E5C
_LOG = logging.getLogger(__name__)

_KEEP_ALIVE = {"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5"}
"""Seconds: PostgreSQL frees the lock of a host that lost its power within two minutes."""

# An advisory lock belongs to a whole database, and a store to one of its schemas.
_STORE = f"(CAST(to_regclass('{PEOPLE.name}') AS oid)::bigint % 2147483647)::int"
_TAKE = text(f"SELECT pg_try_advisory_lock({_SERVING}, {_STORE})")
_HOLDER = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    f"WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {_SERVING} "
    f"AND l.objid = {_STORE} AND l.database = a.datid"
)


@contextmanager
def only_one(accounts: str, *, watch_seconds: float = WATCH_SECONDS) -> Iterator[None]:
    """Be the only web process over the accounts at a database URL.

    The kernel frees the lock of a SQLite file with the process, and PostgreSQL with its connection.
    Where a PostgreSQL was away and another process took the lock meanwhile, this one is ended.

    Raises StoreError, which names host and process, where another is the one.
    """
    database = Database(accounts)
    try:
        if database.engine.dialect.name == "postgresql":
            with _advisory(database.engine, watch_seconds):
                yield
        else:
            with _beside(Path(database.engine.url.database or "").resolve()):
                yield
    finally:
        database.close()


def _taken(by: str) -> StoreError:
    return StoreError(
        f"another `sequestra serve` ({by or 'unknown'}) answers over these accounts, and limits of "
        f"requests are counted in one process; stop it first"
    )


def _self() -> str:
    return f"process {os.getpid()} of {socket.gethostname()}"


@contextmanager
def _beside(store: Path) -> Iterator[None]:
    path = store.with_name(f"{store.name}.serving")
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(path, attempts=20))
        except Taken as error:
            raise _taken(path.read_text()) from error
        path.write_text(_self())
        yield


@contextmanager
def _advisory(engine: Engine, watch_seconds: float) -> Iterator[None]:
    held = _locked(engine)
    over = Event()
    watch = Thread(target=_look_after, args=(engine, held, over, watch_seconds), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _locked(engine: Engine) -> Connection:
    """A connection that holds the lock, which goes as it is closed; raise StoreError."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # it never goes back to the pool
    try:
        for name, value in {
            "application_name": f"sequestra: {_self()}"[:63],
            **_KEEP_ALIVE,
        }.items():
            connection.execute(text("SELECT set_config(:n, :v, false)"), {"n": name, "v": value})
        if connection.execute(_TAKE).scalar_one():
            return connection
        by = connection.execute(_HOLDER).scalar() or ""
    except BaseException:
        connection.close()
        raise
    connection.close()
    raise _taken(by.removeprefix("sequestra: "))


def _look_after(engine: Engine, held: Connection, over: Event, seconds: float) -> None:
    """Take the lock again where its connection was lost; end the process where another has it."""
    while not over.wait(seconds):
        try:
            held.execute(text("SELECT 1"))
        except DBAPIError:
            with suppress(DBAPIError):
                held.close()
            try:
                held = _locked(engine)
            except DBAPIError:
                continue  # the database is still away
            except StoreError as error:
                _LOG.error("the pages end here: %s", error)
                os.kill(os.getpid(), signal.SIGTERM)
                return
    with suppress(DBAPIError):
        held.close()
