"""Enters what a team sent or names: rights and looks first, the ledger decides for good."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from submissions.fact_sheet import FactSheet, FactSheetError
from submissions.ledger.ledger import Ledger
from submissions.quota import QuotaError
from submissions.receiving import (
    ArchiveInDrop,
    Entry,
    EntryError,
    asked_of,
    operating_point,
    receive,
)
from submissions.service.offered import Offered
from submissions.service.principal import Membership, Principal
from submissions.service.problems import Problem, not_found
from submissions.service.store import Store
from submissions.service.uploads.collaborators import of_app
from submissions.service.uploads.store import (
    NoLook,
    Upload,
    UploadState,
    UploadStateError,
    refuse_without_look,
)
from submissions.submission import Submission

PROPOSED_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person wants to enter: exactly one of ``upload_id``, ``sha256``, ``reference``.

    ``team`` is an id or a name. ``fact_sheet`` has the members of FactSheet.
    """

    benchmark: str
    team: str
    model: str
    threshold: float | None = None
    upload_id: str | None = None
    sha256: str | None = None
    reference: str | None = None
    fact_sheet: Mapping[str, object] | None = None


def enter(app: FastAPI, principal: Principal, wanted: Wanted) -> Submission:
    """Enter a submission in the state received.

    A second request with the same upload gives the same submission. Raises a Problem: 404 for a
    team, benchmark, upload or archive that is not the person's, 409 for an upload that is not
    complete or a closed benchmark, 422 for an unfit text, 429 without a look.
    """
    team = principal.named_team(wanted.team)
    benchmark: Offered | None = app.state.offered.get(wanted.benchmark)
    if benchmark is None:
        raise not_found("benchmark")
    sources = [each for each in (wanted.upload_id, wanted.sha256, wanted.reference) if each]
    if len(sources) != 1:
        raise _unfit(
            f"{len(sources)} of upload_id, sha256 and reference are given; give exactly one."
        )
    threshold = _threshold(benchmark, wanted.threshold)
    sheet = _sheet(wanted.fact_sheet)
    upload = None
    if wanted.upload_id is not None:
        upload = _upload(app, principal, wanted.upload_id, benchmark, team)
        if upload.state is UploadState.ENTERED and upload.submission_id is not None:
            return _ledger(app).submission(upload.submission_id)
        if upload.state is not UploadState.COMPLETE:
            raise _incomplete(upload)
    elif wanted.sha256 is not None:  # an upload of it for this benchmark holds a look already
        upload = of_app(app).store.complete_of(team.team_id, benchmark.name, wanted.sha256)
    archive = _archive(app, team, upload, wanted.sha256)
    entry = Entry(
        team=team.team,
        model=wanted.model,
        benchmark=benchmark.name,
        threshold=threshold,
        archive=archive,
        reference=wanted.reference,
        submitted_by=principal.person_id,
        form=benchmark.contract.form,
        fact_sheet=sheet,
    )
    return _received(app, entry, benchmark, team, upload)


def _received(
    app: FastAPI, entry: Entry, benchmark: Offered, team: Membership, upload: Upload | None
) -> Submission:
    """Write the entry while the store's write lock keeps others from the same look."""
    benchmark.refuse_closed()
    store: Store = app.state.store
    ledger = _ledger(app)
    uploads = of_app(app).store
    allowance = store.allowance(team.team_id)
    try:
        if upload is not None:  # it holds its look since its beginning
            submission = receive(ledger, entry=entry, quota=benchmark.quota, allowance=allowance)
            with suppress(UploadStateError):  # a second request was as fast
                uploads.enter(upload.upload_id, submission.submission_id)
            return submission
        with store.transaction():
            refuse_without_look(
                uploads.holding(),
                ledger.charged(team.team, benchmark.name, allowance=allowance),
                ledger.verdicts.admitting(benchmark.name, team.team, allowance, benchmark.quota),
                team=team.team,
                allowance=allowance,
                benchmark=benchmark.name,
            )
            return receive(ledger, entry=entry, quota=benchmark.quota, allowance=allowance)
    except (QuotaError, NoLook) as error:
        sentence = str(error).rstrip(".")
        raise Problem(429, "No look left", f"{sentence}.", type="quota-used") from error
    except EntryError as error:
        raise _unfit(f"{error}.") from error


def _upload(
    app: FastAPI, principal: Principal, upload_id: str, benchmark: Offered, team: Membership
) -> Upload:
    upload = of_app(app).own(principal, upload_id)
    if upload.team_id != team.team_id:
        raise not_found("upload")
    if upload.benchmark != benchmark.name:
        raise Problem(
            409,
            "Other benchmark",
            f"Upload {upload_id} is for benchmark {upload.benchmark}, not for {benchmark.name}; "
            f"enter it there, or send the archive for this one.",
            type="upload-elsewhere",
        )
    return upload


def _archive(
    app: FastAPI, team: Membership, upload: Upload | None, sha256: str | None
) -> ArchiveInDrop | None:
    if upload is not None:
        assert upload.sha256 is not None
        return ArchiveInDrop(team.team_id, upload.sha256)
    if sha256 is None:
        return None
    if app.state.drop.size(team.team_id, sha256) is None:
        raise Problem(
            404,
            "Archive unknown",
            f"Team {team.team} sent no archive with the SHA-256 {sha256[:12]}...; upload it.",
            type="archive-unknown",
        )
    return ArchiveInDrop(team.team_id, sha256)


def _sheet(members: Mapping[str, object] | None) -> FactSheet | None:
    if members is None:
        return None
    try:
        return FactSheet.from_values(members)
    except FactSheetError as error:
        first = error.mistakes[0].sentence.rstrip(".")
        shown = [{"key": each.key, "sentence": each.sentence} for each in error.mistakes]
        raise _unfit(f"fact_sheet: {first}.", mistakes=shown) from error


def _threshold(benchmark: Offered, given: float | None) -> float:
    """The declared threshold stands; another one is refused rather than replaced in silence."""
    if benchmark.threshold is None:
        if given is None and benchmark.contract.form.highest is None:
            raise _unfit(
                f"No threshold is given, and scores of benchmark {benchmark.name} may be on any "
                f"scale; give {asked_of(benchmark.contract.form)}."
            )
        try:
            return operating_point(
                PROPOSED_THRESHOLD if given is None else given, benchmark.contract.form
            )
        except EntryError as error:
            raise _unfit(f"{error}.") from error
    if given is not None and given != benchmark.threshold:
        raise _unfit(
            f"The threshold is {given:g}, and benchmark {benchmark.name} declares "
            f"{benchmark.threshold:g} for every submission; leave threshold out."
        )
    return benchmark.threshold


def _incomplete(upload: Upload) -> Problem:
    return Problem(
        409,
        "Upload not complete",
        f"Upload {upload.upload_id} is {upload.state.value}; send all of its bytes before it is "
        f"entered, or begin another one.",
        type="upload-incomplete",
    )


def _unfit(detail: str, **more: Any) -> Problem:
    return Problem(422, "Not valid", detail, type="not-valid", **more)


def _ledger(app: FastAPI) -> Ledger:
    ledger: Ledger = app.state.ledger
    return ledger
