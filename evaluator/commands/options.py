"""Arguments and options that several commands share, and the panels of the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EVERYONE = "Everyone: without an installation"
STEWARD = "Steward: build a test cohort"
OPERATOR = "Steward: run the installation"
RESEARCHER = "Researcher: train, check, submit"
REVIEWER = "Reviewer: read the results"

Home = Annotated[
    Path,
    typer.Option(
        envvar="SEQUESTRA_HOME",
        help="Folder of the installation.",
    ),
]
HOME = Path("sequestra-home")
BenchmarkName = Annotated[str, typer.Argument(help="Name of an installed benchmark.")]
BenchmarkOption = Annotated[
    str, typer.Option("--benchmark", "-b", help="Name of an installed benchmark.")
]
CatalogFolder = Annotated[
    Path, typer.Option("--catalog", "-c", help="Folder that `sequestra index` wrote.")
]
