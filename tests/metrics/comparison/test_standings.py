"""Ranks, tiers and first places by hand, and whether a rank interval holds equal models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrics.comparison import standings
from metrics.comparison.all_pairs import Pairs, replicate_pairs
from metrics.resampling.bootstrap import holm

Floats = NDArray[np.float64]


def pairs_of(worth: Floats, p_values: dict[tuple[int, int], float]) -> tuple[Pairs, Floats]:
    """All pairs with the p-values given, 1 for the others; they count as adjusted already."""
    first, second = np.triu_indices(worth.size, 1)
    given = zip(first.tolist(), second.tolist(), strict=True)
    p = np.array([p_values.get(pair, 1.0) for pair in given])
    apart = worth[first] - worth[second]
    error = np.full(p.size, 0.01)
    square = np.eye(worth.size)
    return Pairs(first, second, apart, apart, apart, error, p, square, "by hand"), p


def test_equal_figures_share_the_better_rank() -> None:
    assert standings.observed_ranks(np.array([0.8, 0.9, 0.8, 0.7])).tolist() == [2, 1, 2, 4]


def test_a_tie_for_first_place_is_shared() -> None:
    worth = np.array([[3.0, 2.0, 2.0, 1.0], [1.0, 2.0, 2.0, 1.0], [0.0, 0.0, 2.0, 1.0]])
    # alone in the first; shared by two, by three and by three in the others
    expected = [(1 + 1 / 2 + 1 / 3 + 1 / 3) / 4, (1 / 2 + 1 / 3 + 1 / 3) / 4, (1 / 3 + 1 / 3) / 4]
    np.testing.assert_allclose(standings.first_shares(worth), expected)


def test_a_tier_ends_where_a_submission_differs_from_its_first() -> None:
    worth = np.array([0.5, 0.9, 0.8, 0.7, 0.6])  # from the best: 1, 2, 3, 4, 0
    pairs, p = pairs_of(worth, {(1, 3): 0.01, (1, 4): 0.2, (0, 3): 0.06, (0, 1): 0.001})
    found = standings.tiers(worth, pairs, p, 0.95)
    assert found.tolist() == [2, 1, 1, 2, 2]  # 3 differs from 1; 0 does not differ from 3
    assert standings.tiers(worth, pairs, p, 0.9).tolist() == [3, 1, 1, 2, 2]


def drawn(truth: Floats, seed: int, error: float) -> tuple[Floats, Floats]:
    """Values around the truth, and replicates around the values, as independent figures have."""
    random = np.random.default_rng(seed)
    worth = truth + error * random.standard_normal(truth.size)
    return worth, worth[:, None] + error * random.standard_normal((truth.size, 400))


def test_ranks_far_apart_are_known_and_near_ones_are_a_range() -> None:
    worth, replicates = drawn(np.array([0.9, 0.6, 0.605, 0.3]), 1, 0.01)
    pairs = replicate_pairs(worth, replicates, 0.95, 500, None)
    low, high = standings.rank_intervals(worth, replicates, pairs, 0.95)
    assert low.tolist() == [1, 2, 2, 4]
    assert high.tolist() == [1, 3, 3, 4]
    tiers = standings.tiers(worth, pairs, holm(pairs.p_value), 0.95)
    assert tiers.tolist() == [1, 2, 2, 3]


def test_rank_intervals_hold_the_first_place_that_equal_models_share() -> None:
    held = []
    for seed in range(150):
        worth, replicates = drawn(np.full(10, 0.8), seed, 0.02)
        pairs = replicate_pairs(worth, replicates, 0.95, 500, None)
        low, _ = standings.rank_intervals(worth, replicates, pairs, 0.95)
        held.append(np.mean(low == 1))  # equal models share rank 1
    assert np.mean(held) >= 0.94
    # the middle 95 of 100 resampled ranks leave the last of ten equal models out of rank 1
    ranks = 1 + (replicates[None, :, :] > replicates[:, None, :]).sum(axis=1)
    assert (np.quantile(ranks, 0.025, axis=1) > 1).any()
