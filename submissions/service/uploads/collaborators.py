"""Decides uploads with the table, the drop folder and the requests that receive now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from submissions.drop import Drop
from submissions.ledger.beside_releases import retirement
from submissions.ledger.ledger import Ledger
from submissions.quota import QuotaError
from submissions.service.database import new_id
from submissions.service.offered import Offered
from submissions.service.principal import Principal
from submissions.service.problems import Problem, not_found
from submissions.service.uploads.arrivals import Arrivals
from submissions.service.uploads.headers import Announced
from submissions.service.uploads.store import (
    HOLDING,
    NoLook,
    Upload,
    UploadState,
    UploadStateError,
    UploadStore,
    refuse_without_look,
)
from submissions.submission import State

MIB = 2**20
_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """How long to wait for a piece, how long to keep an unfinished upload, what to leave free.

    A question for the offset ends a request that is silent for ``hush_seconds``: its client lost
    the connection, and official ones ask for nine seconds at most.
    """

    patience_seconds: float = 30.0
    hush_seconds: float = 2.0
    life: timedelta = timedelta(hours=24)
    sweep_seconds: float = 600.0
    spare_bytes: int = 2**30


class Uploads:
    """The collaborators of the routes; one for an application."""

    def __init__(self, app: FastAPI) -> None:
        """Take them from ``app.state``."""
        self._accounts = app.state.store
        self._ledger: Ledger = app.state.ledger
        self._offered: Mapping[str, Offered] = app.state.offered
        self.store = UploadStore(app.state.store)
        self.drop: Drop = app.state.drop
        self.settings: UploadSettings = getattr(app.state, "uploading", None) or UploadSettings()
        self.arrivals = Arrivals()

    def largest(self) -> int:
        """Bytes of the largest archive that any benchmark takes."""
        return max((each.contract.image_mb * MIB for each in self._offered.values()), default=0)

    def create(self, principal: Principal, said: Announced) -> Upload:
        """Decide whether the archive may be sent, and hold a look for it.

        Raises a Problem: 404 for a team of others or an unknown benchmark, 409 for one that is
        closed, 413 beyond its size, 429 without a look, 507 without room.
        """
        team = principal.named_team(said.team)
        benchmark = self._benchmark(said)
        upload = Upload(
            upload_id=new_id(),
            team_id=team.team_id,
            team=team.team,
            person_id=principal.person_id,
            benchmark=benchmark.name,
            length=said.length,
            metadata=said.metadata,
            announced=said.sha256,
            created=datetime.now(UTC),
        )
        self._expire()
        allowance = self._accounts.allowance(team.team_id)

        def judge(holding: list[Upload]) -> None:
            self._refuse_without_room(upload, holding)
            refuse_without_look(
                holding,
                self._ledger.charged(team.team, benchmark.name, allowance=allowance),
                self._ledger.verdicts.admitting(
                    benchmark.name, team.team, allowance, benchmark.quota
                ),
                team=team.team,
                allowance=allowance,
                benchmark=benchmark.name,
            )

        try:
            self._ledger.read(
                lambda held: retirement.refuse_spent(held, benchmark.name, benchmark.quota)
            )
            self.store.reserve(upload, judge)
        except (NoLook, QuotaError) as error:
            raise Problem(429, "No look left", str(error), type="quota-used") from error
        return upload

    def own(self, principal: Principal, upload_id: str) -> Upload:
        """An upload of one of the person's teams; raises a 404 Problem for any other id."""
        # PostgreSQL takes no text with a zero in it.
        upload = self.store.upload(upload_id) if _ID.fullmatch(upload_id) else None
        if upload is None or all(upload.team_id != each.team_id for each in principal.teams):
            raise not_found("upload")
        return upload

    def living(self, principal: Principal, upload_id: str) -> Upload:
        """An own upload that was not entered, refused, removed or expired; else a 410 Problem."""
        upload = self.own(principal, upload_id)
        if upload.state not in HOLDING:
            raise Problem(
                410,
                "Upload ended",
                f"Upload {upload_id} was {upload.state.value}; create another one.",
                type="upload-ended",
            )
        return upload

    def expires(self, upload: Upload) -> datetime:
        """When an upload frees its look, unless more comes of it or it is entered."""
        last = upload.ended or self.drop.changed(upload.upload_id) or upload.created
        return max(last, upload.created) + self.settings.life

    def remove(self, upload: Upload, state: UploadState) -> None:
        """End an upload, free its look and remove what came of it; nothing if it ended before.

        A verified archive stays where another upload of the team brought the same, or a submission
        of it waits for the queue.
        """
        with suppress(UploadStateError):
            self.store.end(upload.upload_id, state)
            self.drop.forget(upload.upload_id)
            if upload.sha256 and not self._is_needed(upload.team_id, upload.sha256):
                self.drop.discard(upload.team_id, upload.sha256)

    def discard_withdrawn(self, submission_id: str) -> None:
        """Remove the archive of a withdrawn submission, unless another entry or upload needs it."""
        arrival = self._ledger.arrival(submission_id)
        if arrival is None or arrival.archive_sha256 is None:
            return
        team_id, sha256 = arrival.archive_team or "", arrival.archive_sha256
        if not self._is_waited_for(team_id, sha256) and not any(
            (upload.team_id, upload.sha256) == (team_id, sha256) for upload in self.store.holding()
        ):
            self.drop.discard(team_id, sha256)

    def sweep(self) -> None:
        """Remove what is past its time, and finish what a kill left between two steps."""
        self._expire()
        for upload_id in self.drop.arriving():
            if upload_id in self.arrivals:
                continue
            upload = self.store.upload(upload_id)
            if upload is None or upload.state not in HOLDING:
                self.drop.forget(upload_id)
            elif upload.sha256:
                self.drop.place(upload_id, upload.team_id, upload.sha256)

    def _expire(self) -> None:
        now = datetime.now(UTC)
        for upload in self.store.holding():
            if self.expires(upload) <= now and upload.upload_id not in self.arrivals:
                self.remove(upload, UploadState.EXPIRED)

    def _is_needed(self, team_id: str, sha256: str) -> bool:
        return self.store.is_held(team_id, sha256) or self._is_waited_for(team_id, sha256)

    def _is_waited_for(self, team_id: str, sha256: str) -> bool:
        waiting = self._ledger.submissions(state=State.RECEIVED)
        arrivals = [self._ledger.arrival(each.submission_id) for each in waiting]
        return any(
            arrival is not None
            and (arrival.archive_team, arrival.archive_sha256) == (team_id, sha256)
            for arrival in arrivals
        )

    def _benchmark(self, said: Announced) -> Offered:
        benchmark = self._offered.get(said.benchmark)
        if benchmark is None:
            raise not_found("benchmark")
        benchmark.refuse_closed()
        most = benchmark.contract.image_mb * MIB
        if said.length > most:
            raise Problem(
                413,
                "Archive too large",
                f"The archive has {said.length} bytes, and benchmark {benchmark.name} takes at "
                f"most {most}; make the image smaller.",
                type="image-too-large",
                headers={"Tus-Max-Size": str(most)},
            )
        return benchmark

    def _refuse_without_room(self, upload: Upload, holding: list[Upload]) -> None:
        """Raise a 507 Problem without room; a team's second upload leaves half of it to others."""
        owed = [
            (each.team_id, each.length - self.drop.offset(each.upload_id))
            for each in holding
            if each.state is UploadState.OPEN
        ]
        own = sum(size for team_id, size in owed if team_id == upload.team_id)
        free = self.drop.free_bytes() - self.settings.spare_bytes
        if upload.length + sum(size for _, size in owed) > free:
            raise no_room()
        if own and 2 * (upload.length + own) > free:
            raise Problem(
                507,
                "No room",
                f"Unfinished uploads of your team are promised {own} bytes, and with this one they "
                f"would take more than half of the room that is left; finish or delete those "
                f"first.",
                type="no-room",
            )


def no_room() -> Problem:
    """507: the disk of the drop folder is full, or is promised to others."""
    return Problem(
        507,
        "No room",
        "The service has no room on its disk for this archive now; what arrived is kept: go on "
        "later, or tell the steward.",
        type="no-room",
    )


def _uploads(request: Request) -> Uploads:
    return of_app(request.app)


def of_app(app: FastAPI) -> Uploads:
    """The collaborators of an application, made at the first call."""
    if not hasattr(app.state, "uploads"):
        app.state.uploads = Uploads(app)
    uploads: Uploads = app.state.uploads
    return uploads


Collaborators = Annotated[Uploads, Depends(_uploads)]
