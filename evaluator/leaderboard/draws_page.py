"""Renders the page that links the boards of two draws of one benchmark."""

from __future__ import annotations

from evaluator.glossary import figure
from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.board.linked import linked, mean_difference
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.templating.environment import environment

PLACES = 3


def render(former: tuple[Listing, Board], later: tuple[Listing, Board], kept: Kept) -> str:
    """The models that were run on both draws, with their released figures side by side."""
    rows = linked(former[1], later[1], kept)
    mean = mean_difference(rows)
    return (
        environment()
        .get_template("draws.html")
        .render(
            former=former[0],
            later=later[0],
            primary=figure(former[0].primary),
            rows=[(row, _signed(row.difference)) for row in rows],
            mean="" if mean is None else _signed(mean),
        )
    )


def _signed(difference: float | None) -> str:
    """A difference with its sign; a dash where it is undefined."""
    if difference is None:
        return numbers.DASH
    text = numbers.number(round(difference, PLACES), PLACES)
    return f"+{text}" if difference > 0 and float(f"{difference:.{PLACES}f}") else text
