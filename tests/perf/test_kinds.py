"""The study of tests of other kinds of figures: what it draws, and what it found."""

from __future__ import annotations

import numpy as np
import pytest

from perf import kinds
from perf.coverage import study


@pytest.mark.parametrize("measure", kinds.MEASURES, ids=lambda measure: str(measure.name))
def test_the_means_of_a_class_are_equal_in_every_level(measure: kinds.Measure) -> None:
    random = np.random.default_rng(3)
    n = 60_000
    level = np.repeat([0, 1, 2], n // 3)
    for positive in (False, True):
        y = np.full(n, positive)
        values = measure.draw(random.random(n), level, y)
        kept = ~np.isnan(values)
        means = [float(values[kept & (level == g)].mean()) for g in range(3) if kept.any()]
        spread = float(values[kept].std()) if kept.any() else 0.0
        assert np.ptp(means or [0.0]) < 5.0 * spread / np.sqrt(n / 3) + 1e-12


def test_differences_were_seldom_found_where_there_is_none() -> None:
    kept = study.read(kinds.KEPT)
    assert {cell.name for cell in kinds.all_cells()} == set(kept)
    assert min(each.runs for each in kept.values()) == 2_000
    refused = {name for name in kept if "refused" in name}
    assert min(kinds.found(kept[name]) for name in refused) > 0.08
    shares = [kinds.found(each) for name, each in kept.items() if name not in refused]
    assert max(shares) < 0.075
    assert 0.03 < float(np.mean(shares)) < 0.06
