"""Laws of the two steps under a matched cohort: raking, and rounding by the cube method."""

from __future__ import annotations

import numpy as np
import pytest

from cohort_selection.sampling.cube_method import round_balanced
from cohort_selection.sampling.raking import rake
from cohort_selection.sampling.randomness import draw_in_cells
from tests.support.pools import two_way


def test_raking_without_a_cap_is_iterative_proportional_fitting() -> None:
    counts = np.array([[400, 300, 500], [200, 900, 100]])
    row_goal, column_goal = np.array([60.0, 40.0]), np.array([30.0, 50.0, 20.0])
    fitted = counts.astype(float)
    for _ in range(500):
        fitted *= (row_goal / fitted.sum(axis=1))[:, None]
        fitted *= column_goal / fitted.sum(axis=0)
    raked = rake(counts.ravel(), two_way(2, 3), np.array([100.0, 40.0, 50.0, 20.0]))
    assert raked.largest_miss < 1e-6
    assert raked.probability * counts.ravel() == pytest.approx(fitted.ravel(), abs=1e-6)


def test_raking_keeps_the_odds_ratio_of_the_pool() -> None:
    counts = np.array([900, 300, 100, 700])
    raked = rake(counts, two_way(2, 2), np.array([100.0, 30.0, 60.0]))
    n = raked.probability * counts
    assert n[0] * n[3] / (n[1] * n[2]) == pytest.approx(900 * 700 / (300 * 100))


def test_raking_takes_everyone_where_it_must_and_never_more() -> None:
    """30 of the 30 positives are wanted: probability 1, the others share the rest equally."""
    columns = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    raked = rake(np.array([100, 200, 30]), columns, np.array([60.0, 30.0]))
    assert raked.probability == pytest.approx([0.1, 0.1, 1.0])


def test_raking_to_what_nobody_can_have_says_how_far_it_stayed() -> None:
    columns = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert rake(np.array([100, 10]), columns, np.array([60.0, 30.0])).largest_miss > 1.0


@pytest.mark.parametrize("grouped", [False, True])
def test_rounding_is_unbiased_and_keeps_totals(grouped: bool) -> None:
    rng = np.random.default_rng(4)
    n = 30
    balance = np.column_stack([np.ones(n), rng.random((n, 8)) < 0.3]).astype(np.float64)
    chance = rng.choice([0.1, 0.2, 0.5, 0.8], n)
    group = np.repeat(np.arange(10), 3) if grouped else None
    times = np.zeros(n)
    misses = []
    for seed in range(500):
        drawn = round_balanced(chance, balance, np.random.default_rng([seed, 5]), group)
        assert set(drawn.tolist()) <= {0, 1}
        times += drawn
        miss = np.abs(balance.T @ (drawn - chance))
        assert miss[0] < 1.0
        misses.append(miss.max())
        if group is not None:
            inside = np.bincount(group, drawn) - np.bincount(group, chance)
            assert np.abs(inside).max() < 2.0
    z = (times - 500 * chance) / np.sqrt(500 * chance * (1 - chance))
    assert abs(z.mean()) < 0.25
    assert np.abs(z).max() < 4.0
    assert np.mean(misses) < 1.3


def test_every_level_is_within_one_and_every_unit_as_often_as_its_probability() -> None:
    """Seven attributes, 31 levels; a walk with walls that give way missed it in 34 of 200 draws."""
    rng = np.random.default_rng(11)
    n, sizes, n_draws = 900, (6, 3, 6, 3, 2, 4, 7), 200
    codes = [rng.choice(size, n, p=rng.dirichlet(np.full(size, 3.0))) for size in sizes]
    levels = np.hstack(
        [code[:, None] == np.arange(size) for code, size in zip(codes, sizes, strict=True)]
    )
    last = np.cumsum(sizes) - 1
    balance = np.hstack([np.ones((n, 1)), np.delete(levels, last, axis=1)])
    # Chances from a sample, so that every level's total is a whole number.
    chance = rake(
        np.ones(n, np.int64), balance, balance[rng.choice(n, 120, replace=False)].sum(axis=0)
    ).probability
    times = np.zeros(n)
    for seed in range(n_draws):
        drawn = round_balanced(
            chance, balance, np.random.default_rng([seed, 7]), None, levels[:, last]
        )
        assert drawn.sum() == 120
        assert np.abs(levels.T @ (drawn - chance)).max() < 1.001
        times += drawn
    z = (times - n_draws * chance) / np.sqrt(n_draws * chance * (1 - chance))
    assert abs(z.mean()) < 3.5 / np.sqrt(n)
    assert 0.9 < z.std() < 1.1


@pytest.mark.parametrize("chances", [(0.5, 0.5, 0.5, 0.5), (0.9, 0.3, 0.3, 0.5)])
def test_landing_keeps_each_probability_exactly(chances: tuple[float, ...]) -> None:
    """4 units in a ring of totals: the flight cannot move, all is the landing's. 4,000 draws."""
    start = np.array(chances)
    ring = np.array([[1.0, 1, 0, 0, 1], [1, 1, 1, 0, 0], [1, 0, 1, 1, 0], [1, 0, 0, 1, 1]])
    draws = np.array(
        [round_balanced(start, ring, np.random.default_rng([seed, 3])) for seed in range(4000)]
    )
    assert np.all(draws.sum(axis=1) == 2)
    spread = np.sqrt(start * (1 - start) / len(draws))
    assert np.abs((draws.mean(axis=0) - start) / spread).max() < 4.0


def test_whole_numbers_are_left_alone() -> None:
    chance = np.array([0.0, 1.0, 1.0, 0.0])
    drawn = round_balanced(chance, np.ones((4, 1)), np.random.default_rng(0))
    assert drawn.tolist() == [0, 1, 1, 0]


def test_every_subset_of_a_cell_is_equally_likely() -> None:
    """2 of 4 units: six subsets, 3,000 draws, each expected 500 times (sd 20)."""
    cell, take = np.array([0, 1, 0, 0, 1, 0]), np.array([2, 1])
    seen: dict[tuple[int, ...], int] = {}
    for seed in range(3000):
        drawn = draw_in_cells(cell, take, np.random.default_rng([seed, 1]))
        assert np.bincount(cell[drawn], minlength=2).tolist() == [2, 1]
        subset = tuple(np.flatnonzero(drawn & (cell == 0)).tolist())
        seen[subset] = seen.get(subset, 0) + 1
    assert len(seen) == 6
    assert all(abs(times - 500) < 4.5 * 20.5 for times in seen.values())
