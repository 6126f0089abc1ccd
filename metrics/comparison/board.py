"""Compares all submissions of a board by shared replicates: pairs, ranks and tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.comparison.pairs import (
    Difference,
    RankStability,
    holm_adjusted,
    paired_delong,
    rank_stability,
)
from metrics.discrimination.delong import placements
from metrics.estimate import UndefinedMetric
from metrics.intervals.no_variance import fewest_of_a_class
from metrics.resampling import replicates as resampling


@dataclass(frozen=True, slots=True)
class Pair:
    """Two submissions, their difference, and its p-value adjusted over all pairs of the board."""

    first: str
    second: str
    difference: Difference
    adjusted_p_value: float


@dataclass(frozen=True, slots=True)
class Board:
    """AUROCs, rank stability of each submission, and every pair."""

    auroc: Mapping[str, float]
    ranks: Mapping[str, RankStability]
    pairs: tuple[Pair, ...]


def auroc_board(
    y: ArrayLike,
    submissions: Mapping[str, ArrayLike],
    patients: ArrayLike | None = None,
    *,
    replicates: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Board:
    """Compare every submission with every other by AUROC.

    ``submissions`` maps a name to scores (cases,) of the same cases. Pairs by the paired DeLong
    test (over patients where they repeat), Holm-adjusted; ranks, chances of being best and tiers
    from replicates that all submissions share, so a submission more, given after the others,
    changes no other's replicates. Without patients the cases are numbered by label and scores, not
    by row.
    Undefined with one class only or without a submission.
    """
    if not submissions:
        raise UndefinedMetric("a board needs a submission; got none")
    y_ = arrays.labels(y)
    patient, n_patients = arrays.clusters(patients, y_.size)
    scores = {name: arrays.scores(given, y_.size) for name, given in submissions.items()}
    if patients is None:
        patient = _numbers(y_, list(scores.values()))
    drawn = resampling.units(y_, patient, n_patients)
    values: dict[str, float] = {}
    rows = []
    for name, s in scores.items():
        values[name] = placements(y_, s).auroc
        cases = resampling.ranked(y_, s, 2)
        walk = resampling.walk(cases, None, None)
        (sums,) = resampling.replicate(cases, drawn, [walk], replicates=replicates, seed=seed)
        rows.append(sums.auroc)
    names = list(submissions)
    fewest = fewest_of_a_class(y_, patient)
    stable = rank_stability(list(values.values()), np.stack(rows), confidence, fewest)
    couples = list(combinations(names, 2))
    found = [
        paired_delong(y_, submissions[a], submissions[b], patients, confidence) for a, b in couples
    ]
    adjusted = holm_adjusted(found)
    pairs = tuple(
        Pair(a, b, difference, p)
        for (a, b), difference, p in zip(couples, found, adjusted, strict=True)
    )
    return Board(values, dict(zip(names, stable, strict=True)), pairs)


def _numbers(y: Bools, scores: Sequence[Floats]) -> Ints:
    """Number the cases by what is known of them, so that no draw depends on the rows' order."""
    ranks = [np.unique(s, return_inverse=True)[1] for s in scores]
    order = np.lexsort((*reversed(ranks), y))
    number = np.empty(y.size, dtype=np.int64)
    number[order] = np.arange(y.size)
    return number
