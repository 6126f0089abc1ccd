"""The reviewers' commands for held results, one function each: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluator.commands.options import HOME, OPERATOR, Home
from evaluator.commands.reviewer import Host, Proxies, PublicAddress
from evaluator.screen import console, styled

if TYPE_CHECKING:
    from evaluator.console.desk import Desk
    from evaluator.console.reviewers import Reviewer

app = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="Held results: list, look at and vote on them.")
app.add_typer(group, name="review", rich_help_panel=OPERATOR)

SubmissionId = Annotated[str, typer.Argument(help="Id of the submission.")]
As = Annotated[
    str, typer.Option("--as", metavar="PERSON", help="Who you are: id or e-mail address.")
]
ConsolePort = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]


class Ballot(StrEnum):
    """What a reviewer may vote."""

    RELEASE = "release"
    REFUSE = "refuse"
    ASK_AGAIN = "ask-again"


@app.command("console", rich_help_panel=OPERATOR)
def serve_console(
    host: Host = "127.0.0.1",
    port: ConsolePort = 8100,
    address: PublicAddress = "",
    proxy: Proxies = None,
    home: Home = HOME,
) -> None:
    """Serve the console, in which reviewers vote on held results.

    It reads held results in the enclave and changes nothing there. `sequestra run` releases.
    """
    from evaluator.console import console_process
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    console_process.serve(installation, host=host, port=port, address=address, proxies=proxy or ())


@group.command("list")
def review_list(who: As, home: Home = HOME) -> None:
    """List held results with their age and the votes that are needed."""
    with _desk(home, who) as (desk, reviewer):
        for each in desk.waiting(reviewer):
            of = each.submission
            votes = f"{each.votes} of {each.needed} votes"
            next_step = (
                f"decided: {each.decision.value}"
                if each.decision
                else "your own team's"
                if each.own
                else "not ready: `sequestra run` makes it so"
                if not each.ready
                else "you have voted"
                if each.voted
                else "your vote"
            )
            console.print(
                styled(
                    f"{of.submission_id}  {of.team} / {of.model}  {of.benchmark}  held for "
                    f"{each.age}  {votes}  {next_step}"
                ),
                soft_wrap=True,
            )


@group.command("show")
def review_show(
    submission_id: SubmissionId,
    who: As,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML to write: the report as the team will see it."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Show a held result: what changed, what is withheld and why. The look is recorded."""
    from cohort_selection.atomic_files import write_bytes
    from evaluator.terminal.held import result

    with _desk(home, who) as (desk, reviewer):
        console.print(result(desk.look(reviewer, submission_id)))
        if output is not None:
            write_bytes(output, desk.report(reviewer, submission_id).encode())
            console.print(f"wrote {output}")


@group.command("vote")
def review_vote(
    submission_id: SubmissionId,
    ballot: Annotated[Ballot, typer.Argument(metavar="VOTE", help="release, refuse or ask-again.")],
    who: As,
    reason: Annotated[
        str, typer.Option(help="Why; the team reads it, except where you vote to release.")
    ] = "",
    home: Home = HOME,
) -> None:
    """Vote on a held result; `sequestra run` does what the reviewers decide."""
    from submissions.ledger.votes import Choice

    with _desk(home, who) as (desk, reviewer):
        cast = desk.vote(reviewer, submission_id, Choice(ballot.value), reason)
    console.print(_said(submission_id, len(cast.votes), cast.needed, cast.decision))


def cast_for_release(home: Path, submission_id: str, who: str) -> None:
    """Take `sequestra release --as PERSON` as that person's vote."""
    review_vote(submission_id, Ballot.RELEASE, who, "", home)


def _said(submission_id: str, votes: int, needed: int, decision: str | None) -> str:
    if decision is None:
        return f"{submission_id}: {votes} of {needed} votes; another reviewer's is needed"
    after = {
        "release": "released by `sequestra run`",
        "refuse": "refused by `sequestra run`",
        "ask-again": "held; the team reads the question, and the votes begin again",
        "split": "held; the votes differ, and begin again",
    }
    return f"{submission_id}: {votes} of {needed} votes; {after[decision]}"


@contextmanager
def _desk(home: Path, who: str) -> Iterator[tuple[Desk, Reviewer]]:
    """The desk of an installation, and the person who says to be at it."""
    from evaluator.console.desk import desk_of
    from evaluator.console.reviewers import reviewer
    from evaluator.stores.installation import Installation

    with desk_of(Installation.existing(home)) as (desk, store):
        person = store.people.named(who)
        yield desk, reviewer(person.person_id, person.name, person.roles)
