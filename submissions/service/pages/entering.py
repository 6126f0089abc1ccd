"""Pages on which a model is entered: names and fact sheet first, then the image.

The first form is looked at before a byte of an image is sent. Its values travel on in hidden
fields, and are looked at again with the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import from_json

from cohort_selection.task.declaration import PROBABILITY, PredictionForm
from submissions.design.dates import moment
from submissions.fact_sheet import FactSheet, FactSheetError
from submissions.receiving import EntryError, asked_of, named, operating_point
from submissions.service.entries import entering, own
from submissions.service.entries.entering import PROPOSED_THRESHOLD, Wanted
from submissions.service.entries.looks import Looks, looks
from submissions.service.offered import Offered
from submissions.service.pages import fact_sheet_form
from submissions.service.pages.benchmarks import offered, opening, today
from submissions.service.pages.forms import Form, missing, posted, sentence_of
from submissions.service.pages.own_submissions import open_uploads
from submissions.service.pages.shown import HOME, go_to, page
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import Problem
from submissions.service.uploads.collaborators import of_app
from submissions.submission import Submission

router = APIRouter()
Submitter = Annotated[Principal, Depends(require(Scope.SUBMIT))]
Posted = Annotated[Form, Depends(posted)]

CARRIED = ("team", "model", "threshold", "fact_sheet")
"""Fields of the second form that come from the first."""


@router.get("/benchmarks/{name}/enter")
def ask(request: Request, name: str, principal: Submitter, like: str = "") -> Response:
    """The first form, with the fact sheet of an earlier submission where the team has one."""
    benchmark = _open(request, name)
    return _first(
        request, principal, benchmark, Form(_proposed(request, principal, benchmark, like))
    )


@router.post("/benchmarks/{name}/enter")
def enter(request: Request, name: str, principal: Submitter, form: Posted) -> Response:
    """Look at names, threshold and fact sheet; then ask for the image."""
    benchmark = _open(request, name)
    if form.value("more"):
        return _first(request, principal, benchmark, form)
    mistakes = _mistakes(request, principal, benchmark, form)
    sheet = None
    try:
        sheet = fact_sheet_form.read(form)
    except FactSheetError as error:
        mistakes |= {mistake.key: mistake.sentence for mistake in error.mistakes}
    if mistakes or sheet is None:
        return _first(request, principal, benchmark, form.with_mistakes(mistakes), 422)
    return second(
        request, principal, benchmark, Form({**form.typed, "fact_sheet": sheet.to_json()})
    )


@router.post("/benchmarks/{name}/submit")
def submit(request: Request, name: str, principal: Submitter, form: Posted) -> Response:
    """Enter an archive that arrived, or a reference to a registry."""
    benchmark = offered(request, name)
    try:
        submission = entered(request, principal, benchmark, form)
    except Problem as problem:
        field = "reference" if form.value("reference") and problem.status == 422 else ""
        refusal = form.with_mistakes({field: sentence_of(problem.detail)})
        return second(request, principal, benchmark, refusal, problem.status)
    return go_to(f"{HOME}/submissions/{submission.submission_id}")


def entered(request: Request, principal: Principal, benchmark: Offered, form: Form) -> Submission:
    """Enter what the second form says; raise a Problem."""
    threshold = form.value("threshold")
    return entering.enter(
        request.app,
        principal,
        Wanted(
            benchmark=benchmark.name,
            team=form.value("team"),
            model=form.value("model"),
            threshold=_number(threshold) if threshold else None,
            upload_id=form.value("upload_id") or None,
            reference=form.value("reference").strip() or None,
            fact_sheet=_members(form.value("fact_sheet")),
        ),
    )


def second(
    request: Request, principal: Principal, benchmark: Offered, form: Form, status: int = 200
) -> Response:
    """The form for the image."""
    team = principal.named_team(form.value("team"))
    arrived = [
        each
        for each in open_uploads(of_app(request.app), principal)
        if each.upload.benchmark == benchmark.name and each.upload.team_id == team.team_id
    ]
    return page(
        request,
        "send.html",
        status=status,
        benchmark=benchmark,
        form=form,
        carried=form.hidden(*CARRIED),
        team=team,
        looks=looks(request.app, team, benchmark),
        arrived=arrived,
    )


def _first(
    request: Request, principal: Principal, benchmark: Offered, form: Form, status: int = 200
) -> Response:
    if len(principal.teams) == 1:
        form = replace(form, typed={**form.typed, "team": principal.teams[0].team_id})
    return page(
        request,
        "enter.html",
        status=status,
        benchmark=benchmark,
        opening=opening(benchmark, today()),
        form=form,
        teams=[(team.team_id, team.team) for team in principal.teams],
        left=[looks(request.app, team, benchmark) for team in principal.teams],
        labels=fact_sheet_form.LABELS,
        used=[(used.value, words) for used, words in fact_sheet_form.USED],
        rows=fact_sheet_form.rows(form),
    )


def _open(request: Request, name: str) -> Offered:
    benchmark = offered(request, name)
    if not benchmark.is_open(today()):
        raise Problem(
            409,
            "Benchmark closed",
            f"{benchmark.title} takes no submissions now. {opening(benchmark, today())}",
            type="benchmark-closed",
        )
    return benchmark


def _mistakes(
    request: Request, principal: Principal, benchmark: Offered, form: Form
) -> dict[str, str]:
    mistakes: dict[str, str] = {}
    try:
        team = principal.of_team(form.value("team"))
        if sentence := no_look(looks(request.app, team, benchmark)):
            mistakes["team"] = sentence
    except Problem:
        mistakes["team"] = "No team is chosen; choose one of yours."
    mistakes |= missing(form, {"model": "The model's name"})
    try:
        named("model", form.value("model"))
    except EntryError as error:
        mistakes.setdefault("model", sentence_of(str(error)))
    if benchmark.threshold is None:
        try:
            operating_point(_number(form.value("threshold")), benchmark.contract.form)
        except (EntryError, Problem):
            mistakes["threshold"] = (
                f"The threshold is {form.value('threshold')[:40]!r}; give "
                f"{_such_as(benchmark.contract.form)}."
            )
    return mistakes


def _such_as(form: PredictionForm) -> str:
    if form == PROBABILITY:
        return f"a number from 0 to 1, such as {PROPOSED_THRESHOLD:g}"
    return asked_of(form)


def no_look(left: Looks) -> str:
    """Why a team cannot enter anything now, in a sentence; empty where it can."""
    if left.remaining:
        return ""
    if left.held:
        return (
            "Unfinished uploads hold the looks that are left; enter or discard them on the page "
            "of submissions."
        )
    if left.renews is None:
        return f"Team {left.team} has used all its looks at this cohort; wait for the next cohort."
    return f"Team {left.team} has no look left; the next comes back on {moment(left.renews)}."


def _number(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise Problem(
            422, "Not valid", f"The threshold is {text[:40]!r}; give a number from 0 to 1."
        ) from None


def _members(document: str) -> Mapping[str, object]:
    """The members of the fact sheet that the first form brought."""
    try:
        members = from_json(document)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise Problem(
            422, "Not valid", "The fact sheet was lost on the way; begin again at the first form."
        )
    return members


def _proposed(
    request: Request, principal: Principal, benchmark: Offered, like: str
) -> dict[str, str]:
    """What an earlier submission of the person's teams said, the one named ``like`` first."""
    mine = {team.team.casefold(): team.team_id for team in principal.teams}
    candidates = [
        each for each in own.visible(request.app, principal) if each.team.casefold() in mine
    ]
    candidates.sort(key=lambda each: each.submission_id != like)
    of_probabilities = benchmark.contract.form.highest is not None
    typed = {"threshold": f"{PROPOSED_THRESHOLD:g}" if of_probabilities else ""}
    for earlier in candidates[:20]:
        document = request.app.state.ledger.fact_sheet(earlier.submission_id)
        if document is None:
            continue
        try:
            typed |= fact_sheet_form.typed(FactSheet.from_json(document))
        except FactSheetError:
            continue
        typed["team"] = mine[earlier.team.casefold()]
        if earlier.submission_id == like:
            typed |= {"model": earlier.model, "threshold": f"{earlier.threshold:g}"}
        break
    return typed
