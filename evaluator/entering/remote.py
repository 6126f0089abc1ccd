"""Does on a server what the researcher's commands ask, and prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.prompt import Confirm, Prompt

from evaluator.screen import console
from submissions.client import logins
from submissions.client.address import is_private, server_address
from submissions.client.client import Client, Looks
from submissions.client.connection import readable_token
from submissions.client.logins import Login
from submissions.client.problems import ClientError
from submissions.contract import Contract
from submissions.submission import Failure, State


def log_in(address: str, *, insecure: bool, agree: str | None) -> None:
    """Ask for a token, try it, keep it for this user; ``agree`` is an agreement's version."""
    address = server_address(address)
    if not insecure and not is_private(address):
        raise ClientError(
            f"{address} would send your token unencrypted; give an https address, or --insecure "
            "within a network that you trust"
        )
    login = Login(address, readable_token(_pasted(address)))
    with Client(login.address, login.token) as client:
        me = client.me()
        if not me.get("agreed", True):
            _agree(client, agree)
    path = logins.keep(login)
    teams = ", ".join(_teams(me)) or "no team yet"
    console.print(f"logged in to {address} as {me.get('name', 'a user without a name')} ({teams})")
    console.print(f"the token is kept in {path}, which you alone can read")


def _pasted(address: str) -> str:
    """The token from a prompt, unseen; from standard input where that is no terminal."""
    if sys.stdin.isatty():
        console.print(f"make a token on {address}/tokens, then paste it here (it stays unseen)")
        return Prompt.ask("token", password=True, console=console)
    return sys.stdin.readline()


def _agree(client: Client, version: str | None) -> None:
    """Show the participation agreement, and ask for its acceptance unless it is given."""
    agreement = client.agreement()
    console.print(str(agreement.get("text", "")))
    interactive = version is None and sys.stdin.isatty()
    if interactive and Confirm.ask("Do you accept this agreement?", console=console):
        version = str(agreement["version"])
    if version is not None:
        client.accept_agreement(version)
        return
    console.print(
        "you can submit once this agreement is accepted: log in again with "
        f"--agree {agreement.get('version')}, or accept it on the page"
    )


def team_of(client: Client, named: str | None) -> str:
    """The team to enter for: the one that is named, or the only one; raises ClientError."""
    me = client.me()
    if not me.get("agreed", True):
        raise ClientError(
            "the participation agreement is not accepted yet; read and accept it with "
            f"`sequestra login {client.connection.address}`"
        )
    if named is not None:
        return named
    teams = _teams(me)
    if len(teams) == 1:
        return teams[0]
    if not teams:
        raise ClientError("you belong to no team yet; the steward approves teams and people")
    raise ClientError(f"you belong to {', '.join(teams)}; say which with --team")


def _teams(me: Mapping[str, Any]) -> list[str]:
    return [str(team["team"]) for team in me.get("teams") or ()]


def looks(counts: Looks) -> str:
    """One line: what is left, of how much, and when the next one comes back."""
    line = (
        f"{counts.remaining} of {counts.per_team} submissions of {counts.days} days are left"
        if counts.remaining
        else f"no submission is left of {counts.per_team} in {counts.days} days"
    )
    if counts.held:
        line += f"; uploads that are not entered yet hold {counts.held}"
    if counts.lifetime is not None:
        line += f"; {counts.used_ever} of {counts.lifetime} in all were used"
    if counts.renews:
        line += f"; the next one comes back on {_moment(counts.renews)}"
    return line


def _moment(text: str) -> str:
    """An ISO time to the minute, as UTC."""
    return f"{text[:16].replace('T', ' ')} UTC"


def lint(archive: Path, contract: Contract) -> None:
    """Check an archive here, before a byte is sent; raises ContractBroken."""
    from submissions.image.archive import lint_archive

    with console.status("checking the archive"):
        lint_archive(archive, contract)


@contextmanager
def bar(what: str) -> Iterator[Any]:
    """A bar of bytes; yields the function that moves it to (done, total)."""
    columns = (
        TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def line(submission: Mapping[str, Any]) -> str:
    """One line a submission: its id, who, and its state or failure."""
    outcome = str(submission.get("state"))
    if outcome == State.HELD.value:
        outcome += " for review"
    if failure := submission.get("failure"):
        outcome += f": {failure['code']}. {failure['meaning']}"
    who = f"{submission.get('team')} / {submission.get('model')}"
    return f"{submission.get('submission_id')}  {who}  {submission.get('benchmark')}  {outcome}"


def details(submission: Mapping[str, Any]) -> RenderableType:
    """What to do, the times of the stages, and when each state was reached."""
    lines = list((submission.get("verdict") or {}).get("sentences", ()))
    if finding := submission.get("finding"):
        lines.append(f"finding: {finding}")
    if failure := submission.get("failure"):
        lines.append(f"what to do: {failure['advice']}")
    if times := submission.get("stage_seconds_at_most"):
        lines.append("  ".join(f"{stage} under {seconds} s" for stage, seconds in times.items()))
    for step in submission.get("timeline") or ():
        lines.append(f"  {_moment(step['at'])}  {step['state']}")
    return Group(*lines)


def practised(trial: Mapping[str, Any]) -> RenderableType:
    """Figures of the dry run on practice cases, the end of its log, the time of the real run."""
    from evaluator.queue.dry_run import Practised
    from evaluator.tasks.first_look import Scores
    from evaluator.terminal import dry_run

    scores, failure = trial["scores"], trial["failure"]
    figures = None if scores is None else Scores.read(scores)
    lines = [
        dry_run.practised(
            Practised(
                n_cases=trial["n_cases"],
                seconds=trial["seconds"],
                failure=None if failure is None else Failure(failure),
                detail=trial["detail"],
                log=trial["log"],
                scores=figures,
            ),
            "practice",
        )
    ]
    if trial.get("expected_seconds") is not None:
        lines.append(f"the sequestered run may take up to {trial['expected_seconds']} s")
    return Group(*lines)
