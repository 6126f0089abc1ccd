from __future__ import annotations

import pytest

from submissions.stage_times import coarse


@pytest.mark.parametrize(
    ("exact", "told"),
    [(0.0, 1), (0.3, 1), (1.0, 1), (1.001, 2), (2.0, 2), (63.9, 64), (64.0, 64), (65.0, 128)],
)
def test_a_team_is_told_the_next_power_of_two(exact: float, told: int) -> None:
    assert coarse(exact) == told
