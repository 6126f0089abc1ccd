"""Renders the board for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.text import Text

from evaluator.disclosure.control import Release
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import readable_level
from evaluator.leaderboard.ranking import Standing, worst_group
from evaluator.screen import Sheet, styled

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
) -> Sheet:
    """Lay out the standings as a table; names carry no markup."""
    by_id = {release.submission_id: release for release in releases}
    short = figure(primary).short
    table = Sheet(
        title=title or None,
        title_justify="left",
        caption=None if standings else "No submission has been released yet.",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_lines=True,
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column(_two("model", "team"), overflow="fold", min_width=12)
    table.add_column(_two(short, "interval"), justify="right", no_wrap=True)
    for pair in PAIRS:
        above, below = (figure(metric).short for metric in pair)
        table.add_column(f"{above}\n{below}", justify="right", no_wrap=True)
    table.add_column(_two("worst", "group"), justify="right", overflow="fold")
    table.add_column(_two("received", "cases"), justify="right", no_wrap=True)
    for standing in standings:
        release = by_id[standing.submission_id]
        team = "(baseline)" if standing.baseline else standing.team
        value = numbers.board_value(standing.primary)
        interval = numbers.board_interval(standing.primary)
        below = interval or standing.primary.undefined or ""
        table.add_row(
            numbers.DASH if standing.rank is None else str(standing.rank),
            _two(standing.model, team, "bold"),
            _two(value, below, "bold"),
            *(_pair(release, pair) for pair in PAIRS),
            _worst(release, primary),
            _two(f"{standing.received:%Y-%m-%d}", str(release.n_cases)),
        )
    return table


def _two(above: str, below: str, style: str = "") -> Text:
    """One line above a fainter one."""
    return styled((above, style), "\n", (below, "dim"))


def _pair(release: Release, pair: tuple[str, str]) -> str:
    return "\n".join(numbers.board_value(release.find(metric)) for metric in pair)


def _worst(release: Release, primary: str) -> Text | str:
    worst = worst_group(release, primary)
    if worst is None:
        return numbers.DASH
    return _two(numbers.board_value(worst.estimate), readable_level(worst.level))
