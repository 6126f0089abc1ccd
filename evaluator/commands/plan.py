"""The command that plans the study of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.options import HOME, STEWARD, Home
from evaluator.option_values import OptionError
from evaluator.screen import console

app = typer.Typer()


@app.command(rich_help_panel=STEWARD)
def plan(
    benchmark: Annotated[
        str, typer.Argument(help="TOML file of a benchmark, or the name of an installed one.")
    ],
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", "-c", help="Folder that `sequestra index` wrote."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write: plan.json, power.svg.")
    ] = None,
    pilot: Annotated[
        Path | None,
        typer.Option(
            help="Table of scores and labels of the open part, in place of an assumed AUROC."
        ),
    ] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="An assumed value, as sensitivity=0.9; may be repeated."),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=200, max=1_000_000, help="Simulated studies of a cohort.")
    ] = 10_000,
    home: Home = HOME,
) -> None:
    """Tell how many cases a benchmark's claims need, and their power on the pool's cohort.

    --assume goes before what the benchmark's file assumes. Nobody is drawn.
    """
    from evaluator.planning.document import write
    from evaluator.planning.options import assumed
    from evaluator.planning.printed import printed
    from evaluator.steward.planned_study import planned

    if output is not None and output.exists() and not output.is_dir():
        raise OptionError(f"--output is {output}, a file; give a folder, which may be new")
    assumptions = assumed(assume or [])
    study = planned(
        benchmark, assumptions, home=home, catalog_folder=catalog, pilot=pilot, runs=runs
    )
    console.print(printed(study.plan, study.basis.study, study.errors, study.notes))
    if output is not None:
        write(output, study.plan, study.errors)
        console.print(f"wrote {output}")
