"""Gaps of figures of any kind: those of binary figures again, and masks by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from metrics.all_figures import Choices, estimates_of, influence_of
from metrics.arrays import Floats
from metrics.estimate import Estimate
from metrics.gaps.differences import ALWAYS, AT_THRESHOLD, Level, figure_gaps, gaps
from metrics.group import everyone, part_of
from metrics.masks.empty_rules import EmptyRules
from metrics.masks.figures import MaskMeasures, mask_figures, mask_influences
from metrics.masks.measures import measure_pair


@pytest.mark.parametrize("views", [False, True])
def test_binary_figures_have_the_gaps_that_they_had(views: bool) -> None:
    random = np.random.default_rng(6)
    n = 240
    y = random.random(n) < 0.4
    s = 1.0 / (1.0 + np.exp(1.0 - random.standard_normal(n) - 1.5 * y))
    patient = np.arange(n) // 2
    level = np.arange(n) % 2 if views else (np.arange(n) // 2) % 2
    whole = everyone(y, s, patient, n // 2)
    levels = [Level(f"{i}", part_of(whole, level == i), patient[level == i]) for i in (0, 1)]
    choices = Choices(threshold=0.5)
    metrics = (*ALWAYS, *AT_THRESHOLD)
    expected = [
        gap for gap in gaps(levels, 2, None, choices) if gap.metric.removesuffix("_gap") in metrics
    ]

    def figures(place: int, confidence: float) -> Mapping[str, Estimate]:
        return estimates_of(metrics, levels[place].group, choices, [confidence])[0]

    def influences(place: int) -> Mapping[str, Floats]:
        found = {each: influence_of(each, levels[place].group, choices) for each in metrics}
        return {name: moved for name, moved in found.items() if moved is not None}

    found = figure_gaps(levels, 2, None, 0.95, figures, influences)
    assert {(row.metric, row.level): row.estimate for row in found} == {
        (row.metric, row.level): row.estimate for row in expected
    }
    assert len(found) == len(expected) == 2 * len(metrics)


def test_mean_dice_of_two_levels_differs_by_the_difference_of_the_means() -> None:
    random = np.random.default_rng(12)
    base = np.zeros((16, 16), bool)
    base[4:12, 4:12] = True
    pairs = []
    for i in range(60):
        other = base.copy()
        other[4 : 4 + random.integers(0, 3 + 2 * (i % 2))] = False
        pairs.append(measure_pair(base, other, (1.0, 1.0)))
    rules = EmptyRules(both_empty=1.0, false_mask=0.0, missed_mask=0.0)
    measures = MaskMeasures.of(pairs, (), rules)
    whole = everyone(np.ones(60, bool), np.zeros(60), np.arange(60), 60)
    members = [np.arange(60) % 2 == i for i in (0, 1)]
    levels = [
        Level(f"{i}", part_of(whole, member), np.flatnonzero(member))
        for i, member in enumerate(members)
    ]

    def figures(place: int, confidence: float) -> Mapping[str, Estimate]:
        return mask_figures(measures.part(members[place]), levels[place].group, confidence)

    def influences(place: int) -> Mapping[str, Floats]:
        return mask_influences(measures.part(members[place]), levels[place].group)

    rows = figure_gaps(levels, 2, "0", 0.95, figures, influences)
    found = {(row.metric, row.level): row.estimate for row in rows}
    gap = found["mean_dice_gap", "1 - 0"]
    dice = np.array([pair.dice for pair in pairs])
    a, b = (figures(place, 0.95)["mean_dice"] for place in (1, 0))
    assert gap.value is not None
    assert gap.value == pytest.approx(dice[1::2].mean() - dice[::2].mean())
    assert a.value is not None
    assert a.low is not None
    assert b.value is not None
    assert b.high is not None
    # Newcombe's square-and-add of the two levels' own intervals
    assert gap.low == pytest.approx(gap.value - math.hypot(a.value - a.low, b.high - b.value))
    assert ("mean_dice_gap", "max - min") in found
    assert found["false_masks_gap", "max - min"].value is None  # no level has a normal case
