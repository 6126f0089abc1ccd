"""Renders the board for a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.text import Text

from evaluator.glossary import figure
from evaluator.leaderboard.board.columns import BESIDE, figures_beside
from evaluator.leaderboard.board.details import Details
from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.board.ranking import Place
from evaluator.leaderboard.board.selection import select
from evaluator.leaderboard.board.shortcut_warning import shortcut_warnings
from evaluator.leaderboard.board.view import View
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import readable_level
from evaluator.screen import Sheet, styled

PAIRS = (
    ("average_precision", "calibration_slope"),
    ("brier", "ece"),
    ("sensitivity", "specificity"),
)
"""Figures that share a column, one above the other, so that a board fits 80 characters."""
ROWS = 50
"""Rows on a page."""


def render_terminal(
    board: Board, kept: Kept, *, title: str = "", page: int = 1, told: str = ""
) -> Sheet:
    """Lay a page of the board out as a table; names carry no markup.

    ``told`` says how values are told where not plainly. Raises ViewError for a page that is not
    there.
    """
    found = select(board, View(page=page, size=ROWS), kept)
    short = figure(board.primary).short
    table = Sheet(
        title=title or None,
        title_justify="left",
        caption="\n".join(
            filter(
                None,
                [
                    *shortcut_warnings(board, kept),
                    _caption(len(board.places), page, found.n_pages) or told,
                ],
            )
        )
        or None,
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_lines=True,
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column(_two("model", "team"), overflow="fold", min_width=12)
    table.add_column(_two(short, "interval"), justify="right", no_wrap=True)
    pairs = _pairs(board)
    for pair in pairs:
        above, below = (figure(metric).short for metric in pair)
        table.add_column(f"{above}\n{below}", justify="right", no_wrap=True)
    table.add_column(_two("worst", "group"), justify="right", overflow="fold")
    table.add_column(_two("received", "cases"), justify="right", no_wrap=True)
    for place, details in zip(found.places, found.details, strict=True):
        entrant = place.entrant
        team = "(baseline)" if entrant.baseline else entrant.team
        primary = details.primary(board.primary, entrant.figures.get(board.primary))
        value = numbers.board_value(primary)
        below = numbers.board_interval(primary) or primary.undefined or ""
        table.add_row(
            numbers.DASH if place.rank is None else str(place.rank),
            _named(entrant.model, team, details),
            _two(value, below, "bold"),
            *(_pair(place, details, pair) for pair in pairs),
            _worst(details, board.primary),
            _two(f"{entrant.received:%Y-%m-%d}", str(details.n_cases)),
        )
    return table


def _pairs(board: Board) -> tuple[tuple[str, str], ...]:
    """Pairs of figures beside the primary one: the usual ones, or the first of the task's own."""
    own = figures_beside(board.primary, board.metrics)
    if set(own) & set(BESIDE):
        return tuple(pair for pair in PAIRS if set(pair) & set(own))
    return tuple(zip(own[0:6:2], own[1:6:2], strict=False))


def _caption(n_rows: int, page: int, n_pages: int) -> str | None:
    """What is below the table: that nothing is there, or which rows are."""
    if not n_rows:
        return "No submission has been released yet."
    if n_pages == 1:
        return None
    first, last = (page - 1) * ROWS + 1, min(page * ROWS, n_rows)
    more = f"; --page {page + 1} shows the next" if page < n_pages else ""
    return f"Rows {first} to {last} of {numbers.count(n_rows)}{more}."


def _named(model: str, team: str, details: Details) -> Text:
    """Model and team, and below them how many of the declared claims were met."""
    if not details.verdict:
        return _two(model, team, "bold")
    met = f"{details.n_met} of {len(details.verdict)} claims met"
    return styled((model, "bold"), "\n", (f"{team}\n{met}", "dim"))


def _two(above: str, below: str, style: str = "") -> Text:
    """One line above a fainter one."""
    return styled((above, style), "\n", (below, "dim"))


def _pair(place: Place, details: Details, pair: tuple[str, str]) -> str:
    figures = place.entrant.figures
    return "\n".join(
        numbers.board_value(details.estimate(metric, figures.get(metric))) for metric in pair
    )


def _worst(details: Details, primary: str) -> Text | str:
    worst = details.worst(primary)
    if worst is None:
        return numbers.DASH
    return _two(numbers.board_value(worst.estimate), readable_level(worst.level))
