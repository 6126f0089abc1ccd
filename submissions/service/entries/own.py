"""Submissions that a person may see: found, withdrawn, their releases and dry runs."""

from __future__ import annotations

from fastapi import FastAPI

from submissions.ledger.ledger import Ledger, LedgerError, PublishedRelease
from submissions.service.principal import Principal, Role
from submissions.service.problems import Problem, not_found
from submissions.service.uploads.collaborators import of_app
from submissions.signatures import Signed
from submissions.submission import ENDED, State, Submission


def visible(
    app: FastAPI, principal: Principal, *, team: str | None = None, benchmark: str | None = None
) -> list[Submission]:
    """Submissions of the person's teams, or of all for reviewers and stewards; newest first."""
    ledger: Ledger = app.state.ledger
    if team is not None:
        rows = ledger.submissions_of([principal.named_team(team).team], benchmark=benchmark)
    elif principal.roles & {Role.REVIEWER, Role.STEWARD}:
        rows = [each for each in ledger.submissions() if benchmark in (None, each.benchmark)]
    else:
        teams = [membership.team for membership in principal.teams]
        rows = ledger.submissions_of(teams, benchmark=benchmark)
    return rows[::-1]


def one(app: FastAPI, principal: Principal, submission_id: str) -> Submission:
    """One submission that the person may see; a 404 Problem for every other id."""
    try:
        submission: Submission = app.state.ledger.submission(submission_id)
    except LedgerError as error:
        app.state.ledger.chain.head()  # raises where the ledger does not answer at all
        raise not_found("submission") from error
    if not principal.may_see(submission.team):
        raise not_found("submission")
    return submission


def of_own_team(app: FastAPI, principal: Principal, submission_id: str) -> Submission:
    """One submission of the person's own teams; a 404 Problem for every other id."""
    submission = one(app, principal, submission_id)
    principal.named_team(submission.team)
    return submission


def withdraw(app: FastAPI, principal: Principal, submission_id: str) -> Submission:
    """Withdraw a submission of an own team; a queue at work ends its containers.

    Before its sequestered run it costs no look. Its archive goes, unless another entry needs it:
    teams that withdraw again and again do not fill the disk. Raises a 409 Problem where it has a
    result.
    """
    submission = of_own_team(app, principal, submission_id)
    ledger: Ledger = app.state.ledger
    if submission.state not in ENDED | {State.HELD}:
        try:
            ledger.withdraw(submission_id, principal.person_id)
        except LedgerError:  # the queue was faster, or the ledger does not answer
            submission = ledger.submission(submission_id)
            if submission.state not in ENDED | {State.HELD}:
                raise
        else:
            of_app(app).discard_withdrawn(submission_id)
            return ledger.submission(submission_id)
    raise Problem(
        409,
        "Ended",
        f"Submission {submission_id} is {submission.state.value}; only one without a result can "
        f"be withdrawn.",
        type="submission-ended",
    )


def release(app: FastAPI, principal: Principal, submission_id: str) -> PublishedRelease:
    """The newest release of a submission that the person may see; a 409 Problem before it."""
    submission = one(app, principal, submission_id)
    ledger: Ledger = app.state.ledger
    published = ledger.boards.newest(submission_id)
    if published is not None:
        return published
    raise Problem(
        409,
        "Not released",
        f"Submission {submission_id} is {submission.state.value} and has no released result; ask "
        f"again once its state is released.",
        type="not-released",
        state=submission.state.value,
    )


def signed_release(app: FastAPI, principal: Principal, submission_id: str) -> Signed:
    """The newest release with its signature; a 409 Problem before one or the other."""
    release(app, principal, submission_id)
    ledger: Ledger = app.state.ledger
    signed = ledger.signed_release(submission_id)
    if signed is None:
        raise Problem(
            409,
            "Not signed",
            f"The result of submission {submission_id} has no signature yet; the queue signs what "
            f"it scored: ask again in a minute.",
            type="not-signed",
        )
    return signed


def practice(app: FastAPI, principal: Principal, submission_id: str) -> str:
    """The JSON of the dry run's figures and log, for the own team; a 409 Problem before it."""
    submission = of_own_team(app, principal, submission_id)
    ledger: Ledger = app.state.ledger
    document = ledger.practice(submission_id)
    if document is None:
        raise Problem(
            409,
            "No dry run",
            f"Submission {submission_id} is {submission.state.value} and has no dry run yet; ask "
            f"again later, or see whether its benchmark has practice cases.",
            type="not-practised",
            state=submission.state.value,
        )
    return document
