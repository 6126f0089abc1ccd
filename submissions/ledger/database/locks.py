"""Locks of a ledger: the one dispatcher's, and that of the process that tracks its releases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from submissions.ledger.database.opening import no_answer
from submissions.ledger.database.records import LedgerError

_DISPATCHING = 0x5E9_0E57
_TRACKING = 0x5E9_0E59
"""PostgreSQL's advisory locks; that of opening lies between them."""


class Taken(OSError):
    """Another process holds the lock."""


@contextmanager
def file_lock(
    path: Path, *, wait: bool = False, shared: bool = False, attempts: int = 1
) -> Iterator[None]:
    """Hold the lock of a file, made where it is missing; the kernel frees it with the process.

    Raises Taken where another holds it after so many ``attempts``, 50 ms apart; ``wait`` waits.
    A ``shared`` lock only looks: it keeps others from an exclusive one for that moment.
    Any other OSError names the file, also that of a disk without locks.
    """
    kind = (LOCK_SH if shared else LOCK_EX) | (0 if wait else LOCK_NB)
    with path.open("r" if shared else "a") as lock:
        for attempt in range(attempts):
            try:
                flock(lock, kind)
                break
            except BlockingIOError as error:
                if attempt == attempts - 1:
                    raise Taken(f"another process holds {path}") from error
                time.sleep(0.05)
            except OSError as error:
                error.filename = str(path)
                raise
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the exclusive lock of a file; no file is made."""
    if not path.exists():
        return False
    try:
        with file_lock(path, shared=True):
            return False
    except Taken:
        return True


class Locks:
    """The locks of the ledger that an engine leads to.

    On PostgreSQL they are advisory locks, which go with their connection. A SQLite ledger belongs
    to one machine: its locks are files beside it, which go with the process.
    """

    def __init__(self, engine: Engine) -> None:
        """Take the engine; nothing is locked yet."""
        self._engine = engine
        self._held: Connection | None = None

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Be the only dispatcher; raise LedgerError where another works."""
        taken = LedgerError(
            "another `sequestra run` works on this ledger, from this machine or another; "
            "wait for it or stop it"
        )
        if not self._advisory:
            with ExitStack() as held:
                try:
                    held.enter_context(file_lock(self._file("lock")))
                except Taken:
                    raise taken from None
                yield
            return
        with self._locking() as connection:
            held = connection.execute(select(func.pg_try_advisory_lock(_DISPATCHING))).scalar_one()
            if not held:
                raise taken
            self._held = connection
            try:
                yield
            finally:
                self._held = None

    def refuse_lost(self) -> None:
        """Raise LedgerError where the dispatcher's lock went with its connection."""
        if self._held is not None:
            try:
                self._held.execute(select(1))
            except DBAPIError as error:
                raise no_answer(self._engine, error) from error

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """Wait to be the only process that takes the releases to MLflow."""
        if not self._advisory:
            with file_lock(self._file("tracking.lock"), wait=True):
                yield
            return
        with self._locking() as connection:
            try:
                connection.execute(select(func.pg_advisory_lock(_TRACKING)))
            except DBAPIError as error:
                raise no_answer(self._engine, error) from error
            yield

    def is_tracking(self) -> bool:
        """Whether a process takes the releases to MLflow now."""
        if not self._advisory:
            return is_held(self._file("tracking.lock"))
        free = select(func.pg_try_advisory_lock(_TRACKING))
        try:
            with self._locking() as connection:
                return not connection.execute(free).scalar_one()
        except DBAPIError as error:
            raise no_answer(self._engine, error) from error

    @property
    def _advisory(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def _file(self, ending: str) -> Path:
        return Path(f"{self._engine.url.database}.{ending}")

    @contextmanager
    def _locking(self) -> Iterator[Connection]:
        """A connection of PostgreSQL's to hold a lock with, which the pool gets back without it."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                yield connection
            finally:
                with suppress(SQLAlchemyError):  # gone with its lock
                    connection.execute(select(func.pg_advisory_unlock_all()))
