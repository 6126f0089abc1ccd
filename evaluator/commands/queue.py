"""The steward's commands that run an installation, one function each: parse, call, print."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.options import HOME, OPERATOR, BenchmarkName, Home
from evaluator.screen import console
from evaluator.terminal import printing

app = typer.Typer()


@app.command(rich_help_panel=OPERATOR)
def run(
    scheduler: Annotated[
        str,
        typer.Option(
            help="Address of a Dask scheduler, as tcp://host:8786 (default: this machine)."
        ),
    ] = "",
    shards: Annotated[
        int, typer.Option(min=1, help="Number of containers that share a submission's cases.")
    ] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait for new submissions when the queue is empty.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="End after MLflow has a run of each release.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Run queued submissions on the sealed cohort, score them and release the results."""
    from evaluator.queue.dispatcher import Work, run_queue
    from evaluator.stores.installation import Installation

    # Ended by its supervisor, it puts back what is under way as if it were interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worked = run_queue(
        Installation.existing(home),
        Work(scheduler=scheduler, shards=shards, watch=watch, wait=wait),
        report=lambda submission: console.print(printing.submission_line(submission)),
    )
    follows = "" if wait or not worked else "; MLflow's runs follow (--wait waits for them)"
    console.print(f"{worked} submission{'s' * (worked != 1)} worked on{follows}")


@app.command(rich_help_panel=OPERATOR)
def practice(
    benchmark: BenchmarkName,
    open_list: Annotated[Path, typer.Option("--open", help="List of the open part.")],
    home: Home = HOME,
) -> None:
    """Copy practice cases from the open part; `seal` did, unless the folder is lost."""
    from cohort_selection.sequestration.open_list import read_open
    from evaluator.stores.installation import Installation
    from evaluator.stores.practice_cases import lay_out
    from evaluator.terminal import dry_run

    installation = Installation.existing(home)
    of = installation.benchmark(benchmark)
    listing = lay_out(
        installation,
        benchmark,
        read_open(open_list),
        of.practice.cases,
        seed=of.cohort.seed,
        task=of.task,
    )
    console.print(dry_run.copied(listing), soft_wrap=True)


@app.command(rich_help_panel=OPERATOR)
def rescore(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Score released submissions again, from their stored predictions."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    again = lifecycle.score_again(Installation.existing(home), benchmark)
    for submission in again:
        console.print(printing.submission_line(submission))
    console.print(f"{len(again)} submission{'s' * (len(again) != 1)} scored again")


@app.command(rich_help_panel=OPERATOR)
def prune(
    days: Annotated[
        int,
        typer.Option(
            min=0, max=36_500, help="Age in days, counted from the end of the submission."
        ),
    ] = 30,
    home: Home = HOME,
) -> None:
    """Delete old images of ended submissions; keep predictions and results."""
    from evaluator.queue import lifecycle
    from evaluator.sandbox.engine import Engine
    from evaluator.stores.installation import Installation

    freed = lifecycle.prune(Installation.existing(home), Engine.connect(), days)
    for submission in freed:
        console.print(printing.submission_line(submission))
    console.print(f"{len(freed)} image{'s' * (len(freed) != 1)} given up")


@app.command(rich_help_panel=OPERATOR)
def release(
    submission_id: Annotated[str, typer.Argument(help="Id of the submission.")], home: Home = HOME
) -> None:
    """Release a held result without votes, where one reviewer is enough; this is recorded."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    console.print(
        printing.submission_line(lifecycle.release_held(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=OPERATOR)
def doctor(home: Home = HOME) -> None:
    """Check this machine and the installation."""
    from evaluator.doctor import examine
    from evaluator.stores.installation import Installation

    findings = examine(Installation(home))
    for finding in findings:
        console.print(printing.finding(finding))
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)
