"""Matches the marks of a case to its lesions: hits, false marks, and lesions that nothing marks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Bools, Floats

_ONE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class MatchedCase:
    """Marks of one case after matching.

    ``lesions`` (lesions,) the score of the highest mark on each lesion, -inf where none is on it;
    ``weights`` (lesions,) add to 1 over the case; ``false`` (false marks,) scores of marks on no
    lesion.
    """

    lesions: Floats
    weights: Floats
    false: Floats


def matched(
    nearness: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> MatchedCase:
    """Match the marks of one case to its lesions, each to one at most.

    ``nearness`` (lesions, marks) by a rule of ``nearness``; ``scores`` (marks,) finite; ``weights``
    (lesions,) of the lesions, alike by default. The matching has the most lesions hit at every
    threshold, whatever the order of lesions and marks: an assignment of greatest weight, in which
    a mark weighs more the higher its score ranks; nearness decides among those. A mark that may
    hit a lesion and was not needed is neither hit nor false. Raises ValueError for arrays that do
    not fit.

    Source: Chakraborty 2017, Observer performance methods for diagnostic imaging (the highest mark
    is the lesion's score); Edmonds 1971 (greatest weight at every threshold).
    """
    near = np.asarray(nearness, dtype=np.float64)
    score = np.asarray(scores, dtype=np.float64)
    if near.ndim != 2 or near.shape[1] != score.size or score.ndim != 1:
        raise ValueError(f"nearness of shape {near.shape} does not fit {score.size} marks")
    if not np.isfinite(score).all():
        raise ValueError("scores of marks must be finite numbers")
    n = near.shape[0]
    weight = np.full(n, 1.0 / max(n, 1)) if weights is None else np.asarray(weights, np.float64)
    if weight.shape != (n,) or not (weight >= 0.0).all():
        raise ValueError(f"{n} lesions need as many weights of 0 or more; got {weight.shape}")
    if n and not abs(float(weight.sum()) - 1.0) <= _ONE:
        raise ValueError(f"weights of a case's lesions must add to 1; got {weight.sum():g}")
    may = ~np.isnan(near)
    highest = np.full(n, -np.inf)
    lesion, mark = _assigned(near, may, score)
    highest[lesion] = score[mark]
    return MatchedCase(highest, weight, score[~may.any(axis=0)])


def _assigned(near: Floats, may: Bools, score: Floats) -> tuple[Floats, Floats]:
    from scipy.optimize import linear_sum_assignment  # scipy is costly to import

    if not may.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rank = np.unique(score, return_inverse=True)[1] + 1.0
    worth = rank * (near.shape[0] + 1.0) + np.where(may, np.clip(near, 0.0, 1.0), 0.0)
    rows, columns = linear_sum_assignment(np.where(may, worth, 0.0), maximize=True)
    allowed = may[rows, columns]
    return rows[allowed], columns[allowed]
