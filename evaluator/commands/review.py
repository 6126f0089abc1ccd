"""The reviewers' commands for held results, one function each: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.options import HOME, OPERATOR, Home, file_to_write
from evaluator.commands.reviewer import Host, Proxies, PublicAddress
from evaluator.screen import console

app = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="Held results: list, look at and vote on them.")
app.add_typer(group, name="review", rich_help_panel=OPERATOR)

SubmissionId = Annotated[str, typer.Argument(help="Id of the submission.")]
As = Annotated[
    str, typer.Option("--as", metavar="PERSON", help="Who you are: id or e-mail address.")
]


@app.command("console", rich_help_panel=OPERATOR)
def serve_console(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8100,
    address: PublicAddress = "",
    proxy: Proxies = None,
    home: Home = HOME,
) -> None:
    """Serve the console, in which reviewers vote on held results; `sequestra run` releases."""
    from evaluator.console import console_process
    from evaluator.stores.installation import Installation

    where = Installation.existing(home)
    console_process.serve(where, host=host, port=port, address=address, proxies=proxy or ())


@group.command("list")
def review_list(who: As, home: Home = HOME) -> None:
    """List held results with their age and the votes that are needed."""
    from evaluator.console.desk import desk_for
    from evaluator.terminal import held

    with desk_for(home, who) as (desk, reviewer):
        for each in desk.waiting(reviewer):
            console.print(held.line(each), soft_wrap=True)


@group.command("show")
def review_show(
    submission_id: SubmissionId,
    who: As,
    output: Annotated[
        Path | None,
        file_to_write("--output", "-o", help="HTML to write: the report as the team will see it."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Show a held result, what changed and what is withheld and why; the look is recorded."""
    from cohort_selection.atomic_files import write_bytes
    from evaluator.console.desk import desk_for
    from evaluator.terminal import held

    with desk_for(home, who) as (desk, reviewer):
        console.print(held.result(desk.look(reviewer, submission_id)))
        if output is not None:
            write_bytes(output, desk.report(reviewer, submission_id).encode())
            console.print(f"wrote {output}")


@group.command("vote")
def review_vote(
    submission_id: SubmissionId,
    vote: Annotated[str, typer.Argument(metavar="VOTE", help="release, refuse or ask-again.")],
    who: As,
    reason: Annotated[
        str, typer.Option(help="Reason; the team reads it unless you vote release.")
    ] = "",
    home: Home = HOME,
) -> None:
    """Vote on a held result; `sequestra run` does what the reviewers decide."""
    from evaluator.console.desk import choice, desk_for
    from evaluator.terminal import held

    with desk_for(home, who) as (desk, reviewer):
        cast = desk.vote(reviewer, submission_id, choice(vote), reason)
        later = desk.waits_for_looks(submission_id)
    console.print(held.voted(submission_id, cast, later=later), soft_wrap=True)
