"""MOVER against published intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.estimate import UndefinedMetric
from metrics.intervals import mover
from metrics.intervals.mover import Part
from metrics.intervals.proportions import wilson


def share(hits: int, n: int) -> Part:
    return Part(hits / n, *wilson(hits, n))


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_differences_are_newcombes(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    found = mover.difference(share(*a), share(*b))
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_ratio_of_nothing_has_an_upper_end() -> None:
    # 50 of 50 positives called, 45 of 50 negatives not: LR- = 0 / 0.9
    found = mover.ratio(share(0, 50), share(45, 50))
    assert found.value == 0.0
    assert found.low == 0.0
    assert found.high == pytest.approx(0.080, abs=5e-4)


def test_a_ratio_over_nothing_has_no_upper_end() -> None:
    found = mover.ratio(share(9, 10), share(0, 10))
    assert found.value == math.inf
    assert found.high == math.inf
    assert found.low == pytest.approx(1.0 / mover.ratio(share(0, 10), share(9, 10)).high)
    with pytest.raises(UndefinedMetric, match="0 to 0"):
        mover.ratio(share(0, 10), share(0, 10))


def test_turning_a_ratio_turns_its_ends() -> None:
    one = mover.ratio(share(30, 50), share(20, 50))
    other = mover.ratio(share(20, 50), share(30, 50))
    assert one.low == pytest.approx(1.0 / other.high)
    assert one.high == pytest.approx(1.0 / other.low)


def test_perfect_correlation_leaves_no_difference() -> None:
    part = share(30, 50)
    found = mover.difference(part, part, 1.0)
    assert found.high - found.value == pytest.approx(
        abs((part.high - part.value) - (part.value - part.low)), abs=1e-12
    )
    assert mover.difference(part, part, -1.0).low < mover.difference(part, part).low


def test_all_differences_at_once_are_those_of_each_pair() -> None:
    parts = [share(3, 10), share(9, 10), share(20, 20)]
    r = np.array([[1.0, 0.3, 0.0], [0.3, 1.0, -0.2], [0.0, -0.2, 1.0]])
    value, low, high = mover.differences(parts, r)
    for i, j in ((0, 1), (1, 0), (2, 0), (1, 2)):
        one = mover.difference(parts[i], parts[j], float(r[i, j]))
        assert (value[i, j], low[i, j], high[i, j]) == pytest.approx((one.value, *one.bounds))
