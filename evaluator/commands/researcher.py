"""The researcher's commands, one function each: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands import printing
from evaluator.commands.options import HOME, RESEARCHER, BenchmarkOption, Home
from evaluator.screen import console
from submissions.submission import UNDER_WAY

app = typer.Typer()


@app.command(rich_help_panel=RESEARCHER)
def check(
    image: Annotated[str, typer.Argument(help="Name, digest or archive of an image.")],
    benchmark: Annotated[
        str,
        typer.Option("--benchmark", "-b", help="TOML file or name of a benchmark."),
    ],
    open_list: Annotated[Path, typer.Option("--open", help="List of the open part.")],
    cases: Annotated[int, typer.Option(min=1, help="Number of open cases.")] = 10,
    home: Home = HOME,
) -> None:
    """Try an image on open cases, under the limits of a real run."""
    from evaluator.benchmark.specification import read_contract_alone
    from evaluator.commands import dry_run
    from evaluator.queue.dry_run import practise
    from evaluator.stores.installation import Installation

    file = Path(benchmark)
    if file.suffix == ".toml":
        contract = read_contract_alone(file)
    else:
        contract = Installation.existing(home).benchmark(benchmark).contract
    found = practise(contract, image, open_list, cases)
    console.print(dry_run.practised(found), soft_wrap=True)
    raise typer.Exit(1 if found.failure else 0)


@app.command(rich_help_panel=RESEARCHER)
def submit(
    image: Annotated[str, typer.Argument(help="Name, digest or archive of an image.")],
    benchmark: BenchmarkOption,
    team: Annotated[str, typer.Option(help="Name of the team.")],
    model: Annotated[str, typer.Option(help="Name of the model on the board.")],
    threshold: Annotated[
        float, typer.Option(help="A case is called positive at or above this score.")
    ] = 0.5,
    home: Home = HOME,
) -> None:
    """Enter an image for a benchmark."""
    from evaluator.queue import lifecycle
    from evaluator.sandbox.engine import Engine
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    found = installation.benchmark(benchmark)
    entered = lifecycle.submit(
        installation, Engine.connect(), found, image, team=team, model=model, threshold=threshold
    )
    console.print(printing.submission_line(entered))


@app.command(rich_help_panel=RESEARCHER)
def cancel(
    submission_id: Annotated[str, typer.Argument(help="Id of the submission.")], home: Home = HOME
) -> None:
    """Cancel a submission that has no result yet."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    console.print(
        printing.submission_line(lifecycle.cancel(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=RESEARCHER)
def status(
    submission_id: Annotated[
        str | None, typer.Argument(help="Id of a submission (default: all).")
    ] = None,
    home: Home = HOME,
) -> None:
    """Show the state of submissions."""
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    ledger = installation.ledger()
    found = [ledger.submission(submission_id)] if submission_id else ledger.submissions()
    for submission in found:
        console.print(printing.submission_line(submission))
    if submission_id:
        console.print(printing.stage_times(ledger.times(submission_id)))
    if any(submission.state in UNDER_WAY for submission in found) and not (
        installation.is_dispatching()
    ):
        console.print(
            "no dispatcher is at work now; `sequestra run` takes up interrupted submissions"
        )
