"""Follows submissions on an installation of this machine; it loads the public store alone."""

from __future__ import annotations

import time
from pathlib import Path

from evaluator.screen import console, styled
from evaluator.stores.installation import Installation
from evaluator.terminal import printing
from submissions.submission import ENDED, UNDER_WAY, State


def status(home: Path, submission_id: str | None, every: float | None) -> bool:
    """Print submissions; with ``every`` (seconds), one until its end. False if it failed."""
    installation = Installation.existing(home)
    ledger = installation.ledger()
    submissions = [ledger.submission(submission_id)] if submission_id else ledger.submissions()
    for submission in submissions:
        console.print(printing.submission_line(submission))
    while submission_id and every is not None and submissions[0].state not in ENDED | {State.HELD}:
        time.sleep(every)
        now = ledger.submission(submission_id)
        if now.state is not submissions[0].state:
            console.print(printing.submission_line(now))
        submissions = [now]
    if submission_id:
        from submissions.ledger.verdicts.sentences import sentences

        verdict = ledger.verdicts.of(submission_id)
        for sentence in () if verdict is None else sentences(verdict):
            console.print(styled(sentence))
        if finding := ledger.finding(submission_id):
            console.print(finding, soft_wrap=True)
        console.print(printing.stage_times(ledger.times(submission_id)))
    if any(submission.state in UNDER_WAY for submission in submissions) and not (
        installation.is_dispatching()
    ):
        console.print(
            "no dispatcher is at work now; `sequestra run` takes up interrupted submissions"
        )
    return all(
        submission.failure is None and submission.state is not State.REFUSED
        for submission in submissions
    )
