"""The levels of the looks add up to no more than the study's."""

from __future__ import annotations

import math

import pytest

from metrics.claims.spending import level_of_look


def test_equal_looks_share_the_level() -> None:
    assert [level_of_look(i, 3, 0.025, "equal") for i in (1, 2, 3)] == [0.025 / 3] * 3


def test_decreasing_looks_add_up_to_the_level_without_end() -> None:
    levels = [level_of_look(i, 100_000, 0.025, "decreasing") for i in range(1, 100_001)]
    assert levels[0] == pytest.approx(0.0151982, abs=1e-7)  # 6 / pi^2 of 0.025
    assert levels[1] == levels[0] / 4
    assert math.fsum(levels) < 0.025
    assert math.fsum(levels) == pytest.approx(0.025, rel=1e-4)


@pytest.mark.parametrize("look", [0, 4])
def test_a_look_beyond_the_last_has_no_level(look: int) -> None:
    with pytest.raises(ValueError, match=f"look {look} is asked of 3"):
        level_of_look(look, 3, 0.025, "equal")


def test_another_spending_is_refused() -> None:
    with pytest.raises(ValueError, match="spending is 'halving'"):
        level_of_look(1, 3, 0.025, "halving")
