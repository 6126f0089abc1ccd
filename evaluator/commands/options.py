"""Arguments and options that several commands share, and the panels of the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from evaluator.option_values import refuse_unwritable

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
CatalogFolder = Annotated[
    Path, typer.Option("--catalog", "-c", help="Folder that `sequestra index` wrote.")
]
Look = Annotated[
    bool,
    typer.Option("--look/--no-look", help="Compare decoded images (slow), or stored pixels only."),
]
AcceptShortcuts = Annotated[
    str,
    typer.Option(
        metavar="REASON", help="Seal although a header tells the label; the reason is sealed."
    ),
]
AcceptLookAlikes = Annotated[
    str,
    typer.Option(metavar="REASON", help="Seal although images look alike; the reason is sealed."),
]

RULE = (
    "The command works on the server of --server, else on the installation of --home; without "
    "either, on the first of these that is set: SEQUESTRA_SERVER, SEQUESTRA_HOME, the server of "
    f"your login, the folder {HOME}."
)
"""How a command that knows servers and installations chooses."""

ServerOption = Annotated[
    str | None,
    typer.Option("--server", help="Address of a server (default: SEQUESTRA_SERVER or your login)."),
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help=f"Folder of an installation on this machine (default: SEQUESTRA_HOME or {HOME}).",
    ),
]


def file_to_write(*names: str, help: str, parents: bool = False) -> Any:
    """An option that takes a file to write; refused before any work where none can be."""

    def writable(path: Path | None) -> Path | None:
        if path is not None:
            refuse_unwritable(path, parents=parents)
        return path

    return typer.Option(*names, callback=writable, help=help)
