"""Enters an image on an installation of this machine."""

from __future__ import annotations

from pathlib import Path

from evaluator.entering.place import Entry
from evaluator.queue import lifecycle
from evaluator.sandbox.engine import Engine
from evaluator.screen import console
from evaluator.stores.installation import Installation
from evaluator.terminal import printing
from submissions.client.problems import ClientError
from submissions.receiving import asked_of

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
