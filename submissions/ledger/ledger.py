"""The public store: submissions and their states, releases, and the audit chain.

Rows are appended, never changed or removed; triggers in the database hold this. A submission's
state is its latest transition. Every state change is one transaction with its audit entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from weakref import finalize

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from submissions.ledger import before_the_run, schema, writing
from submissions.ledger.beside_releases import retirement
from submissions.ledger.beside_releases.board_rows import Boards
from submissions.ledger.beside_releases.comparisons import Comparisons
from submissions.ledger.beside_releases.exposures import UNKNOWN, Use
from submissions.ledger.chain import AuditChain
from submissions.ledger.database import audit_chain, opening, reading, signed
from submissions.ledger.database.locks import Locks
from submissions.ledger.database.records import (
    Arrival,
    AuditEntry,
    LedgerError,
    PublishedRelease,
    SignedHead,
    SignedRelease,
)
from submissions.ledger.database.tables import AUDIT
from submissions.ledger.verdicts import account, allowances
from submissions.ledger.verdicts.account import Verdicts
from submissions.stage_times import Stage
from submissions.submission import Failure, Owner, State, Submission

if TYPE_CHECKING:
    from submissions.quota import Quota
    from submissions.signatures import Signed

__all__ = [
    "Arrival",
    "AuditEntry",
    "Ledger",
    "LedgerError",
    "PublishedRelease",
    "SignedHead",
    "SignedRelease",
]


Answer = TypeVar("Answer")


class Ledger:
    """The public store at a database URL (SQLite or PostgreSQL)."""

    def __init__(self, url: str, *, examine: bool = False) -> None:
        """Open the store; make its tables, or bring those of a former build up to date.

        ``examine`` opens a ledger too whose rows are not guarded against change. Raises
        LedgerError where the address leads nowhere, a newer build made the ledger, or its rows are
        not guarded.
        """
        self._engine = opening.open_database(url)
        # Nobody has to close a ledger: its connections go with it, and at the latest at the end.
        finalize(self, self._engine.dispose)
        # Threads wait for SQLite by sleeping, and the unlucky for longer than its timeout.
        self._turn = Lock()
        self._writer = self._engine.execution_options(writes=True)
        self._locks = Locks(self._engine)
        schema.bring_up_to_date(self._engine, examine=examine)

    def close(self) -> None:
        """Close the connections to the database; a later use opens new ones."""
        self._engine.dispose()

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction for a room that writes rows of its own, each with its audit entry."""
        return self._transaction()

    # Writing

    def receive(
        self,
        submission: Submission,
        quota: Quota,
        *steps: State,
        failure: Failure | None = None,
        arrival: Arrival | None = None,
        fact_sheet: str | None = None,
        allowance: Sequence[str] = (),
    ) -> str:
        """Write a new submission in the state received; raise QuotaError where none is left.

        Gives the id of the submission that stands: an archive or a reference that the team entered
        before, under the same names and threshold, is that earlier submission.

        The quota is checked and used in one transaction, so that two simultaneous submissions
        cannot share one. ``allowance`` has the names of the teams that share it with the
        submission's own. The ``steps`` belong to the same transaction, the last with its
        ``failure``, and so do ``arrival`` and the JSON of the ``fact_sheet``: an interrupted entry
        is there whole or not at all.
        """
        with self._transaction() as connection:
            earlier = before_the_run.standing(connection, submission, arrival)
            if earlier is not None:
                return earlier
            retirement.refuse_spent(connection, submission.benchmark, quota)
            teams = {submission.team, *allowance}
            charged = reading.charged(connection, teams, submission.benchmark)
            who = None if arrival is None else arrival.submitted_by
            sharing = {*allowance, *allowances.of_person(connection, who)}
            looked = (submission.benchmark, submission.team, sharing, quota)
            account.admitting(connection, *looked).admit(
                submission.team, charged, submission.received
            )
            writing.receive(connection, submission, arrival, fact_sheet)
            allowances.keep(connection, submission.submission_id, submission.team, allowance)
            writing.steps(connection, submission.submission_id, steps, failure)
        return submission.submission_id

    def admit(
        self, team: str, benchmark: str, quota: Quota, *, allowance: Sequence[str] = ()
    ) -> None:
        """Raise QuotaError where a team could not enter anything now."""
        with self._reading() as connection:
            retirement.refuse_spent(connection, benchmark, quota)
            quota = account.admitting(connection, benchmark, team, allowance, quota)
        charged = self.charged(team, benchmark, allowance=allowance)
        quota.admit(team, charged, datetime.now(UTC))

    def admitted(
        self,
        submission_id: str,
        image_digest: str,
        *states: State,
        failure: Failure | None = None,
    ) -> None:
        """Append which image a submission turned out to be, and states, in one transaction.

        The last state comes with its ``failure``. A second admission is refused.
        """
        with self._transaction() as connection:
            writing.steps(connection, submission_id, states, failure)
            writing.admit(connection, submission_id, image_digest)

    def reject(self, submission_id: str, failure: Failure, sentence: str) -> None:
        """Append that an image is rejected and why, in words for its team, in one transaction."""
        with self._transaction() as connection:
            writing.steps(connection, submission_id, [State.REJECTED], failure)
            before_the_run.find(connection, submission_id, sentence)

    def practised(
        self, submission_id: str, document: str, *, state: State, failure: Failure | None = None
    ) -> None:
        """Append what a dry run brought, as JSON, and the state, in one transaction."""
        with self._transaction() as connection:
            writing.steps(connection, submission_id, [state], failure)
            before_the_run.practise(connection, submission_id, document)

    def move(
        self,
        submission_id: str,
        state: State,
        failure: Failure | None = None,
        *,
        by: Owner = Owner.QUEUE,
    ) -> None:
        """Append a state change; raise LedgerError where ``by`` may make no such step."""
        with self._transaction() as connection:
            writing.steps(connection, submission_id, [state], failure, by)

    def publish(
        self,
        submission_id: str,
        evaluation_key: str,
        document: str,
        *,
        state: State,
        use: Use = UNKNOWN,
        by: Owner = Owner.QUEUE,
    ) -> None:
        """Append a release and the state it brings, in one transaction; a second is refused.

        ``use`` is what the ledger of exposures keeps of the cohort.
        """
        with self._transaction() as connection:
            writing.publish(connection, submission_id, evaluation_key, document, state, use, by)

    def record(self, event_name: str, subject: str, content: str) -> None:
        """Append an entry of the steward's own to the audit chain."""
        with self._transaction() as connection:
            audit_chain.append(connection, event_name, subject, content)

    def record_times(self, submission_id: str, seconds: Mapping[Stage, float]) -> None:
        """Append what stages took, as a team may see it: in powers of two."""
        if seconds:
            with self._transaction() as connection:
                writing.times(connection, submission_id, seconds)

    def tracked(self, release_number: int, run_id: str) -> None:
        """Remember which MLflow run shows a release."""
        with self._transaction() as connection:
            writing.tracked(connection, release_number, run_id)

    def sign(self, heads: Sequence[SignedHead], releases: Sequence[SignedRelease]) -> None:
        """Append signatures; a release that another process signed meanwhile keeps its own."""
        with self._transaction() as connection:
            signed.append(connection, heads, releases)

    def withdraw(self, submission_id: str, by: str) -> None:
        """Cancel a submission for a person, by opaque id; raise LedgerError where it has ended."""
        with self._transaction() as connection:
            writing.steps(connection, submission_id, [State.FAILED], Failure.CANCELLED, Owner.TEAM)
            audit_chain.append(connection, audit_chain.WITHDRAWN, submission_id, by)

    # Locks

    def dispatching(self) -> AbstractContextManager[None]:
        """Be the only dispatcher of a ledger that several machines may open.

        Raises LedgerError where another works.
        """
        return self._locks.dispatching()

    def refuse_lost_lock(self) -> None:
        """Raise LedgerError where the lock of :meth:`dispatching` went with its connection."""
        self._locks.refuse_lost()

    def tracking(self) -> AbstractContextManager[None]:
        """Wait to be the only process that takes the releases of this ledger to MLflow."""
        return self._locks.tracking()

    def is_tracking(self) -> bool:
        """Whether a process takes the releases of this ledger to MLflow now."""
        return self._locks.is_tracking()

    # Reading

    def submission(self, submission_id: str) -> Submission:
        """Read one submission with its present state; raise LedgerError where there is none."""
        with self._reading() as connection:
            submissions = reading.submissions(connection, names=[submission_id])
        if not submissions:
            raise LedgerError(
                f"no submission {submission_id!r}; `sequestra status` lists all submissions"
            )
        return submissions[0]

    def submissions(self, *, state: State | None = None) -> list[Submission]:
        """Read all submissions in order of receipt, each in its present state.

        The order is that of the entries, whatever the clock said.
        """
        with self._reading() as connection:
            condition = None if state is None else reading.in_state(state)
            return reading.submissions(connection, condition)

    def submissions_of(
        self, teams: Iterable[str], *, benchmark: str | None = None
    ) -> list[Submission]:
        """Read the submissions of teams in order of receipt, each in its present state."""
        with self._reading() as connection:
            return reading.of_teams(connection, teams, benchmark)

    def among(self, names: Iterable[str], state: State) -> list[str]:
        """Of the submissions ``names``, the ids of those in ``state``."""
        with self._reading() as connection:
            submissions = reading.submissions(connection, reading.in_state(state), list(names))
        return [each.submission_id for each in submissions]

    def ended(self, before: datetime) -> list[Submission]:
        """Submissions that had reached their end, whichever it is, by a time; in order of entry."""
        with self._reading() as connection:
            return reading.submissions(connection, reading.ended(before))

    def charged(
        self, team: str, benchmark: str, *, allowance: Sequence[str] = ()
    ) -> list[datetime]:
        """When the submissions were received that count against a team's quota.

        ``allowance`` has the names of the teams that share it.
        """
        with self._reading() as connection:
            return reading.charged(connection, {team, *allowance}, benchmark)

    def arrival(self, submission_id: str) -> Arrival | None:
        """How a submission reached the service; None where the steward entered it."""
        with self._reading() as connection:
            return reading.arrival(connection, submission_id)

    def fact_sheet(self, submission_id: str) -> str | None:
        """The JSON of the fact sheet that came with a submission, or None."""
        with self._reading() as connection:
            return reading.fact_sheet(connection, submission_id)

    def finding(self, submission_id: str) -> str | None:
        """What a lint found to be wrong with an image, in words for its team; None for nothing."""
        with self._reading() as connection:
            return before_the_run.finding(connection, submission_id)

    def practice(self, submission_id: str) -> str | None:
        """What the dry run of a submission brought, as JSON; None where it had none."""
        with self._reading() as connection:
            return before_the_run.practice(connection, submission_id)

    def history(self, submission_id: str) -> list[tuple[State, datetime]]:
        """Each state that a submission reached, with the hour, in order."""
        with self._reading() as connection:
            return reading.history(connection, submission_id)

    def times(self, submission_id: str) -> dict[Stage, int]:
        """What stages took at most, in seconds; the latest run's."""
        with self._reading() as connection:
            return reading.times(connection, submission_id)

    def releases(self, benchmark: str | None = None) -> list[PublishedRelease]:
        """Read the newest release of each submission in the state released, oldest first."""
        with self._reading() as connection:
            return reading.releases(connection, benchmark)

    def read(self, question: Callable[[Connection], Answer]) -> Answer:
        """Ask what another module of this room reads, such as :mod:`exposures`."""
        with self._reading() as connection:
            return question(connection)

    def evaluation_keys(self, submission_id: str) -> set[str]:
        """Keys of all evaluations that were ever released for this submission."""
        with self._reading() as connection:
            return reading.evaluation_keys(connection, submission_id)

    def untracked(self) -> list[PublishedRelease]:
        """Releases that have no MLflow run yet, oldest first."""
        with self._reading() as connection:
            return reading.untracked(connection)

    def is_recorded(self, event_name: str, subject: str) -> bool:
        """Whether the audit chain has such an entry."""
        return self.recorded(event_name, subject) is not None

    def recorded(self, event_name: str, subject: str) -> str | None:
        """The content of the last such entry of the audit chain, if it has one."""
        query = (
            select(AUDIT.c.content)
            .where(AUDIT.c.event == event_name, AUDIT.c.subject == subject)
            .order_by(AUDIT.c.number.desc())
            .limit(1)
        )
        with self._reading() as connection:
            return connection.execute(query).scalar()

    @property
    def boards(self) -> Boards:
        """What boards show of releases, and the newest release of one submission."""
        return Boards(self._reading)

    @property
    def chain(self) -> AuditChain:
        """The audit chain, its signed heads, and what guards the rows."""
        return AuditChain(self._reading, self._transaction)

    # Releases and their signatures

    def arrivals(self) -> dict[str, Arrival]:
        """How each submission came that came through the service, by its id."""
        with self._reading() as connection:
            return reading.arrivals(connection)

    def every_release(self) -> list[PublishedRelease]:
        """Read every release that was ever made, oldest first."""
        with self._reading() as connection:
            return reading.every_release(connection)

    def unsigned(self) -> list[PublishedRelease]:
        """Releases that have no signature yet, oldest first."""
        with self._reading() as connection:
            return reading.unsigned(connection)

    def signed_releases(self) -> list[SignedRelease]:
        """All signed releases, by number."""
        with self._reading() as connection:
            return signed.releases(connection)

    def signed_release(self, submission_id: str) -> Signed | None:
        """The signed statement of a submission's newest release; None where it has none yet.

        Raises LedgerError where the submission has no release that is shown.
        """
        released = self.submission(submission_id).state is State.RELEASED
        with self._reading() as connection:
            number = reading.newest_release(connection, submission_id)
            if number is None or not released:
                raise LedgerError(
                    f"submission {submission_id} has no released result; `sequestra status "
                    f"{submission_id}` tells its state"
                )
            return signed.release(connection, number)

    @property
    def verdicts(self) -> Verdicts:
        """The verdicts of declared claims, and the looks that they cost."""
        return Verdicts(self._reading, self._transaction)

    @property
    def comparisons(self) -> Comparisons:
        """The comparisons of each board's submissions."""
        return Comparisons(self._reading, self._transaction)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise opening.no_answer(self._engine, error) from error

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._turn, self._writer.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
                yield connection
        except IntegrityError as error:
            raise LedgerError(f"the ledger refused a second such row ({error.orig})") from error
        except DBAPIError as error:
            raise LedgerError(f"the ledger refused the change ({error.orig})") from error
