"""Pages of a team's submissions: the list, one with its states and figures, withdrawing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from submissions.fact_sheet import FactSheet, FactSheetError
from submissions.ledger.ledger import Ledger
from submissions.ledger.verdicts.sentences import PRACTICE, WAITS, sentences
from submissions.ledger.voting.votes import Votes
from submissions.service.entries import own
from submissions.service.offered import Offered
from submissions.service.pages.forms import Form, posted, sentence_of
from submissions.service.pages.shown import HOME, go_to, page, seconds
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import Problem
from submissions.service.uploads.collaborators import Collaborators, Uploads
from submissions.service.uploads.store import Upload, UploadState
from submissions.stage_times import Stage
from submissions.submission import ENDED, State, Submission

router = APIRouter()
Reader = Annotated[Principal, Depends(require(Scope.READ))]
Submitter = Annotated[Principal, Depends(require(Scope.SUBMIT))]
Posted = Annotated[Form, Depends(posted)]

MEANINGS: Mapping[State, str] = {
    State.RECEIVED: "It arrived. Its image is looked at next.",
    State.LINTED: "The image is in order. It waits for its dry run, or for its turn.",
    State.DRY_RUN: "It runs on practice cases, which costs no look.",
    State.QUEUED: "It waits for its run on the sequestered cases.",
    State.RUNNING: "It runs on the sequestered cases.",
    State.SCORING: "Its predictions are scored.",
    State.HELD: "Held for review: reviewers look at the result before it is released.",
    State.RELEASED: "The result is public.",
    State.REFUSED: "Reviewers refused to release the result, and say why. It was a look.",
    State.REJECTED: "The image did not get to the sequestered cases. This costs no look.",
    State.FAILED: "It ended without a result.",
}
STAGES: Mapping[Stage, str] = {
    Stage.ADMIT: "Look at the image",
    Stage.DRY_RUN: "Dry run",
    Stage.QUEUE: "Wait in the queue",
    Stage.LOAD: "Load the image",
    Stage.START: "Start the container",
    Stage.INFER: "Run on the cases",
    Stage.SCORE: "Score",
    Stage.PUBLISH: "Publish",
}


@dataclass(frozen=True, slots=True)
class UploadShown:
    """An upload that is not entered yet, with what of it is there."""

    upload: Upload
    arrived: int
    expires: datetime
    complete: bool


@router.get("/submissions")
def submissions(request: Request, principal: Reader, uploads: Collaborators) -> Response:
    """The submissions of the person's teams, the newest first, and unfinished uploads."""
    rows = own.visible(request.app, principal)
    return page(
        request,
        "submissions.html",
        submissions=rows,
        titles=_titles(request),
        meanings=MEANINGS,
        bad=_bad,
        uploads=open_uploads(uploads, principal),
    )


@router.get("/submissions/{submission_id}")
def submission(request: Request, submission_id: str, principal: Reader) -> Response:
    """One submission: state, what to do about a failure, times, practice figures, fact sheet."""
    return _page(request, principal, own.one(request.app, principal, submission_id))


@router.get("/submissions/{submission_id}/withdraw")
def ask_withdraw(request: Request, submission_id: str, principal: Submitter) -> Response:
    """Ask whether to withdraw it, and say what that costs."""
    own_submission = own.of_own_team(request.app, principal, submission_id)
    return page(
        request, "withdraw.html", submission=own_submission, may=may_withdraw(own_submission)
    )


@router.post("/submissions/{submission_id}/withdraw")
def withdraw(request: Request, submission_id: str, principal: Submitter) -> Response:
    """Withdraw a submission that has no result."""
    own.withdraw(request.app, principal, submission_id)
    return go_to(f"{HOME}/submissions/{submission_id}")


@router.get("/submissions/{submission_id}/log")
def log(request: Request, submission_id: str, principal: Reader) -> Response:
    """The whole log of the dry run as text."""
    document = json.loads(own.practice(request.app, principal, submission_id))
    headers = {"Content-Disposition": f'attachment; filename="dry-run-{submission_id}.txt"'}
    return Response(str(document.get("log", "")), media_type="text/plain", headers=headers)


@router.post("/submissions/uploads/{upload_id}/discard")
async def discard(
    request: Request, upload_id: str, principal: Submitter, uploads: Collaborators
) -> Response:
    """Remove an upload that was not entered, and free the look that it holds."""
    upload = await run_in_threadpool(uploads.living, principal, upload_id)
    if not await uploads.arrivals.end(upload_id):
        raise Problem(
            423,
            "Upload is receiving",
            "Another window sends this archive now; stop it there, or try again in a moment.",
        )
    await run_in_threadpool(uploads.remove, upload, UploadState.REMOVED)
    return go_to(f"{HOME}/submissions")


def open_uploads(uploads: Uploads, principal: Principal) -> list[UploadShown]:
    """Uploads of the person's teams that hold a look, the earliest first."""
    shown = []
    for upload in uploads.store.of_teams([team.team_id for team in principal.teams]):
        complete = upload.state is UploadState.COMPLETE
        arrived = upload.length if complete else uploads.drop.offset(upload.upload_id)
        shown.append(UploadShown(upload, arrived, uploads.expires(upload), complete))
    return shown


def may_withdraw(submission: Submission) -> bool:
    """Whether a submission can still be withdrawn: it has no result."""
    return submission.state not in ENDED | {State.HELD}


def _page(request: Request, principal: Principal, shown: Submission) -> Response:
    ledger: Ledger = request.app.state.ledger
    name = shown.submission_id
    mine = any(shown.team.casefold() == team.team.casefold() for team in principal.teams)
    document = ledger.practice(name) if mine else None
    times, finding = ledger.times(name), ledger.finding(name)
    told = ledger.verdicts.of(name)
    return page(
        request,
        "submission.html",
        submission=shown,
        title=_titles(request).get(shown.benchmark, shown.benchmark),
        meaning=MEANINGS[shown.state],
        bad=_bad(shown),
        finding=sentence_of(finding) if mine and finding else "",
        questions=Votes(ledger).questions(name) if mine and shown.state is State.HELD else (),
        practice_note=PRACTICE if ledger.verdicts.left(shown.benchmark, [shown.team]) else "",
        verdict=() if told is None else sentences(told),
        waits=WAITS if shown.state is State.HELD else "",
        may_withdraw=mine and may_withdraw(shown),
        history=ledger.history(name),
        meanings=MEANINGS,
        times=[(STAGES[stage], seconds(times[stage])) for stage in Stage if stage in times],
        practice=None if document is None else _practice(json.loads(document)),
        sheet=_sheet(ledger.fact_sheet(name)),
        released=shown.state is State.RELEASED,
    )


def _bad(submission: Submission) -> bool:
    return submission.state in (State.REJECTED, State.REFUSED, State.FAILED)


def _titles(request: Request) -> dict[str, str]:
    offered: Mapping[str, Offered] = request.app.state.offered
    return {name: benchmark.title for name, benchmark in offered.items()}


def _sheet(document: str | None) -> FactSheet | None:
    """The fact sheet as it was kept; None where a later version cannot read it."""
    try:
        return None if document is None else FactSheet.from_json(document)
    except FactSheetError:
        return None


@dataclass(frozen=True, slots=True)
class PracticeShown:
    """A dry run in sentences, and what the container said."""

    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    log: str


def _practice(document: Mapping[str, Any]) -> PracticeShown:
    lines = [f"It ran on {document['n_cases']} practice cases in {seconds(document['seconds'])}."]
    warnings = []
    if scores := document.get("scores"):
        auroc = scores["auroc"]
        if auroc is not None:
            lines.append(
                f"AUROC {auroc:.3f} on {scores['n_positive']} positive and "
                f"{scores['n_negative']} negative cases."
            )
        if drawn := scores.get("drawn"):
            lines.append(
                f"Something is drawn in {drawn[0]} of {scores['n_positive']} cases with a lesion, "
                f"and in {drawn[1]} of {scores['n_negative']} without one."
            )
        else:
            lines.append(f"Scores go from {scores['lowest']:g} to {scores['highest']:g}.")
        for name, each in (scores.get("of_outputs") or {}).items():
            if each["auroc"] is not None:
                lines.append(
                    f"{name}: AUROC {each['auroc']:.3f} on {each['n_positive']} positive and "
                    f"{each['n_negative']} negative cases."
                )
            if each.get("constant") or each.get("inverted"):
                said = "is the same for every case" if each.get("constant") else "is turned round"
                warnings.append(f"The output {name} {said}.")
        if scores.get("constant"):
            warnings.append("Every case has the same score: does the model read the images?")
        if scores.get("inverted"):
            warnings.append("Positive cases score lower than negative ones: turn the scores round.")
    if document.get("expected_seconds") is not None:
        lines.append(
            f"The run on the sequestered cases takes about "
            f"{seconds(document['expected_seconds'])} or less."
        )
    if document.get("detail"):
        warnings.append(sentence_of(document["detail"]))
    return PracticeShown(tuple(lines), tuple(warnings), str(document.get("log") or ""))
