"""Routes of submissions: enter, list, follow, withdraw, read the result."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from submissions.ledger.verdicts.sentences import sentences
from submissions.ledger.verdicts.told import ToldVerdict
from submissions.service.api.benchmarks import offered
from submissions.service.api.documents import Line, Strict, problems
from submissions.service.entries import entering, own
from submissions.service.entries.entering import Wanted
from submissions.service.entries.looks import Looks, looks
from submissions.service.principal import Principal, Scope, require
from submissions.submission import Failure, State, Submission

router = APIRouter(tags=["submissions"])

Reader = Annotated[Principal, Depends(require(Scope.READ))]
Submitter = Annotated[Principal, Depends(require(Scope.SUBMIT))]
SubmissionId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,32}$", examples=["3f2a9c1b7d04"])]
BenchmarkWanted = Annotated[str, Query(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$")]
TeamWanted = Annotated[str, Query(min_length=1, max_length=100, description="id or name")]


class SubmissionAsked(Strict):
    """What to enter: exactly one of upload_id, sha256 and reference."""

    benchmark: str = Field(max_length=63, examples=["chest"])
    team: str = Field(min_length=1, max_length=100, examples=["north"], description="id or name")
    model: Line = Field(examples=["densenet 3"])
    threshold: float | None = Field(default=None, allow_inf_nan=False)
    upload_id: str | None = Field(default=None, max_length=64, examples=["0c5e8a7f1b2d"])
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    reference: str | None = Field(default=None, max_length=500)
    fact_sheet: dict[str, Any] | None = None


class FailureShown(Strict):
    """Why a submission ended without a result: code, meaning, advice."""

    code: str
    meaning: str
    advice: str


class Reached(Strict):
    """A state and the hour in which it was reached."""

    state: str
    at: datetime


class ClaimShown(Strict):
    """A declared claim: met, not shown, not tested, or told later while looks are left."""

    name: str
    verdict: str


class VerdictShown(Strict):
    """What a look brought: no figure, bound or number of cases while looks are open.

    ``level`` is the one-sided level of the look; ``repeated``: the same look was made before.
    """

    claims: list[ClaimShown]
    look: int
    looks: int
    level: float
    claims_digest: str
    at: datetime
    repeated: bool
    sentences: list[str]


class SubmissionShown(Strict):
    """A submission in a list."""

    submission_id: str
    benchmark: str
    team: str
    model: str
    threshold: float
    state: str
    received: datetime
    failure: FailureShown | None


class SubmissionDetail(SubmissionShown):
    """A submission with the history of its states and the seconds of its stages.

    ``finding`` says what is wrong with the image and how to mend it, to its own team. ``verdict``
    is there where the benchmark declares claims and they were judged.
    """

    image_digest: str
    stage_seconds_at_most: dict[str, int]
    timeline: list[Reached]
    practised: bool
    finding: str | None
    fact_sheet: dict[str, Any] | None
    verdict: VerdictShown | None


class Submissions(Strict):
    """Submissions, the newest first."""

    submissions: list[SubmissionShown]


@router.get("/quota", responses=problems())
def quota(
    request: Request, benchmark: BenchmarkWanted, team: TeamWanted, principal: Reader
) -> Looks:
    """Show how many looks a team has left, and when the next one comes back."""
    return looks(request.app, principal.named_team(team), offered(request, benchmark))


@router.post("/submissions", status_code=201, responses=problems(409))
def enter(
    request: Request, response: Response, asked: SubmissionAsked, principal: Submitter
) -> SubmissionDetail:
    """Enter an image; the queue lints, tries and runs it.

    A second request with the same upload answers with the same submission.
    """
    wanted = Wanted(**{name: getattr(asked, name) for name in type(asked).model_fields})
    submission = entering.enter(request.app, principal, wanted)
    response.headers["Location"] = f"/api/v1/submissions/{submission.submission_id}"
    return _detail(request, submission, principal)


@router.get("/submissions", responses=problems())
def listed(
    request: Request,
    principal: Reader,
    benchmark: Annotated[str | None, Query(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$")] = None,
    team: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> Submissions:
    """List the submissions of your teams; reviewers and stewards see all."""
    rows = own.visible(request.app, principal, team=team, benchmark=benchmark)
    return Submissions(submissions=[SubmissionShown(**_members(each)) for each in rows])


@router.get("/submissions/{submission_id}", responses=problems())
def detail(request: Request, submission_id: SubmissionId, principal: Reader) -> SubmissionDetail:
    """Show one submission: state, failure with advice, timeline."""
    submission = own.one(request.app, principal, submission_id)
    return _detail(request, submission, principal)


@router.post("/submissions/{submission_id}/withdraw", responses=problems(409))
def withdraw(
    request: Request, submission_id: SubmissionId, principal: Submitter
) -> SubmissionDetail:
    """Withdraw a submission that has no result; before its run it costs no look."""
    withdrawn = own.withdraw(request.app, principal, submission_id)
    return _detail(request, withdrawn, principal)


@router.get("/submissions/{submission_id}/release", responses=problems(409))
def release(request: Request, submission_id: SubmissionId, principal: Reader) -> Response:
    """Give the released document, byte for byte as it is kept."""
    document = own.release(request.app, principal, submission_id).document
    return Response(document, media_type="application/json")


@router.get("/submissions/{submission_id}/release/signed", responses=problems(409))
def signed_release(request: Request, submission_id: SubmissionId, principal: Reader) -> Response:
    """Give the release with its signature, as the file that `sequestra verify-release` reads."""
    signed = own.signed_release(request.app, principal, submission_id)
    name = f'attachment; filename="release-{submission_id}.json"'
    headers = {"Content-Disposition": name}
    return Response(signed.to_json(), media_type="application/json", headers=headers)


@router.get(
    "/submissions/{submission_id}/report",
    response_class=HTMLResponse,
    responses={**problems(409), 200: {"content": {"text/html": {}}}},
)
def report(request: Request, submission_id: SubmissionId, principal: Reader) -> HTMLResponse:
    """Give the report: one HTML file that works offline."""
    published = own.release(request.app, principal, submission_id)
    page: str = request.app.state.report(published)
    name = f'attachment; filename="report-{submission_id}.html"'
    return HTMLResponse(page, headers={"Content-Disposition": name})


@router.get("/submissions/{submission_id}/practice", responses=problems(409))
def practice(request: Request, submission_id: SubmissionId, principal: Reader) -> Response:
    """Give the dry run's figures and log; of your own team alone."""
    document = own.practice(request.app, principal, submission_id)
    return Response(document, media_type="application/json")


def _members(submission: Submission) -> dict[str, Any]:
    return {
        "submission_id": submission.submission_id,
        "benchmark": submission.benchmark,
        "team": submission.team,
        "model": submission.model,
        "threshold": submission.threshold,
        "state": submission.state.value,
        "received": submission.received,
        "failure": _failure(submission.failure),
    }


def _detail(request: Request, submission: Submission, principal: Principal) -> SubmissionDetail:
    ledger = request.app.state.ledger
    sheet = ledger.fact_sheet(submission.submission_id)
    history: list[tuple[State, datetime]] = ledger.history(submission.submission_id)
    times = ledger.times(submission.submission_id)
    mine = any(submission.team.casefold() == team.team.casefold() for team in principal.teams)
    return SubmissionDetail(
        **_members(submission),
        image_digest=submission.image_digest,
        stage_seconds_at_most={stage.value: seconds for stage, seconds in times.items()},
        timeline=[Reached(state=state.value, at=at) for state, at in history],
        practised=ledger.practice(submission.submission_id) is not None,
        finding=ledger.finding(submission.submission_id) if mine else None,
        fact_sheet=None if sheet is None else json.loads(sheet),
        verdict=_verdict(ledger.verdicts.of(submission.submission_id)),
    )


def _verdict(told: ToldVerdict | None) -> VerdictShown | None:
    if told is None:
        return None
    return VerdictShown(
        claims=[ClaimShown(name=each.name, verdict=each.verdict) for each in told.claims],
        look=told.look,
        looks=told.looks,
        level=told.level,
        claims_digest=told.claims_digest,
        at=told.at,
        repeated=told.repeated,
        sentences=list(sentences(told)),
    )


def _failure(failure: Failure | None) -> FailureShown | None:
    if failure is None:
        return None
    return FailureShown(code=failure.value, meaning=failure.meaning, advice=failure.advice)
