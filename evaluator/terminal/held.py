"""Prints a held result for a reviewer at the shell."""

from __future__ import annotations

from rich.console import Group, RenderableType

from evaluator.console.desk import HeldResult
from evaluator.console.difference import Changed
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.scoring.results import OVERALL
from evaluator.screen import Sheet, styled

MOST_CHANGES = 40
"""Changed figures that are printed."""


def result(shown: HeldResult) -> RenderableType:
    """Figures of all cases, the difference to the last release, groups withheld and why."""
    of = shown.waiting.submission
    lines: list[RenderableType] = [
        styled(
            f"{of.submission_id}  {of.team} / {of.model}  {of.benchmark}  held for "
            f"{shown.waiting.age}  {shown.waiting.votes} of {shown.waiting.needed} votes"
        ),
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
