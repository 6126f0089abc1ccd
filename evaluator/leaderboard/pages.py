"""Renders the pages of boards: templates, and the values that each is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evaluator.benchmark.specification import Benchmark
from evaluator.feedback_choice import told_how
from evaluator.glossary import figure
from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.board.ranking import POLICY
from evaluator.leaderboard.board.rows import drawn
from evaluator.leaderboard.board.selection import columns_of, details_of, select
from evaluator.leaderboard.board.shortcut_warning import shortcut_warnings
from evaluator.leaderboard.board.view import SIZES, WHO, View
from evaluator.leaderboard.templating.environment import environment
from metrics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Listing:
    """A benchmark as the pages show it."""

    name: str
    title: str
    description: str
    primary: str = "auroc"
    digest: str = ""
    benchmark: Benchmark | None = field(default=None, compare=False, repr=False)
    """All that its file says; None where a page has the listing alone."""


@dataclass(frozen=True, slots=True)
class Card:
    """One benchmark on the home page."""

    listing: Listing
    n_models: int
    short: str
    best: Estimate | None
    latest: datetime | None


def render_board(listing: Listing, board: Board, view: View, kept: Kept) -> str:
    """A page of the leaderboard of one benchmark; an empty state where nothing is released.

    Raises ViewError for a page that is not there.
    """
    offered = columns_of(board)
    columns = view.columns(offered)
    found = select(board, view, kept)
    table = drawn(board, columns, found)
    return (
        environment()
        .get_template("board.html")
        .render(
            listing=listing,
            view=view,
            primary=figure(listing.primary),
            offered=offered,
            columns=columns,
            sorted_by=next(each for each in offered if each.key == view.sort),
            table=table,
            # Not the selection itself: the template's cycles would keep all details in memory.
            n_found=found.n_found,
            n_pages=found.n_pages,
            n_models=len(board.places),
            pages=_pages(view.page, found.n_pages),
            comparison=board.comparison,
            who=WHO,
            sizes=SIZES,
            warnings=[*_warnings(board), *shortcut_warnings(board, kept)],
            policy=_policy(listing),
        )
    )


def _policy(listing: Listing) -> str:
    """How a board is ranked, after how its values are told where not plainly."""
    of = listing.benchmark
    told = None if of is None else told_how(of.disclosure)
    return POLICY if told is None else f"{told} {POLICY}"


def _pages(page: int, n_pages: int) -> list[int]:
    """The pages to lead to: the first, the last and those near; 0 stands for those left out."""
    near = {1, n_pages, *range(page - 1, page + 2)}
    found: list[int] = []
    for number in sorted(each for each in near if 1 <= each <= n_pages):
        if found and number - found[-1] > 1:
            found.append(0)
        found.append(number)
    return found


def _warnings(board: Board) -> list[str]:
    """Say what stops the rows of a board from being compared one with another."""
    return [
        f"The rows were scored on {number} different {what}: ranks across them are not comparable. "
        f"Each report names its own."
        for what, number in (("cohorts", board.cohorts), ("analysis plans", board.plans))
        if number > 1
    ]


def render_home(listings: Sequence[Listing], kept: Kept) -> str:
    """The list of benchmarks with their best released figure."""
    cards = []
    for listing in listings:
        board = kept.board(listing.name, listing.primary)
        first = [place for place in board.places[:1] if place.rank is not None]
        best = [
            details.estimate(listing.primary, place.entrant.figures[listing.primary])
            for place, details in zip(first, details_of(first, kept), strict=True)
        ]
        cards.append(
            Card(
                listing=listing,
                n_models=len(board.places),
                short=figure(listing.primary).short,
                best=best[0] if best else None,
                latest=board.latest,
            )
        )
    return environment().get_template("home.html").render(cards=cards)


def render_missing(heading: str, sentence: str) -> str:
    """A page for what is not there."""
    return environment().get_template("missing.html").render(heading=heading, sentence=sentence)
