"""Tells teams what became of their submissions; runs beside the web pages.

The ledger is followed, so no change of a state waits for a notice, and none is lost by a restart:
what is to be sent lies in a table of the service's store until it was taken.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)

from submissions.ledger.ledger import Ledger
from submissions.notices.channels import Channel, Channels, NotDelivered, Notice
from submissions.service.database import StoreError
from submissions.service.people import PersonState
from submissions.service.store import Store
from submissions.submission import State, Submission

TOLD = (State.HELD, State.RELEASED, State.REFUSED, State.REJECTED, State.FAILED)
"""States that a team is told: nothing but an act of reviewers or of a steward follows."""

MEANING = {
    State.HELD: "The run has ended well; reviewers look at the result before it is released.",
    State.REFUSED: "Reviewers refused to release the result.",
    State.RELEASED: "The result stands on the board.",
}
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1440))
"""Waits after each failed try; after the last one the notice is given up."""

EVERY = 10.0
AT_ONCE = 50

METADATA = MetaData()
NOTICES = Table(
    "notices",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("submission_id", String(32), nullable=False),
    Column("state", String(12), nullable=False),
    Column("channel", String(8), nullable=False),
    # Opaque: a person who is deleted leaves no mail address here.
    Column("person_id", String(12), nullable=False, default=""),
    Column("tries", Integer, nullable=False, default=0),
    Column("due", DateTime(timezone=True), nullable=True, index=True),
    Column("sent", DateTime(timezone=True), nullable=True),
    UniqueConstraint("submission_id", "state", "channel", "person_id"),
)
"""Notices to send: ``due`` is None once one was sent or given up."""

FOLLOWED = Table(
    "notices_followed",
    METADATA,
    Column("submission_id", String(32), primary_key=True),
    Column("state", String(12), nullable=False),
)
"""The last state of each submission that was looked at."""

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class Notices:
    """Follows the ledger and sends what is due; a failure of any of it is logged and passes."""

    def __init__(
        self,
        channels: Channels,
        ledger: Ledger,
        store: Store,
        base_url: str,
        *,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        """Make the tables; what the ledger holds already is taken as told the first time."""
        self._channels: dict[str, Channel] = {}
        if channels.mail is not None:
            self._channels["mail"] = channels.mail
        if channels.hook is not None:
            self._channels["hook"] = channels.hook
        self._hook_address = channels.hook_address
        self._ledger, self._store, self._base_url = ledger, store, base_url
        self._clock = clock
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        with store.transaction() as connection:
            METADATA.create_all(connection)
            if connection.execute(select(func.count()).select_from(FOLLOWED)).scalar_one() == 0:
                self._follow(connection, silent=True)

    def start(self, every: float = EVERY) -> None:
        """Work in a thread of its own until ``stop``."""

        def work() -> None:
            while not self._ending.wait(every):
                self.round()

        self._thread = threading.Thread(target=work, name="notices", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was not sent is sent after the next start."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def round(self) -> int:
        """Look for changed states and send what is due; how many notices were taken."""
        try:
            with self._store.transaction() as connection:
                self._follow(connection)
            return sum(self._send(row) for row in self._due())
        except Exception:
            log.exception("notices: this round failed; the next one tries again")
            return 0

    def _follow(self, connection: Connection, *, silent: bool = False) -> None:
        """Compare the ledger with what was seen, and put down what is to be told."""
        states = {row.submission_id: row.state for row in connection.execute(select(FOLLOWED))}
        for submission in self._ledger.submissions():
            name, state = submission.submission_id, submission.state.value
            if states.get(name) == state:
                continue
            if name in states:
                of_submission = FOLLOWED.c.submission_id == name
                connection.execute(update(FOLLOWED).where(of_submission).values(state=state))
            else:
                connection.execute(insert(FOLLOWED).values(submission_id=name, state=state))
            if submission.state in TOLD and not silent:
                self._put_down(connection, submission)

    def _put_down(self, connection: Connection, submission: Submission) -> None:
        recipients = [("hook", "")] if "hook" in self._channels else []
        if "mail" in self._channels:
            recipients += [("mail", person_id) for person_id in self._readers(submission)]
        for channel, person_id in recipients:
            values = {
                "submission_id": submission.submission_id,
                "state": submission.state.value,
                "channel": channel,
                "person_id": person_id,
            }
            same = (NOTICES.c[name] == value for name, value in values.items())
            if connection.execute(select(NOTICES.c.number).where(*same)).first() is None:
                connection.execute(insert(NOTICES).values(**values, tries=0, due=self._clock()))

    def _readers(self, submission: Submission) -> list[str]:
        """The person who entered it, if still in its team; else the people of the team."""
        arrival = self._ledger.arrival(submission.submission_id)
        members = sorted(
            person_id
            for team in self._store.people.teams()
            if team.name.casefold() == submission.team.casefold()
            for person_id in team.people
            if self._address_of(person_id)
        )
        return [each for each in members if arrival and each == arrival.submitted_by] or members

    def _address_of(self, person_id: str) -> str:
        """The mail address of a person who may sign in, else nothing."""
        try:
            person = self._store.people.person(person_id)
        except StoreError:
            return ""
        return (person.email or "") if person.state is PersonState.APPROVED else ""

    def _due(self) -> list[Row[Any]]:
        with self._store.reading() as connection:
            query = select(NOTICES).where(NOTICES.c.due <= self._clock())
            return list(connection.execute(query.order_by(NOTICES.c.number).limit(AT_ONCE)))

    def _send(self, row: Row[Any]) -> bool:
        """Send one notice, and keep what came of it."""
        tries = row.tries + 1
        try:
            self._deliver(row)
        except Exception as error:
            waits = WAITS[tries - 1] if tries <= len(WAITS) else None
            log.warning(
                "notice on submission %s, try %d: %s%s",
                row.submission_id,
                tries,
                error,
                "" if waits else "; it is given up",
            )
            due = None if waits is None else self._clock() + waits
            self._keep(row, tries=tries, due=due)
            return False
        self._keep(row, tries=tries, due=None, sent=self._clock())
        return True

    def _deliver(self, row: Row[Any]) -> None:
        channel = self._channels.get(row.channel)
        if channel is None:
            raise NotDelivered(f"{row.channel} is not configured any more")
        hook = row.channel == "hook"
        address = self._hook_address if hook else self._address_of(row.person_id)
        if not address:
            raise NotDelivered("the person has no address any more")
        channel.deliver(self._notice(row), address)

    def _keep(self, row: Row[Any], **values: Any) -> None:
        with self._store.transaction() as connection:
            connection.execute(
                update(NOTICES).where(NOTICES.c.number == row.number).values(**values)
            )

    def _notice(self, row: Row[Any]) -> Notice:
        submission = self._ledger.submission(row.submission_id)
        failure, state = submission.failure, State(row.state)
        return Notice(
            submission_id=submission.submission_id,
            benchmark=submission.benchmark,
            team=submission.team,
            model=submission.model,
            state=row.state,
            meaning=self._meaning(submission, state),
            code=None if failure is None else failure.value,
            page=f"{self._base_url}/team/submissions/{submission.submission_id}",
        )

    def _meaning(self, submission: Submission, state: State) -> str:
        """What a state means, in words for the team; why a result was refused comes with it."""
        if state is State.REFUSED and (why := self._ledger.finding(submission.submission_id)):
            return f"{MEANING[state]} {why}"
        return MEANING.get(state) or (submission.failure.meaning if submission.failure else "")


@contextmanager
def telling(channels: Channels, ledger: Ledger, store: Store, base_url: str) -> Iterator[None]:
    """Send notices within the block, where any channel is configured."""
    if not channels.any:
        yield
        return
    notices = Notices(channels, ledger, store, base_url)
    notices.start()
    try:
        yield
    finally:
        notices.stop()
