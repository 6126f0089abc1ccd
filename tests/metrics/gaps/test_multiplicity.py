"""The fallback procedure, by hand and against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.estimate import UndefinedMetric
from metrics.gaps.multiplicity import fallback, gap_weights


def rejected(p_values: list[float | None], weights: tuple[float, ...], alpha: float) -> list[bool]:
    """Wiens 2003, step by step: test in order, hand the level on where a hypothesis falls."""
    found, handed_on = [], 0.0
    for p, weight in zip(p_values, weights, strict=True):
        level = weight * alpha + handed_on
        falls = p is not None and p <= level
        handed_on = level if falls else 0.0
        found.append(falls)
    return found


def test_three_gaps_by_hand() -> None:
    # 0.02 / 0.5; 0.9 / 0.25; max(0.012 / 0.25) as the second is not found before 1.
    assert fallback([0.02, 0.9, 0.012], (0.5, 0.25, 0.25)) == pytest.approx([0.04, 1.0, 0.048])
    # The first is found at 0.02 and hands on: 0.03 / 0.75 = 0.04, then 0.04 / 1 = 0.04.
    assert fallback([0.01, 0.03, 0.04], (0.5, 0.25, 0.25)) == pytest.approx([0.02, 0.04, 0.04])
    # Nothing is handed on by the first; the second stands on its own quarter.
    assert fallback([0.6, 0.01, 0.02], (0.5, 0.25, 0.25)) == pytest.approx([1.0, 0.04, 0.04])


def test_a_secondary_end_point_is_tested_though_the_primary_failed() -> None:
    """Wiens 2003: weights 0.8 and 0.2 at 0.05 test at 0.04, then at 0.05 or at 0.01."""
    at = 0.05
    weights = (0.8, 0.2)
    for p, falls in (
        ((0.04, 0.05), (True, True)),
        ((0.041, 0.01), (False, True)),
        ((0.041, 0.011), (False, False)),
        ((0.04, 0.051), (True, False)),
    ):
        adjusted = fallback(p, weights)
        assert tuple(value is not None and value <= at + 1e-12 for value in adjusted) == falls


def test_adjusted_values_reject_what_the_procedure_rejects_at_every_level() -> None:
    rng = np.random.default_rng(5)
    for _ in range(400):
        n = int(rng.integers(1, 7))
        weights = tuple(rng.dirichlet(np.ones(n)).tolist())
        p: list[float | None] = (rng.random(n) ** 3).tolist()
        if rng.random() < 0.3:
            p[int(rng.integers(n))] = None
        adjusted = fallback(p, weights)
        for alpha in np.linspace(0.001, 0.999, 97):
            falls = [value is not None and value <= alpha for value in adjusted]
            assert falls == rejected(p, weights, float(alpha))


def test_a_gap_that_could_not_be_tested_is_not_found_and_hands_nothing_on() -> None:
    adjusted = fallback([0.001, None, 0.02], (0.5, 0.25, 0.25))
    assert adjusted[1] is None
    assert adjusted[2] == pytest.approx(0.08)


def test_family_wise_error_holds_where_p_values_are_correlated() -> None:
    rng = np.random.default_rng(8)
    weights = gap_weights(4, primary=True)
    called = 0
    for _ in range(4000):
        p = rng.random(4)
        p[1] = p[0]
        called += min(value for value in fallback(p.tolist(), weights) if value is not None) <= 0.05
    assert called / 4000 <= 0.05 + 3 * 0.0035


def test_the_primary_gap_has_half_the_level() -> None:
    assert gap_weights(1, primary=True) == (1.0,)
    assert gap_weights(3, primary=True) == (0.5, 0.25, 0.25)
    assert gap_weights(4, primary=False) == (0.25,) * 4


@pytest.mark.parametrize(
    ("p", "weights", "reason"),
    [
        ([0.1], (0.5, 0.5), "1 p-values but 2 weights"),
        ([0.1, 0.2], (0.9, 0.2), "shares of the level"),
        ([0.1, 0.2], (1.0, 0.0), "shares of the level"),
        ([1.2], (1.0,), "between 0 and 1; got 1.2"),
    ],
)
def test_what_cannot_be_adjusted_is_refused(
    p: list[float], weights: tuple[float, ...], reason: str
) -> None:
    with pytest.raises(UndefinedMetric, match=reason):
        fallback(p, weights)


def test_no_declared_gap_has_no_weights() -> None:
    with pytest.raises(UndefinedMetric, match="got 0"):
        gap_weights(0, primary=False)
