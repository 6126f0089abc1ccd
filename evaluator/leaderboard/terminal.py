"""The board in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from evaluator.disclosure import Release
from evaluator.leaderboard import numbers
from evaluator.leaderboard.figures import readable_level
from evaluator.leaderboard.glossary import figure
from evaluator.leaderboard.ranking import Standing, worst_group

PAIRS = (
    ("average_precision", "calibration_slope"),
    ("brier", "ece"),
    ("sensitivity", "specificity"),
)
"""Figures that share a column, one above the other, so that a board fits 80 characters."""


def render_terminal(
    standings: Sequence[Standing],
    releases: Sequence[Release],
    *,
    title: str = "",
    primary: str = "auroc",
) -> Table:
    """Lay out the standings as a table; names are escaped, so that they cannot carry markup."""
    by_id = {release.submission_id: release for release in releases}
    short = figure(primary).short
    table = Table(
        title=escape(title) or None,
        title_justify="left",
        caption=None if standings else "No submission has been released yet.",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_lines=True,
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("model\n[dim]team[/]", overflow="fold", min_width=12)
    table.add_column(f"{short}\n[dim]interval[/]", justify="right", no_wrap=True)
    for pair in PAIRS:
        above, below = (figure(metric).short for metric in pair)
        table.add_column(f"{above}\n{below}", justify="right", no_wrap=True)
    table.add_column("worst\n[dim]group[/]", justify="right", overflow="fold")
    table.add_column("received\n[dim]cases[/]", justify="right", no_wrap=True)
    for standing in standings:
        release = by_id[standing.submission_id]
        team = "(baseline)" if standing.baseline else escape(standing.team)
        value, interval = numbers.value(standing.primary), numbers.compact(standing.primary)
        table.add_row(
            numbers.DASH if standing.rank is None else str(standing.rank),
            f"[bold]{escape(standing.model)}[/]\n[dim]{team}[/]",
            f"[bold]{value}[/]\n[dim]{interval or standing.primary.undefined or ''}[/]",
            *("\n".join(numbers.value(release.find(metric)) for metric in pair) for pair in PAIRS),
            _worst(release, primary),
            f"{standing.received:%Y-%m-%d}\n[dim]{release.n_cases}[/]",
        )
    return table


def _worst(release: Release, primary: str) -> str:
    worst = worst_group(release, primary)
    if worst is None:
        return numbers.DASH
    return f"{numbers.value(worst.estimate)}\n[dim]{escape(readable_level(worst.level))}[/]"
