"""Finds the rows of a board that a reader asks for, in the order asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from evaluator.leaderboard.board.columns import (
    CASES,
    CLAIMS,
    CORRECTED,
    LOOKS,
    MODEL,
    RANK,
    RECEIVED,
    TIER,
    WORST,
    Column,
    figures_in_tables,
    offered,
)
from evaluator.leaderboard.board.details import Details
from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.board.ranking import Place
from evaluator.leaderboard.board.view import BASELINES, EVERYBODY, View, pages_of

_Key = Callable[[Place], Any]
_MOST_NARROWED = 16
"""Searches whose rows stay in memory."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A page of a board: its rows with their details, and how many there are in all."""

    places: tuple[Place, ...]
    details: tuple[Details, ...]
    n_found: int
    n_pages: int


def columns_of(board: Board) -> tuple[Column, ...]:
    """The columns that a board offers."""
    return offered(
        board.primary, board.metrics, compared=board.comparison is not None, claims=board.claims
    )


def select(board: Board, view: View, kept: Kept) -> Selection:
    """The rows that a view asks for; raise ViewError for a page that is not there."""
    found = _narrowed(board, view, kept) if view.narrowed else _sorted(board, view, kept)
    n_pages = pages_of(len(found), view)
    start = (view.page - 1) * view.size
    shown = found[start : start + view.size]
    return Selection(shown, details_of(shown, kept), len(found), n_pages)


def _narrowed(board: Board, view: View, kept: Kept) -> tuple[Place, ...]:
    """The rows that match, kept for the other pages of the same search."""
    asked = view.sort, view.descending, view.who, view.search.casefold()
    found = board.narrowed.get(asked)
    if found is None:
        found = _sorted(board, view, kept)
        if view.who != EVERYBODY:
            wanted = view.who == BASELINES
            found = tuple(place for place in found if place.entrant.baseline == wanted)
        if view.search:
            text, searched = view.search.casefold(), board.searched
            found = tuple(place for place in found if text in searched[place.entrant.number])
        if len(board.narrowed) >= _MOST_NARROWED:
            board.narrowed.clear()
        board.narrowed[asked] = found
    return found


def details_of(places: Sequence[Place], kept: Kept) -> tuple[Details, ...]:
    """The rest that a board shows of rows."""
    found = kept.details([place.entrant.number for place in places])
    return tuple(found[place.entrant.number] for place in places)


def _sorted(board: Board, view: View, kept: Kept) -> tuple[Place, ...]:
    """All rows in the view's order; what is undefined stays last in either direction."""
    order = view.sort, view.descending
    if order == (RANK, False):
        return board.places
    if order not in board.ordered:
        key = _key(board, view.sort, kept)
        keyed = [(key(place), place) for place in board.places]
        defined = [pair for pair in keyed if pair[0] is not None]
        defined.sort(key=lambda pair: pair[0], reverse=view.descending)
        last = [place for value, place in keyed if value is None]
        board.ordered[order] = (*(place for _, place in defined), *last)
    return board.ordered[order]


def _key(board: Board, column: str, kept: Kept) -> _Key:
    """What a row is sorted by; None where it is undefined."""
    if column == RANK:
        return lambda place: place.rank
    if column == MODEL:
        return lambda place: (place.entrant.model.casefold(), place.entrant.team.casefold())
    if column == RECEIVED:
        return lambda place: place.entrant.received
    if column in (TIER, LOOKS, CORRECTED):
        return _of_comparison(board, column)
    if column in (WORST, CASES, CLAIMS):
        return _of_details(board, column, kept)
    metric = next(each.metric for each in columns_of(board) if each.key == column)
    return lambda place: place.entrant.figures.get(metric)


def _of_comparison(board: Board, column: str) -> _Key:
    def key(place: Place) -> Any:
        entry = board.compared.get(place.entrant.submission_id)
        if entry is None:
            return None
        if column == TIER:
            return entry.tier, -entry.first_share
        return entry.looks if column == LOOKS else entry.corrected_low

    return key


def _of_details(board: Board, column: str, kept: Kept) -> _Key:
    found = kept.sortings([place.entrant.number for place in board.places], board.primary)
    value = attrgetter({CASES: "cases", CLAIMS: "met", WORST: "worst"}[column])
    return lambda place: value(found[place.entrant.number])


def plain_rows(board: Board, kept: Kept) -> list[dict[str, object]]:
    """The whole board as plain values, for JSON and CSV."""
    primary = board.primary
    beside = figures_in_tables(primary, board.metrics)
    rows: list[dict[str, object]] = []
    for place, details in zip(board.places, details_of(board.places, kept), strict=True):
        entrant, found = place.entrant, details.found
        row: dict[str, object] = {
            "rank": place.rank,
            "team": entrant.team,
            "model": entrant.model,
            "submission": entrant.submission_id,
            "baseline": entrant.baseline,
            "entries": place.entries,
            "received": entrant.received.isoformat(),
            "cases": found.get("n_cases"),
            "patients": found.get("n_patients"),
            "positive": found.get("n_positive"),
            "threshold": found.get("threshold"),
            "confidence": found.get("confidence"),
        }
        for metric in (primary, *beside):
            estimate = details.primary(metric, entrant.figures.get(metric))
            row[metric] = estimate.value
            row[f"{metric}_low"] = estimate.low
            row[f"{metric}_high"] = estimate.high
        worst = details.worst(primary)
        row["worst_group"] = None if worst is None else f"{worst.attribute}: {worst.level}"
        row[f"worst_group_{primary}"] = None if worst is None else worst.estimate.value
        row["cohort_digest"] = entrant.cohort_digest
        row["plan_digest"] = entrant.plan_digest
        row["image_digest"] = found.get("image_digest")
        row["release_digest"] = found.get("release_digest")
        if board.claims:
            row |= _plain_claims(details)
        if board.comparison is not None:
            row |= _plain_comparison(board, entrant.submission_id)
        rows.append(row)
    return rows


def _plain_claims(details: Details) -> dict[str, object]:
    """How many claims were met, and each claim with its outcome; None without a verdict."""
    if not details.verdict:
        return dict.fromkeys(("claims_met", "claims", "verdict"))
    told = "; ".join(f"{name}: {outcome}" for name, outcome in details.verdict)
    return {"claims_met": details.n_met, "claims": len(details.verdict), "verdict": told}


def _plain_comparison(board: Board, submission_id: str) -> dict[str, object]:
    """What the comparison says of a submission; None for each where it is not in it."""
    names = ("tier", "rank_low", "rank_high", "first_share", "looks")
    ends = ("corrected_low", "corrected_high")
    entry = board.compared.get(submission_id)
    return {name: getattr(entry, name, None) for name in (*names, *ends)}
