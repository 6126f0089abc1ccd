"""Which rows and columns of a board a reader asks for, as an address tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from evaluator.leaderboard.board.columns import FIXED, RANK, Column

SIZES = (25, 100, 1000)
"""Rows on a page."""
SIZE = 100
EVERYBODY, TEAMS, BASELINES = "all", "teams", "baselines"
WHO = {EVERYBODY: "All rows", TEAMS: "Teams' models", BASELINES: "Baselines"}
ASCENDING, DESCENDING = "asc", "desc"
_LONGEST = 200


class ViewError(ValueError):
    """An address asks a board for what it does not have."""


@dataclass(frozen=True, slots=True)
class View:
    """What a reader wants to see; ``shown`` are column keys, None for the usual ones."""

    search: str = ""
    who: str = EVERYBODY
    sort: str = RANK
    descending: bool = False
    shown: tuple[str, ...] | None = None
    page: int = 1
    size: int = SIZE

    def columns(self, offered: Sequence[Column]) -> tuple[Column, ...]:
        """Those of the columns offered that the view shows."""
        if self.shown is None:
            return tuple(column for column in offered if column.shown)
        return tuple(c for c in offered if c.key in self.shown or c.key in FIXED)

    def sorted_by(self, column: Column) -> View:
        """The view that a click on the head of a column asks for."""
        turned = not self.descending if self.sort == column.key else column.descending
        return replace(self, sort=column.key, descending=turned, page=1)

    def at(self, page: int) -> View:
        """Another page of the same."""
        return replace(self, page=page)

    @property
    def query(self) -> str:
        """As an address writes it, with the question mark; empty for what a board shows first."""
        found: list[tuple[str, str]] = []
        if self.search:
            found.append(("q", self.search))
        if self.who != EVERYBODY:
            found.append(("who", self.who))
        if self.sort != RANK or self.descending:
            order = DESCENDING if self.descending else ASCENDING
            found += [("sort", self.sort), ("order", order)]
        if self.shown is not None:
            found += [("show", key) for key in (RANK, *self.shown)]  # so that none is a choice too
        if self.size != SIZE:
            found.append(("rows", str(self.size)))
        if self.page != 1:
            found.append(("page", str(self.page)))
        return "?" + urlencode(found) if found else "?"

    @property
    def narrowed(self) -> bool:
        """Whether rows are left out."""
        return bool(self.search) or self.who != EVERYBODY


def read_view(given: Iterable[tuple[str, str]], offered: Sequence[Column]) -> View:
    """Read the parameters of an address; raise ViewError where the board has no such thing."""
    values: dict[str, list[str]] = {}
    for key, value in given:
        values.setdefault(key, []).append(value)
    last = {key: found[-1] for key, found in values.items()}
    by_key = {column.key: column for column in offered}
    sort = last.get("sort") or RANK
    if sort not in by_key:
        raise ViewError(_no_such("column to sort by", sort, by_key))
    shown = None
    if "show" in values:
        for key in values["show"]:
            if key not in by_key:
                raise ViewError(_no_such("column", key, by_key))
        wanted = set(values["show"]) - set(FIXED)
        shown = tuple(key for key in by_key if key in wanted)
        usual = tuple(c.key for c in offered if c.shown and c.key not in FIXED)
        shown = None if shown == usual else shown
    orders = {ASCENDING: False, DESCENDING: True}
    order = last.get("order") or (DESCENDING if by_key[sort].descending else ASCENDING)
    return View(
        search=last.get("q", "").strip()[:_LONGEST],
        who=_one_of("choice of rows", last.get("who") or EVERYBODY, WHO),
        sort=sort,
        descending=orders[_one_of("order", order, orders)],
        shown=shown,
        page=_page(last.get("page") or "1"),
        size=int(_one_of("number of rows", last.get("rows") or str(SIZE), map(str, SIZES))),
    )


def _one_of(what: str, given: str, there: Iterable[str]) -> str:
    known = tuple(there)
    if given not in known:
        raise ViewError(_no_such(what, given, known))
    return given


def _no_such(what: str, given: str, there: Iterable[str]) -> str:
    return f"The board has no {what} {given[:60]!r}; choose one of {', '.join(there)}."


def _page(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and int(given[:9]) >= 1 and len(given) < 9):
        raise ViewError(f"The page is {given[:60]!r}; give a number from 1.")
    return int(given)


def pages_of(n_rows: int, view: View) -> int:
    """How many pages so many rows have; raise ViewError where the view's is not among them."""
    n_pages = max(1, -(-n_rows // view.size))
    if view.page > n_pages:
        there = "1 page" if n_pages == 1 else f"{n_pages} pages"
        raise ViewError(f"The board has {there}, and page {view.page} was asked for; open page 1.")
    return n_pages
