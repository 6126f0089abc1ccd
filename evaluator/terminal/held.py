"""Prints a held result for a reviewer at the shell."""

from __future__ import annotations

from rich.console import Group, RenderableType

from evaluator.console.desk import HeldResult, Waiting
from evaluator.console.difference import Changed
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.scoring.results import OVERALL
from evaluator.screen import Sheet, styled
from evaluator.terminal import verdicts
from submissions.ledger.voting.votes import Decision, Round

MOST_CHANGES = 40
"""Changed figures that are printed."""


def line(waiting: Waiting) -> RenderableType:
    """One line a held result: who, how long, how many votes, and what is next."""
    of = waiting.submission
    if waiting.decision is not None:
        after = f"decided: {waiting.decision.value}; `sequestra run` does so{_when(waiting.later)}"
    elif waiting.own:
        after = "your own team's: others decide"
    elif not waiting.ready:
        after = "not ready: `sequestra run` makes it so"
    else:
        after = "you have voted" if waiting.voted else "your vote"
    return styled(
        f"{of.submission_id}  {of.team} / {of.model}  {of.benchmark}  held for {waiting.age}  "
        f"{waiting.votes} of {waiting.needed} votes  {after}"
    )


def voted(submission_id: str, cast: Round, *, later: bool = False) -> str:
    """What a vote that was cast comes to; ``later`` as in ``Waiting``."""
    when = _when(later)
    after = {
        None: "another reviewer's is needed",
        Decision.RELEASE: f"`sequestra run` releases it{when}",
        Decision.REFUSE: f"`sequestra run` ends it as refused{when}",
        Decision.ASK_AGAIN: "the team reads the question, and the votes begin again",
        Decision.SPLIT: "the votes differ, and begin again",
    }
    return f"{submission_id}: {len(cast.votes)} of {cast.needed} votes; {after[cast.decision]}"


def _when(later: bool) -> str:
    return " once no look of any team at these cases is open" if later else ""


def result(shown: HeldResult) -> RenderableType:
    """Figures of all cases, the difference to the last release, groups withheld and why."""
    lines: list[RenderableType] = [
        line(shown.waiting),
        *_verdict(shown),
        styled(shown.looks),
        _figures(shown),
        *_difference(shown),
    ]
    if shown.withheld:
        table = Sheet(title="Withheld, and why (told to reviewers alone)", title_justify="left")
        for name in ("group", "it has", "why"):
            table.add_column(name, overflow="fold")
        for each in shown.withheld:
            table.add_row(each.group, each.cases or "not counted", each.why)
        lines.append(table)
    if shown.left_out:
        lines.append(f"{shown.left_out} figures of groups that are shown are not released")
    return Group(*lines)


def _verdict(shown: HeldResult) -> list[RenderableType]:
    """The whole verdict on declared claims, and what the team is told of it."""
    if shown.verdict is None:
        return []
    told = [styled(f"  {sentence}") for sentence in shown.told]
    return [*verdicts.lines(shown.verdict), styled("the team is told:"), *told]


def _figures(shown: HeldResult) -> RenderableType:
    table = Sheet(title="Figures of all cases", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("interval")
    for each in shown.release.results:
        if each.group == OVERALL and each.estimate.value is not None:
            table.add_row(
                figure(str(each.figure)).short,
                numbers.value(each.estimate),
                numbers.interval(each.estimate),
            )
    return table


def _difference(shown: HeldResult) -> list[RenderableType]:
    found = shown.difference
    if found is None:
        return ["the team has no release at this benchmark"]
    rows = [*found.overall, *found.groups]
    lines: list[RenderableType] = [
        styled(
            f"last release: {found.since.model} ({found.since.submission_id}); of {found.compared} "
            f"figures {len(rows)} changed"
        )
    ]
    lines += [styled(f"withheld then and shown now: {name}") for name in found.newly_shown]
    lines += [styled(f"shown then and withheld now: {name}") for name in found.newly_withheld]
    if rows:
        lines.append(_changes(rows[:MOST_CHANGES]))
    if len(rows) > MOST_CHANGES:
        lines.append(f"and {len(rows) - MOST_CHANGES} more; the console shows all")
    return lines


def _changes(rows: list[Changed]) -> RenderableType:
    table = Sheet(title="Changed figures", title_justify="left")
    for name in ("figure", "group", "last release", "now", "moved by"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row.figure, row.group, row.before, row.now, row.moved)
    return table
