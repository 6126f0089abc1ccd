"""How many inputs a network is given at once: 16 of 256 x 256 pixels, by hand for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from baselines.container.predict import at_once


@pytest.mark.parametrize(
    ("card", "number"),
    [
        ({"size": 96}, 16),
        ({"size": 512}, 4),
        ({"size": 1024, "depth": 0}, 1),
        ({"size": 64, "depth": 32}, 8),
        ({"size": 512, "depth": 32}, 1),
    ],
)
def test_large_inputs_come_in_small_batches(card: dict[str, Any], number: int) -> None:
    assert at_once(card) == number
