"""The commands for a spent cohort: a fresh draw, and runs that link the two boards."""

from __future__ import annotations

from typing import Annotated

import typer

from evaluator.commands.options import (
    HOME,
    STEWARD,
    AcceptLookAlikes,
    AcceptShortcuts,
    BenchmarkName,
    CatalogFolder,
    Home,
    Look,
)
from evaluator.screen import console, styled
from evaluator.terminal import printing

group = typer.Typer(no_args_is_help=True, help="Replace a spent cohort by a fresh draw.")
app = typer.Typer()
app.add_typer(group, name="draw", rich_help_panel=STEWARD)


@group.command("next", rich_help_panel=STEWARD)
def next_(
    benchmark: BenchmarkName,
    catalog: CatalogFolder,
    overlap: Annotated[
        float | None,
        typer.Option(
            help="Most of the new cohort that earlier draws may have too, from 0 to 1 (default: "
            "as little as the pool allows)."
        ),
    ] = None,
    look: Look = True,
    accept_shortcuts: AcceptShortcuts = "",
    accept_look_alikes: AcceptLookAlikes = "",
    home: Home = HOME,
) -> None:
    """Retire the cohort of a benchmark, and draw and seal the next one.

    The next draw is a benchmark of its own, NAME-draw-2. The earlier one keeps its board and takes
    no more submissions.
    """
    from evaluator.steward import next_draw
    from evaluator.steward.steward import Accepted
    from evaluator.stores.installation import Installation

    with printing.acts() as tick:
        drawn = next_draw.draw_next(
            Installation.existing(home),
            benchmark,
            catalog,
            share=overlap,
            look=look,
            accepted=Accepted(accept_shortcuts, accept_look_alikes),
            progress=tick,
        )
    console.print(printing.sealed(drawn.sealed))
    console.print(
        styled(
            f"{benchmark} is retired; {drawn.name} takes submissions. {drawn.n_shared} of its "
            f"{drawn.n_patients} patients were in an earlier draw."
        )
    )
    console.print(styled(f"`sequestra draw bridge {benchmark}` links the two boards"))


@group.command(rich_help_panel=STEWARD)
def bridge(
    benchmark: BenchmarkName,
    submission: Annotated[
        list[str] | None,
        typer.Option(help="Id of a released submission; may be repeated (default: all)."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Enter released submissions for the next draw too, so that two boards can be linked.

    Their stored images run there once; each run counts as a look of its team.
    """
    from contextlib import closing

    from evaluator.bridge import bridge as enter
    from evaluator.sandbox.engine import Engine
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    with closing(Engine.connect()) as engine:
        for each in enter(installation, engine, benchmark, submission or ()):
            former = each.former
            if each.successor is None:
                what = f"is not entered: {each.problem}"
            else:
                what = f"is {each.successor.submission_id}, {each.successor.state.value}"
            console.print(styled(f"{former.submission_id} ({former.team}, {former.model}) {what}"))
