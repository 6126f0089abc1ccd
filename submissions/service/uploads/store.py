"""Uploads in the service's store: each holds a look of its team from its beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection, Row, insert, select, update

from submissions.addresses.database import aware
from submissions.quota import Quota, QuotaError
from submissions.service.upload_tables import UPLOADS


class UploadState(StrEnum):
    """Where an upload is in its life."""

    OPEN = "open"
    COMPLETE = "complete"
    ENTERED = "entered"
    REFUSED = "refused"
    REMOVED = "removed"
    EXPIRED = "expired"


HOLDING = (UploadState.OPEN, UploadState.COMPLETE)
"""States in which an upload holds a look."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload: ``length`` bytes that a person of a team sends for a benchmark.

    ``announced`` is the SHA-256 that its client gave beforehand, ``sha256`` the one that was
    computed. ``ended``: when the state last changed.
    """

    upload_id: str
    team_id: str
    team: str
    person_id: str
    benchmark: str
    length: int
    metadata: str
    announced: str | None
    created: datetime
    state: UploadState = UploadState.OPEN
    sha256: str | None = None
    submission_id: str | None = None
    ended: datetime | None = None


class UploadStateError(ValueError):
    """The upload is not in a state that allows this."""


class NoLook(ValueError):
    """The team has no look left for another upload or submission."""


class Database(Protocol):
    """What the store of uploads needs of the service's store."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that holds the write lock from its beginning."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that only reads."""


class UploadStore:
    """The table of uploads; each change is one transaction."""

    def __init__(self, database: Database) -> None:
        """Read and write the table of an open store."""
        self._database = database

    def reserve(self, upload: Upload, judge: Callable[[list[Upload]], None]) -> None:
        """Write a new upload, which holds a look from now on.

        ``judge`` is given all uploads that hold a look now, and raises what refuses the new one.
        It runs under the store's write lock: of two requests for one look the second sees the
        first.
        """
        with self._database.transaction() as connection:
            judge(_holding(connection))
            row = asdict(upload)
            connection.execute(insert(UPLOADS).values({**row, "state": upload.state.value}))

    def upload(self, upload_id: str) -> Upload | None:
        """Read one upload; None where there was never one of this id."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(UPLOADS).where(UPLOADS.c.upload_id == upload_id)
            ).one_or_none()
        return None if row is None else _upload(row)

    def holding(self) -> list[Upload]:
        """All uploads that hold a look, the earliest first."""
        with self._database.reading() as connection:
            return _holding(connection)

    def of_teams(self, team_ids: Sequence[str]) -> list[Upload]:
        """Uploads of some teams that hold a look, the earliest first."""
        return [upload for upload in self.holding() if upload.team_id in team_ids]

    def is_held(self, team_id: str, sha256: str) -> bool:
        """Whether an upload that was not removed brought this archive of a team."""
        states = [state.value for state in (*HOLDING, UploadState.ENTERED)]
        query = select(UPLOADS.c.upload_id).where(
            UPLOADS.c.team_id == team_id,
            UPLOADS.c.sha256 == sha256,
            UPLOADS.c.state.in_(states),
        )
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def complete_of(self, team_id: str, benchmark: str, sha256: str) -> Upload | None:
        """A complete upload of an archive for a benchmark, which holds a look; None without."""
        for upload in self.holding():
            if (upload.team_id, upload.benchmark, upload.sha256) == (team_id, benchmark, sha256):
                return upload
        return None

    def complete(self, upload_id: str, sha256: str) -> None:
        """Note that all bytes arrived and what their digest is; raises UploadStateError."""
        self._move(upload_id, (UploadState.OPEN,), UploadState.COMPLETE, sha256=sha256)

    def end(self, upload_id: str, state: UploadState) -> None:
        """End an upload that was not entered, and free its look; raises UploadStateError."""
        self._move(upload_id, HOLDING, state)

    def enter(self, upload_id: str, submission_id: str) -> None:
        """Hand the look of a complete upload over to a submission; raises UploadStateError."""
        self._move(
            upload_id, (UploadState.COMPLETE,), UploadState.ENTERED, submission_id=submission_id
        )

    def _move(
        self, upload_id: str, before: Sequence[UploadState], after: UploadState, **values: str
    ) -> None:
        with self._database.transaction() as connection:
            changed = connection.execute(
                update(UPLOADS)
                .where(
                    UPLOADS.c.upload_id == upload_id,
                    UPLOADS.c.state.in_([state.value for state in before]),
                )
                .values(state=after.value, ended=datetime.now(UTC), **values)
            )
            if not changed.rowcount:
                raise UploadStateError(
                    f"upload {upload_id} is not {' or '.join(before)}; it cannot become {after}"
                )


def _holding(connection: Connection) -> list[Upload]:
    query = select(UPLOADS).where(UPLOADS.c.state.in_([state.value for state in HOLDING]))
    return [_upload(row) for row in connection.execute(query.order_by(UPLOADS.c.created))]


def _upload(row: Row[Any]) -> Upload:
    values = dict(row._mapping)
    for name in ("created", "ended"):
        if values[name] is not None:
            values[name] = aware(values[name])
    return Upload(**{**values, "state": UploadState(values["state"])})


def refuse_without_look(
    holding: Sequence[Upload],
    charged: Sequence[datetime],
    quota: Quota,
    *,
    team: str,
    allowance: Sequence[str],
    benchmark: str,
) -> None:
    """Raise NoLook where charged looks and uploads that hold one use the quota up.

    ``charged``: when the charged submissions of all teams in ``allowance`` were received. An
    upload counts as a look of the present moment.
    """
    shared = {name.casefold() for name in allowance}
    waiting = [
        each for each in holding if each.benchmark == benchmark and each.team.casefold() in shared
    ]
    now = datetime.now(UTC)
    try:
        quota.admit(team, charged, now)
    except QuotaError as error:
        raise NoLook(f"{error}.") from error
    remaining = quota.remaining(charged, now)
    if len(waiting) >= remaining:
        raise NoLook(
            f"{remaining} of {quota.per_team} submissions are left to team {team!r}, and uploads "
            f"that are not entered yet hold them "
            f"({', '.join(each.upload_id for each in waiting[:5])}); "
            f"enter, finish or delete those first."
        )
