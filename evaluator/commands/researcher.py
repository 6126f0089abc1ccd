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
    image: Annotated[str, typer.Argument(help="An image: name, digest or the path of an archive.")],
    benchmark: Annotated[
        str,
        typer.Option("--benchmark", "-b", help="A benchmark's TOML file, or an installed name."),
    ],
    open_list: Annotated[Path, typer.Option("--open", help="The list of the open part.")],
    cases: Annotated[int, typer.Option(min=1, help="How many open cases to run it on.")] = 10,
    home: Home = HOME,
) -> None:
    """Run an image on open cases, with the code, flags and limits of a sequestered run."""
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
    image: Annotated[str, typer.Argument(help="An image: name, digest or the path of an archive.")],
    benchmark: BenchmarkOption,
    team: Annotated[str, typer.Option(help="The team's name.")],
    model: Annotated[str, typer.Option(help="The model's name, as the board shows it.")],
    threshold: Annotated[
        float, typer.Option(help="Operating point, fixed on public data before submitting.")
    ] = 0.5,
    home: Home = HOME,
) -> None:
    """Enter an image for a benchmark; `sequestra run` then takes it up."""
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
def cancel(submission_id: str, home: Home = HOME) -> None:
    """Cancel a submission that has no result yet; one that never ran is not charged."""
    from evaluator.queue import lifecycle
    from evaluator.stores.installation import Installation

    console.print(
        printing.submission_line(lifecycle.cancel(Installation.existing(home), submission_id))
    )


@app.command(rich_help_panel=RESEARCHER)
def status(
    submission_id: Annotated[
        str | None, typer.Argument(help="A submission; without it, all.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Show the state of submissions, as a team may see it."""
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
