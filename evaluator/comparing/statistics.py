"""What the comparison asks of ``metrics``: where each submission stands, and every difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.comparison.board import auroc_board


@dataclass(frozen=True, slots=True)
class Submitted:
    """The scores (cases,) of a submission, its threshold, and of how many looks it is the best."""

    scores: NDArray[np.float64]
    threshold: float
    team: str
    best_of: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a submission stands; ``corrected`` bounds its figure as the best of several looks."""

    rank_low: int
    rank_high: int
    tier: int
    first_share: float
    corrected: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Gap:
    """The figure of ``first`` less that of ``second``, its interval and plain p-value."""

    first: str
    second: str
    value: float
    low: float
    high: float
    p_value: float


def ranked(
    y: NDArray[np.bool_],
    submissions: Mapping[str, Submitted],
    patients: NDArray[np.str_],
    figure: str,
    *,
    replicates: int,
    seed: int,
    confidence: float,
) -> tuple[Mapping[str, Place], tuple[Gap, ...]]:
    """The place of each submission and the difference of each pair on the cases ``y`` (n,)."""
    board = auroc_board(
        y,
        {name: given.scores for name, given in submissions.items()},
        patients,
        replicates=replicates,
        seed=seed,
        confidence=confidence,
    )
    places = {
        name: Place(rank.low, rank.high, rank.tier, rank.p_best, None)
        for name, rank in board.ranks.items()
    }
    gaps = tuple(
        Gap(
            pair.first,
            pair.second,
            pair.difference.value,
            pair.difference.low,
            pair.difference.high,
            pair.difference.p_value,
        )
        for pair in board.pairs
    )
    return places, gaps
