"""The public store: submissions and their states, releases, and the audit chain.

Rows are appended, never changed or removed; triggers in the database hold this. A submission's
state is its latest transition. Every state change is one transaction with its audit entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any
from weakref import finalize

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from submissions.addresses.database import address_fault, patience, without_password
from submissions.addresses.patience import ANSWER_SECONDS, NoAnswer, within
from submissions.ledger import audit_chain
from submissions.ledger.audit_chain import aware, hour
from submissions.ledger.tables import (
    AUDIT,
    METADATA,
    RELEASES,
    SUBMISSIONS,
    TIMES,
    TRACKED,
    TRANSITIONS,
)
from submissions.quota import Quota
from submissions.stage_times import Stage, coarse
from submissions.submission import ENDED, NEXT, Failure, State, Submission

UNCHARGED = frozenset({Failure.HARNESS_ERROR})
"""Failures that are ours: a team's quota does not pay for them. Nor does it for a submission that
was cancelled before it ran."""

DATABASES = ("sqlite", "postgresql")

# PostgreSQL's advisory locks: of the one dispatcher, of making the tables, of what tracks.
_DISPATCHING = 0x5E9_0E57
_OPENING = 0x5E9_0E58
_TRACKING = 0x5E9_0E59


class LedgerError(ValueError):
    """The ledger cannot be opened, or was asked for something it must not do."""


@dataclass(frozen=True, slots=True)
class PublishedRelease:
    """One released document as it stands in the ledger."""

    number: int
    submission_id: str
    benchmark: str
    evaluation_key: str
    document: str
    published: datetime


class Ledger:
    """The public store at a database URL (SQLite or PostgreSQL)."""

    def __init__(self, url: str) -> None:
        """Open the store and create its tables where they are missing; raise LedgerError."""
        if wrong := address_fault(url, DATABASES):
            raise LedgerError(
                f"the ledger's address is {without_password(url)}, but {wrong}; give a writable "
                f"SQLite file or a running PostgreSQL, as sqlite:////FOLDER/ledger.sqlite or "
                f"postgresql+psycopg://USER@HOST/DATABASE"
            )
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._engine = _connect(url)
        # Nobody has to close a ledger: its connections go with it, and at the latest at the end.
        finalize(self, self._engine.dispose)
        self._lock: Connection | None = None
        self._writer = self._engine.execution_options(writes=True)
        try:
            if self._engine.dialect.name == "postgresql":
                within(ANSWER_SECONDS, lambda: self._engine.connect().close())
            with self._writer.begin() as connection:
                if connection.dialect.name == "postgresql":  # of two that open it, one makes it
                    connection.execute(select(func.pg_advisory_xact_lock(_OPENING)))
                METADATA.create_all(connection)
        except (DBAPIError, NoAnswer, UnicodeError) as error:
            said = " ".join(str(getattr(error, "orig", error)).split())
            raise LedgerError(
                f"the ledger at {self._engine.url.render_as_string()} does not open ({said}); "
                f"give a writable SQLite file or a running PostgreSQL"
            ) from error

    def close(self) -> None:
        """Close the connections to the database; a later use opens new ones."""
        self._engine.dispose()

    def receive(
        self,
        submission: Submission,
        quota: Quota,
        *steps: State,
        failure: Failure | None = None,
    ) -> None:
        """Write a new submission in the state received; raise QuotaError where none is left.

        The quota is checked and used in one transaction, so that two simultaneous submissions
        cannot share one. The ``steps`` belong to the same transaction, the last with its
        ``failure``: an interrupted entry is there whole or not at all.
        """
        with self._transaction() as connection:
            charged = _charged(connection, submission.team, submission.benchmark)
            quota.admit(submission.team, charged, submission.received)
            connection.execute(
                insert(SUBMISSIONS).values(
                    submission_id=submission.submission_id,
                    team=submission.team,
                    model=submission.model,
                    benchmark=submission.benchmark,
                    image_digest=submission.image_digest,
                    threshold=submission.threshold,
                    received=submission.received,
                )
            )
            _move(connection, submission.submission_id, State.RECEIVED, None)
            for step in steps:
                _step(
                    connection,
                    submission.submission_id,
                    step,
                    failure if step is steps[-1] else None,
                )

    def admit(self, team: str, benchmark: str, quota: Quota) -> None:
        """Raise QuotaError where a team could not enter anything now."""
        quota.admit(team, self.charged(team, benchmark), datetime.now(UTC))

    def move(self, submission_id: str, state: State, failure: Failure | None = None) -> None:
        """Append a state change; raise LedgerError where the life cycle has no such step."""
        with self._transaction() as connection:
            _step(connection, submission_id, state, failure)

    def publish(
        self, submission_id: str, evaluation_key: str, document: str, *, state: State
    ) -> None:
        """Append a release and the state it brings, in one transaction; a second is refused."""
        with self._transaction() as connection:
            benchmark = connection.execute(
                select(SUBMISSIONS.c.benchmark).where(SUBMISSIONS.c.submission_id == submission_id)
            ).scalar_one()
            connection.execute(
                insert(RELEASES).values(
                    submission_id=submission_id,
                    benchmark=benchmark,
                    evaluation_key=evaluation_key,
                    document=document,
                    published=hour(),
                )
            )
            _step(connection, submission_id, state, None)
            audit_chain.append_release(connection, submission_id, document)

    def record(self, event_name: str, subject: str, content: str) -> None:
        """Append an entry of the steward's own to the audit chain."""
        with self._transaction() as connection:
            audit_chain.append(connection, event_name, subject, content)

    def record_times(self, submission_id: str, seconds: Mapping[Stage, float]) -> None:
        """Append what stages took, as a team may see it: in powers of two."""
        rows = [
            {
                "submission_id": submission_id,
                "stage": stage.value,
                "at_most_seconds": coarse(exact),
            }
            for stage, exact in seconds.items()
        ]
        if rows:
            with self._transaction() as connection:
                connection.execute(insert(TIMES), rows)

    def times(self, submission_id: str) -> dict[Stage, int]:
        """What stages took at most, in seconds; the latest run's."""
        query = select(TIMES).where(TIMES.c.submission_id == submission_id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(TIMES.c.number)).all()
        return {Stage(row.stage): row.at_most_seconds for row in rows}

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Be the only dispatcher of a ledger that several machines may open.

        On PostgreSQL an advisory lock, which goes with the connection; beside the file of a SQLite
        ledger, which belongs to one machine, a lock that goes with the process. Raises LedgerError
        where another holds it.
        """
        taken = LedgerError(
            "another `sequestra run` works on this ledger, from this machine or another; "
            "wait for it or stop it"
        )
        if self._engine.dialect.name != "postgresql":
            with Path(f"{self._engine.url.database}.lock").open("w") as lock:
                try:
                    flock(lock, LOCK_EX | LOCK_NB)
                except BlockingIOError:
                    raise taken from None
                yield
            return
        with self._locking() as connection:
            held = connection.execute(select(func.pg_try_advisory_lock(_DISPATCHING))).scalar_one()
            if not held:
                raise taken
            self._lock = connection
            try:
                yield
            finally:
                self._lock = None

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """Wait to be the only process that takes the releases of this ledger to MLflow."""
        if self._engine.dialect.name != "postgresql":
            with Path(f"{self._engine.url.database}.tracking.lock").open("w") as lock:
                flock(lock, LOCK_EX)
                yield
            return
        with self._locking() as connection:
            try:
                connection.execute(select(func.pg_advisory_lock(_TRACKING)))
            except DBAPIError as error:
                raise self._silent(error) from error
            yield

    def is_tracking(self) -> bool:
        """Whether a process takes the releases of this ledger to MLflow now."""
        if self._engine.dialect.name != "postgresql":
            with Path(f"{self._engine.url.database}.tracking.lock").open("w") as lock:
                try:
                    flock(lock, LOCK_EX | LOCK_NB)
                except BlockingIOError:
                    return True
            return False
        free = select(func.pg_try_advisory_lock(_TRACKING))
        try:
            with self._locking() as connection:
                return not connection.execute(free).scalar_one()
        except DBAPIError as error:
            raise self._silent(error) from error

    @contextmanager
    def _locking(self) -> Iterator[Connection]:
        """A connection of PostgreSQL's to hold a lock with, which the pool gets back without it."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                yield connection
            finally:
                with suppress(SQLAlchemyError):  # gone with its lock
                    connection.execute(select(func.pg_advisory_unlock_all()))

    def refuse_lost_lock(self) -> None:
        """Raise LedgerError where the lock of :meth:`dispatching` went with its connection."""
        if self._lock is not None:
            with self._reading():
                self._lock.execute(select(1))

    def submission(self, submission_id: str) -> Submission:
        """Read one submission with its present state; raise LedgerError where there is none."""
        found = self._read(names=[submission_id])
        if not found:
            raise LedgerError(
                f"no submission {submission_id!r}; `sequestra status` lists the ones there are"
            )
        return found[0]

    def submissions(self, *, state: State | None = None) -> list[Submission]:
        """Read all submissions in order of receipt, each in its present state.

        The order is that of the entries, whatever the clock said.
        """
        return self._read(state=state)

    def among(self, names: Iterable[str], state: State) -> list[str]:
        """Of the submissions ``names``, the ids of those in ``state``."""
        return [found.submission_id for found in self._read(names=list(names), state=state)]

    def ended(self, before: datetime) -> list[Submission]:
        """Submissions that had reached their end, whichever it is, by a time; in order of entry."""
        ends = [state.value for state in ENDED]
        with self._reading() as connection:
            return _submissions(
                connection, TRANSITIONS.c.state.in_(ends) & (TRANSITIONS.c.at <= before)
            )

    def _read(
        self, *, names: Sequence[str] | None = None, state: State | None = None
    ) -> list[Submission]:
        with self._reading() as connection:
            condition = None if state is None else TRANSITIONS.c.state == state.value
            return _submissions(connection, condition, names)

    def charged(self, team: str, benchmark: str) -> list[datetime]:
        """When a team's submissions that count against its quota were received."""
        with self._reading() as connection:
            return _charged(connection, team, benchmark)

    def is_recorded(self, event_name: str, subject: str) -> bool:
        """Whether the audit chain has such an entry."""
        query = select(AUDIT.c.number).where(
            AUDIT.c.event == event_name, AUDIT.c.subject == subject
        )
        with self._reading() as connection:
            return connection.execute(query).first() is not None

    def releases(self, benchmark: str | None = None) -> list[PublishedRelease]:
        """Read the newest release of each submission in the state released, oldest first."""
        visible = {found.submission_id for found in self.submissions(state=State.RELEASED)}
        newest = select(func.max(RELEASES.c.number)).group_by(RELEASES.c.submission_id)
        query = select(RELEASES).where(RELEASES.c.number.in_(newest)).order_by(RELEASES.c.number)
        if benchmark is not None:
            query = query.where(RELEASES.c.benchmark == benchmark)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [_published(row) for row in rows if row.submission_id in visible]

    def evaluation_keys(self, submission_id: str) -> set[str]:
        """Keys of all evaluations that were ever released for this submission."""
        mine = RELEASES.c.submission_id == submission_id
        with self._reading() as connection:
            return set(connection.execute(select(RELEASES.c.evaluation_key).where(mine)).scalars())

    def untracked(self) -> list[PublishedRelease]:
        """Releases that have no MLflow run yet, oldest first."""
        new = RELEASES.c.number.not_in(select(TRACKED.c.release_number))
        query = select(RELEASES).where(new).order_by(RELEASES.c.number)
        with self._reading() as connection:
            rows = connection.execute(query).all()
            visible = {
                found.submission_id
                for found in _submissions(
                    connection,
                    TRANSITIONS.c.state == State.RELEASED.value,
                    select(RELEASES.c.submission_id).where(new),
                )
            }
        return [_published(row) for row in rows if row.submission_id in visible]

    def tracked(self, release_number: int, run_id: str) -> None:
        """Remember which MLflow run shows a release."""
        with self._transaction() as connection:
            connection.execute(
                insert(TRACKED).values(release_number=release_number, run_id=run_id, at=hour())
            )

    def audit_problems(self) -> list[str]:
        """Walk the audit chain and hold the tables against it; one sentence for each problem.

        The chain has no key: it shows accidents, and changes by a person who did not compute it
        again.
        """
        with self._reading() as connection:
            return audit_chain.problems(connection)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._silent(error) from error

    def _silent(self, error: DBAPIError) -> LedgerError:
        return LedgerError(
            f"the ledger at {self._engine.url.render_as_string()} does not answer "
            f"({error.orig}); start its database again or free its disk"
        )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._writer.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
                yield connection
        except IntegrityError as error:
            raise LedgerError(f"the ledger refused a second such row ({error.orig})") from error
        except DBAPIError as error:
            raise LedgerError(f"the ledger refused the change ({error.orig})") from error


def _connect(url: str) -> Engine:
    engine = create_engine(url, connect_args=patience(make_url(url)))
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: object) -> None:
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.execute("PRAGMA busy_timeout=30000")
            cursor.close()
            # The driver must not begin transactions of its own: see _begin.
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # A writer takes its lock at once: one that read first could not be made to wait.
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _submissions(
    connection: Connection,
    condition: ColumnElement[bool] | None,
    names: Sequence[str] | Select[tuple[str]] | None = None,
) -> list[Submission]:
    ends = select(
        TRANSITIONS.c.submission_id,
        func.max(TRANSITIONS.c.number).label("number"),
        func.min(TRANSITIONS.c.number).label("first"),
    ).group_by(TRANSITIONS.c.submission_id)
    if names is not None:
        ends = ends.where(TRANSITIONS.c.submission_id.in_(names))
    latest = ends.subquery()
    query = (
        select(SUBMISSIONS, TRANSITIONS.c.state, TRANSITIONS.c.failure)
        .join(latest, latest.c.submission_id == SUBMISSIONS.c.submission_id)
        .join(TRANSITIONS, TRANSITIONS.c.number == latest.c.number)
        .order_by(latest.c.first)
    )
    if condition is not None:
        query = query.where(condition)
    return [
        Submission(
            submission_id=row.submission_id,
            team=row.team,
            model=row.model,
            benchmark=row.benchmark,
            image_digest=row.image_digest,
            threshold=row.threshold,
            state=State(row.state),
            received=aware(row.received),
            failure=None if row.failure is None else Failure(row.failure),
        )
        for row in connection.execute(query).all()
    ]


def _charged(connection: Connection, team: str, benchmark: str) -> list[datetime]:
    same = SUBMISSIONS.c.benchmark == benchmark
    ran = set(
        connection.execute(
            select(TRANSITIONS.c.submission_id).where(
                TRANSITIONS.c.state.in_((State.RUNNING.value, State.SCORING.value))
            )
        ).scalars()
    )
    return [
        found.received
        for found in _submissions(connection, same)
        if found.team.casefold() == team.casefold()
        and found.state is not State.REJECTED
        and found.failure not in UNCHARGED
        and not (found.failure is Failure.CANCELLED and found.submission_id not in ran)
    ]


def _step(
    connection: Connection, submission_id: str, state: State, failure: Failure | None
) -> None:
    latest = connection.execute(
        select(TRANSITIONS.c.state)
        .where(TRANSITIONS.c.submission_id == submission_id)
        .order_by(TRANSITIONS.c.number.desc())
        .limit(1)
    ).scalar_one_or_none()
    if latest is None:
        raise LedgerError(f"no submission {submission_id!r}")
    if state not in NEXT[State(latest)]:
        raise LedgerError(f"submission {submission_id} is {latest}; it cannot become {state.value}")
    _move(connection, submission_id, state, failure)


def _move(
    connection: Connection, submission_id: str, state: State, failure: Failure | None
) -> None:
    connection.execute(
        insert(TRANSITIONS).values(
            submission_id=submission_id,
            state=state.value,
            failure=None if failure is None else failure.value,
            at=hour(),
        )
    )
    audit_chain.append(
        connection,
        f"state:{state.value}",
        submission_id,
        "" if failure is None else failure.value,
    )


def _published(row: Row[Any]) -> PublishedRelease:
    return PublishedRelease(
        number=row.number,
        submission_id=row.submission_id,
        benchmark=row.benchmark,
        evaluation_key=row.evaluation_key,
        document=row.document,
        published=aware(row.published),
    )
