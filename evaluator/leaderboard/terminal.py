"""The board in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from evaluator.disclosure import Release
from evaluator.leaderboard import numbers
from evaluator.leaderboard.figures import readable_level
from evaluator.leaderboard.glossary import figure
from evaluator.leaderboard.ranking import Standing, worst_group

BESIDE = (
    "average_precision",
    "brier",
    "ece",
    "calibration_slope",
    "sensitivity",
    "specificity",
)


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
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("team / model", overflow="fold", min_width=12)
    table.add_column(f"{short}\ninterval", justify="right", no_wrap=True)
    for metric in BESIDE:
        if metric != primary:
            table.add_column(figure(metric).short, justify="right", no_wrap=True)
    table.add_column(f"worst group\n{short}", justify="right", overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("received", no_wrap=True)
    for standing in standings:
        release = by_id[standing.submission_id]
        mark = " [dim](baseline)[/]" if standing.baseline else ""
        value, interval = numbers.value(standing.primary), numbers.interval(standing.primary)
        table.add_row(
            numbers.DASH if standing.rank is None else str(standing.rank),
            f"{escape(standing.team)}{mark}\n[bold]{escape(standing.model)}[/]",
            f"[bold]{value}[/]\n[dim]{interval or standing.primary.undefined or ''}[/]",
            *(numbers.value(release.find(metric)) for metric in BESIDE if metric != primary),
            _worst(release, primary),
            str(release.n_cases),
            f"{standing.received:%Y-%m-%d}",
        )
    return table


def _worst(release: Release, primary: str) -> str:
    worst = worst_group(release, primary)
    if worst is None:
        return numbers.DASH
    return f"{numbers.value(worst.estimate)}\n[dim]{escape(readable_level(worst.level))}[/]"
