"""Does on an installation of this machine what the researcher's commands ask."""

from __future__ import annotations

import time
from pathlib import Path

from evaluator.entering.place import Entry
from evaluator.queue import lifecycle
from evaluator.sandbox.engine import Engine
from evaluator.screen import console, styled
from evaluator.stores.installation import Installation
from evaluator.terminal import printing
from submissions.client.problems import ClientError
from submissions.ledger.verdicts.sentences import sentences
from submissions.receiving import asked_of
from submissions.submission import ENDED, UNDER_WAY, State

DEFAULT_THRESHOLD = 0.5


def submit(home: Path, entry: Entry) -> None:
    """Enter an image; raises ClientError for what a server alone can take."""
    if entry.team is None:
        raise ClientError("no team is named; give its name with --team")
    if entry.fact_sheet is not None:
        raise ClientError("a fact sheet goes to a server; give its address with --server")
    installation = Installation.existing(home)
    benchmark = installation.benchmark(entry.benchmark)
    form = benchmark.contract.form
    if benchmark.threshold is None and entry.threshold is None and form.highest is None:
        raise ClientError(
            f"no threshold is given, and scores of benchmark {benchmark.name} may be on any scale; "
            f"give {asked_of(form)} with --threshold"
        )
    declared = benchmark.threshold
    if declared is not None and entry.threshold not in (None, declared):
        raise ClientError(
            f"the threshold is {entry.threshold:g}, and benchmark {benchmark.name} declares "
            f"{declared:g} for every submission; leave --threshold out"
        )
    entered = lifecycle.submit(
        installation,
        Engine.connect(),
        benchmark,
        entry.image,
        team=entry.team,
        model=entry.model,
        threshold=DEFAULT_THRESHOLD if entry.threshold is None else entry.threshold,
    )
    console.print(printing.submission_line(entered))


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
        told = ledger.verdicts.of(submission_id)
        for sentence in () if told is None else sentences(told):
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
