"""The researcher's commands."""

import typer

app = typer.Typer()
