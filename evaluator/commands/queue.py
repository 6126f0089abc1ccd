"""The steward's commands that run an installation, one function each: parse, call, print."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from evaluator.commands import printing
from evaluator.commands.options import HOME, STEWARD, BenchmarkName, Home
from evaluator.screen import console

app = typer.Typer()


@app.command(rich_help_panel=STEWARD)
def run(
    scheduler: Annotated[
        str,
        typer.Option(
            help="A Dask scheduler, such as tcp://host:8786; without one, this machine works."
        ),
    ] = "",
    shards: Annotated[
        int, typer.Option(min=1, help="Containers that share the cases of one submission.")
    ] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on when the queue is empty, until stopped.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="End only when MLflow has a run of each release.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Run queued submissions on the sequestered cases, score them and release them."""
    from evaluator.queue.dispatcher import Work, run_queue
    from evaluator.stores.installation import Installation

    # Ended by its supervisor, it puts back what is under way as if it were interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worked = run_queue(
        Installation.existing(home),
        Work(scheduler, shards, watch, wait),
        report=lambda submission: console.print(printing.submission_line(submission)),
    )
    follows = "" if wait or not worked else "; MLflow's runs follow (--wait waits for them)"
    console.print(f"{worked} submission{'s' * (worked != 1)} worked on{follows}")


@app.command(rich_help_panel=STEWARD)
def rescore(benchmark: BenchmarkName, home: Home = HOME) -> None:
    """Score a benchmark's released submissions again, from their stored predictions."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    again = lifecycle.score_again(Installation.existing(home), benchmark)
    for submission in again:
        console.print(printing.submission_line(submission))
    console.print(f"{len(again)} submission{'s' * (len(again) != 1)} scored again")


@app.command(rich_help_panel=STEWARD)
def prune(
    days: Annotated[
        int, typer.Option(min=0, help="Only images of submissions that ended so many days ago.")
    ] = 30,
    home: Home = HOME,
) -> None:
    """Remove the images of submissions that ended long ago; their predictions stay."""
    from evaluator.queue import lifecycle
    from evaluator.sandbox.engine import Engine
    from evaluator.stores.installation import Installation

    freed = lifecycle.prune(Installation.existing(home), Engine.connect(), days)
    for submission in freed:
        console.print(printing.submission_line(submission))
    console.print(f"{len(freed)} image{'s' * (len(freed) != 1)} given up")


@app.command(rich_help_panel=STEWARD)
def release(submission_id: str, home: Home = HOME) -> None:
    """Release a submission whose result is held."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    console.print(
        printing.submission_line(lifecycle.release_held(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=STEWARD)
def audit(submission_id: str, home: Home = HOME) -> None:
    """Show the steward every start of a submission's container, with details and logs."""
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    console.print(printing.submission_line(installation.ledger().submission(submission_id)))
    enclave = installation.enclave()
    for attempt in enclave.attempts(submission_id):
        console.print(printing.attempt(attempt))
    console.print(printing.exact_stage_times(enclave.stages(submission_id)))


@app.command(rich_help_panel=STEWARD)
def doctor(home: Home = HOME) -> None:
    """Check this machine, and the installation if there is one."""
    from evaluator.doctor import examine
    from evaluator.stores.installation import Installation

    findings = examine(Installation(home))
    for finding in findings:
        console.print(printing.finding(finding))
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)
