"""Ranks of a board: what the pairs can tell apart, and who leads how many resamples."""

from __future__ import annotations

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.comparison.all_pairs import Pairs

_TIE = 1e-12
_ROWS = 16
"""Submissions whose largest distances are kept at once."""


def observed_ranks(worth: Floats) -> Ints:
    """Rank of each submission, 1 the best; equal figures share the better rank."""
    return np.asarray(1 + (worth[None, :] > worth[:, None]).sum(axis=1))


def first_shares(worth: Floats) -> Floats:
    """Share of resamples in which each submission is first; those that tie share it.

    ``worth`` (submissions, replicates), higher is better. Formula: mean over resamples of
    1 / (number of the first) for each of the first. It is no probability of being the best.
    Source: Wiesenfarth 2021 (challengeR).
    """
    best = worth.max(axis=0)
    first = worth >= best - _TIE * np.maximum(1.0, np.abs(best))
    return np.asarray((first / first.sum(axis=0)).mean(axis=1))


def tiers(worth: Floats, pairs: Pairs, adjusted: Floats, confidence: float) -> Ints:
    """Tier of each submission; tier 1 is led by the best, and nobody in it differs from the best.

    From the best down, a tier ends where a submission differs from the tier's first by a p-value
    below 1 - ``confidence``, adjusted over all pairs of the board (``adjusted``, pairs). So the
    firsts of two tiers differ; other submissions of two tiers need not. Source: Wiesenfarth 2021
    (challengeR) for tiers by tests.
    """
    apart = np.zeros((worth.size, worth.size), dtype=np.bool_)
    apart[pairs.first, pairs.second] = adjusted < 1.0 - confidence
    apart |= apart.T
    numbers = np.zeros(worth.size, dtype=np.int64)
    tier, first = 0, -1
    for place in np.argsort(-worth, kind="stable").tolist():
        if first < 0 or apart[first, place]:
            tier, first = tier + 1, place
        numbers[place] = tier
    return numbers


def rank_intervals(
    worth: Floats, replicates: Floats, pairs: Pairs, confidence: float
) -> tuple[Ints, Ints]:
    """Lowest and highest rank of each submission that the cohort does not exclude.

    Formula: from 1 + the submissions that are better for certain, to all less those that are worse
    for certain. For certain: the interval of the difference leaves 0 out, at a width that holds
    for all differences of the one submission at once: the quantile of its largest studentized
    difference over replicates that all share. ``worth`` (submissions,) and ``replicates``
    (submissions, replicates), higher is better. The true rank counts the submissions that are truly
    better; equal ones share it. A share of resampled ranks does not hold it where models are equal.
    Source: Mogstad, Romano, Shaikh & Wilhelm 2024; Hall & Miller 2009 for why resampled ranks fail.
    """
    from metrics.comparison.kernels import largest_distances  # numba is costly to import

    n = worth.size
    error, p = np.zeros((n, n)), np.ones((n, n))
    for whole, each in ((error, pairs.error), (p, pairs.p_value)):
        whole[pairs.first, pairs.second] = whole[pairs.second, pairs.first] = each
    scale = np.divide(1.0, error, out=np.zeros_like(error), where=error > 0.0)
    centred = replicates - replicates.mean(axis=1, keepdims=True)
    reach = np.empty(n)
    for start in range(0, n, _ROWS):
        rows = slice(start, min(start + _ROWS, n))
        largest = np.empty((rows.stop - start, centred.shape[1]))
        largest_distances(centred, scale[rows], start, largest)
        reach[rows] = np.quantile(largest, confidence, axis=1)
    level = 1.0 - confidence
    ahead = worth[None, :] - worth[:, None]
    sure = (np.abs(ahead) * scale > reach[:, None]) & (p < level)
    sure |= (scale == 0.0) & (p * max(1, n - 1) < level)
    low = 1 + (sure & (ahead > 0)).sum(axis=1)
    high = n - (sure & (ahead < 0)).sum(axis=1)
    return low, high
