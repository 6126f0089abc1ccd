"""Models that stand on the boards of two draws: what links the two."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from statistics import fmean

from evaluator.leaderboard.board.details import Details
from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.board.ranking import Entrant
from metrics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Shown:
    """A model on one board; ``rank`` is None where another entry of it stands there."""

    submission_id: str
    primary: Estimate
    rank: int | None


@dataclass(frozen=True, slots=True)
class Linked:
    """The same image at the same threshold on both boards."""

    team: str
    model: str
    former: Shown
    later: Shown

    @property
    def difference(self) -> float | None:
        """The later value less the former one, of released values; None where one is undefined."""
        values = self.later.primary.value, self.former.primary.value
        return None if values[0] is None or values[1] is None else values[0] - values[1]


def linked(former: Board, later: Board, kept: Kept) -> tuple[Linked, ...]:
    """The models of both boards, by their value on the former one; the newest entry of each."""
    before, after = (_by_model(board, kept) for board in (former, later))
    ranks = [
        {place.entrant.submission_id: place.rank for place in board.places}
        for board in (former, later)
    ]
    order = {place.entrant.submission_id: n for n, place in enumerate(former.places)}
    found = [
        Linked(
            entrant.team,
            entrant.model,
            _shown(former, entrant, details, ranks[0]),
            _shown(later, *after[key], ranks[1]),
        )
        for key, (entrant, details) in before.items()
        if key in after
    ]
    return tuple(sorted(found, key=lambda row: order.get(row.former.submission_id, len(order))))


def mean_difference(rows: tuple[Linked, ...]) -> float | None:
    """The mean of the differences; None where fewer than two models have one."""
    found = [row.difference for row in rows if row.difference is not None]
    return fmean(found) if len(found) > 1 else None


def _by_model(board: Board, kept: Kept) -> Mapping[Hashable, tuple[Entrant, Details]]:
    """The newest entry of each image at each threshold that a team gave a name."""
    details = kept.details([entrant.number for entrant in board.entrants])
    return {
        (entrant.team, entrant.model, told.get("image_digest"), told.get("threshold")): (
            entrant,
            details[entrant.number],
        )
        for entrant in board.entrants
        for told in (details[entrant.number].found,)
    }


def _shown(
    board: Board, entrant: Entrant, details: Details, ranks: Mapping[str, int | None]
) -> Shown:
    primary = details.primary(board.primary, entrant.figures.get(board.primary))
    return Shown(entrant.submission_id, primary, ranks.get(entrant.submission_id))
