"""The command line: its commands together, and how a mistake of its user ends."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from typing import Annotated, NoReturn

import typer

from evaluator.command_group.front_page import FRAMED, Program
from evaluator.commands import (
    accounts,
    audit,
    benchmark,
    draw,
    plan,
    queue,
    researcher,
    review,
    reviewer,
    steward,
)
from evaluator.screen import console, stderr, steady_streams, styled
from submissions.submission import ContractBroken

_ROLES = steward, benchmark, plan, draw, researcher, queue, accounts, review, reviewer, audit


class _Sequestra(Program):
    """The commands of all roles, in the order of the help."""

    apps = tuple(role.app for role in _ROLES)


app = typer.Typer(
    cls=_Sequestra,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if get_terminal_size().columns >= FRAMED else None,
    help="Evaluate medical-imaging AI on sequestered data.",
)
_PACKAGES = (
    "metrics", "cohort_selection", "submissions", "baselines", "evaluator",
)  # fmt: skip


def main() -> None:
    """Run the command line; a mistake of its user ends in one sentence, a bug in a traceback."""
    steady_streams()
    try:
        app(prog_name="sequestra")
    except SystemExit as ended:
        if not ended.code and console.lost is not None:
            _tell_lost(console.lost)
        raise
    except ContractBroken as broken:
        _complain(f"{broken.failure.value}: {broken.failure.meaning} ({broken.detail})")
    except (ValueError, OSError) as error:
        from evaluator.terminal import printing

        ours = type(error).__module__.split(".")[0] in _PACKAGES
        error = error if ours else printing.of_the_disk(error)
        has_cause = isinstance(error, OSError) and (error.filename or error.errno in printing.FULL)
        if not ours and not has_cause:
            raise
        _complain(str(error) if ours else printing.system_error(error))


def _tell_lost(error: OSError) -> None:
    """Report output that could not be written, unless its reader has gone."""
    if not isinstance(error, BrokenPipeError):
        _complain(
            f"the output of the command could not be written ({(error.strerror or '').lower()}), "
            "but its work is done; free some space, or print to another place"
        )


def _complain(sentence: str) -> NoReturn:
    stderr.print(styled(("error:", "bold red"), f" {sentence}"), soft_wrap=True)
    sys.exit(2)


@app.callback(invoke_without_command=True)
def about(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Evaluate medical-imaging AI on sequestered data."""
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if show_version:
        from importlib.metadata import version

        console.print(f"sequestra {version('sequestra')}")
        raise typer.Exit
