"""The interval of the best of several looks: closed forms, laws, and coverage of drawn errors."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.comparison.selection import Tails, correlation_of, tails_of_best
from metrics.estimate import UndefinedMetric

NORMAL = NormalDist()
Z = NORMAL.inv_cdf(0.975)


def alike(looks: int, correlation: float) -> NDArray[np.float64]:
    return np.where(np.eye(looks, dtype=bool), 1.0, correlation)


def ends(tails: Tails) -> tuple[float, float]:
    """Standard errors from the estimate to the end of worse and of better figures."""
    return -NORMAL.inv_cdf(tails.worse), -NORMAL.inv_cdf(tails.better)


def independent(looks: int) -> tuple[float, float]:
    """The narrowest ends that hold the largest of k errors in 95 of 100 draws, for k from 1.

    The formula for independent looks: Benjamini, Hechtlinger & Stark 2019.
    """
    best = (math.inf, math.inf)
    for d in np.linspace(1.6449, Z, 400):
        under = NORMAL.cdf(-d)
        inside = [(0.95 + under**k) ** (1 / k) for k in (1, looks)]
        if max(inside) < 1.0:
            c = max(NORMAL.inv_cdf(each) for each in inside)
            best = min(best, (c, float(d)), key=sum)
    return best


def test_one_look_has_its_own_interval() -> None:
    found = tails_of_best(np.eye(1), 0, 1)
    assert (found.worse, found.better) == pytest.approx((0.025, 0.025))
    assert tails_of_best(np.eye(1), 0, 1, 0.9).worse == pytest.approx(0.05)


@pytest.mark.parametrize("looks", [2, 5, 20, 100])
def test_independent_looks_have_the_ends_of_the_closed_form(looks: int) -> None:
    expected = independent(looks)
    assert ends(tails_of_best(np.eye(looks), 0, looks)) == pytest.approx(expected, abs=0.06)
    # looks whose scores are not given count as independent
    assert ends(tails_of_best(np.eye(1), 0, looks)) == pytest.approx(expected, abs=0.06)
    few = ends(tails_of_best(np.eye(2), 1, looks))
    assert few == pytest.approx(expected, abs=0.06)


def test_two_independent_looks_need_no_correction() -> None:
    """Published for exchangeable symmetric errors: Benjamini, Hechtlinger & Stark 2019."""
    assert independent(2) == pytest.approx((Z, Z), abs=0.01)
    assert ends(tails_of_best(np.eye(2), 0, 2)) == pytest.approx((Z, Z), abs=0.05)


def test_copies_of_one_model_need_no_correction() -> None:
    assert ends(tails_of_best(alike(50, 1.0), 3, 50)) == pytest.approx((Z, Z), abs=0.05)


def test_the_interval_grows_with_the_looks_and_shrinks_with_their_likeness() -> None:
    by_looks = [sum(ends(tails_of_best(np.eye(1), 0, n))) for n in (1, 3, 10, 30, 100, 1000)]
    assert by_looks == sorted(by_looks)
    assert by_looks[-1] < 1.5 * by_looks[0]
    by_likeness = [sum(ends(tails_of_best(alike(20, r), 0, 20))) for r in (0.0, 0.5, 0.9, 0.99)]
    assert by_likeness == sorted(by_likeness, reverse=True)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("looks", [5, 20, 100])
@pytest.mark.parametrize("pattern", ["equal", "spread", "two ahead", "one ahead"])
def test_the_true_figure_of_the_best_is_held(looks: int, correlation: float, pattern: str) -> None:
    truth = np.zeros(looks)
    if pattern == "spread":
        truth = np.linspace(0.0, -4.0, looks)
    elif pattern != "equal":
        truth[2 if pattern.startswith("two") else 1 :] = -3.0
    random = np.random.default_rng([looks, int(100 * correlation)])
    draws = 6_000
    shared, own = random.standard_normal((draws, 1)), random.standard_normal((draws, looks))
    seen = truth + math.sqrt(correlation) * shared + math.sqrt(1.0 - correlation) * own
    best = seen.argmax(axis=1)
    error = seen[np.arange(draws), best] - truth[best]
    c, d = ends(tails_of_best(alike(looks, correlation), 0, looks))
    held = np.mean((error <= c) & (error >= -d))
    assert held >= 0.94  # 6,000 draws: 0.95 less four standard errors is 0.939
    if pattern == "equal" and looks == 100 and correlation == 0.0:
        assert np.mean(np.abs(error) <= Z) < 0.1  # 0.975^100 = 0.08


def test_looks_that_differ_in_likeness_are_held_too() -> None:
    """Two clusters of near copies and ten looks on their own."""
    blocks = np.kron(np.eye(2), np.ones((15, 15))) * 0.97
    correlation = np.zeros((40, 40))
    correlation[:30, :30] = blocks
    np.fill_diagonal(correlation, 1.0)
    random = np.random.default_rng(3)
    seen = random.multivariate_normal(np.zeros(40), correlation, 20_000)
    best = seen.argmax(axis=1)
    limits = {}
    for look in (0, 20, 35):
        limits[look] = ends(tails_of_best(correlation, look, 40))
    kind = np.where(best < 15, 0, np.where(best < 30, 20, 35))
    error = seen.max(axis=1)
    low = np.array([limits[each][0] for each in kind])
    high = np.array([limits[each][1] for each in kind])
    assert 0.94 <= np.mean((error <= low) & (error >= -high)) <= 0.97


def test_a_best_that_is_not_given_is_refused() -> None:
    for given, best, looks in ((2, 2, 2), (2, -1, 2), (3, 0, 2)):
        with pytest.raises(UndefinedMetric, match="must be one of the"):
            tails_of_best(np.eye(given), best, looks)


def test_correlations_by_hand() -> None:
    found = correlation_of(np.array([[4.0, 3.0, 0.0], [3.0, 9.0, 0.0], [0.0, 0.0, 0.0]]))
    assert found.tolist() == [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
