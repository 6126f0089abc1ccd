"""Chooses and rounds the points of curves that leave: rules 6 and 7 of ``disclosure``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evaluator.disclosure.rounding import decimals, few_rounded, nearest, outward, plain
from evaluator.disclosure.rule import ROC_STEPS, Disclosure
from evaluator.disclosure.suppression import Counts
from evaluator.scoring.results import CurvePoint, Evaluation


def on_grid(points: Sequence[CurvePoint], counts: Counts, rule: Disclosure) -> list[CurvePoint]:
    """Keep the points on the finest grid whose every step rests on enough negative cases."""
    least = max(rule.roc_step, rule.minimum_cell / max(counts.n_negative, 1))
    step = next((step for step in ROC_STEPS if step >= least - 1e-9), None)
    if step is None:
        return []
    kept = [point for point in points if abs(point.x / step - round(point.x / step)) < 1e-6]
    if rule.minimum_cell == 1:
        return kept
    return [_resting_on_enough(point, counts, rule.minimum_cell) for point in kept]


def _resting_on_enough(point: CurvePoint, counts: Counts, minimum: int) -> CurvePoint:
    for end in (0.0, 1.0):
        if abs(point.x - end) * counts.n_negative < minimum - 1e-9:
            low, high = (None if bound is None else end for bound in (point.low, point.high))
            return replace(point, x=end, y=end, low=low, high=high)
    y, low, high = few_rounded((point.y, point.low, point.high), counts.n_positive, minimum)
    return replace(point, y=y, low=low, high=high)


def large_bins(points: Sequence[CurvePoint], rule: Disclosure) -> list[CurvePoint]:
    """Drop bins under the minimum, and the next smallest while what is dropped could be derived."""
    by_size = sorted(points, key=lambda point: point.n)
    dropped = [point for point in by_size if point.n < rule.minimum_cell]
    kept = by_size[len(dropped) :]
    while (
        dropped
        and kept
        and (len(dropped) == 1 or sum(point.n for point in dropped) < rule.minimum_cell)
    ):
        dropped.append(kept.pop(0))
    return sorted(kept, key=lambda point: point.x)


def rounded_point(
    point: CurvePoint, counts: Counts, rule: Disclosure, evaluation: Evaluation
) -> CurvePoint:
    """Round a point as figures are rounded, to three decimals at most."""
    digits = decimals(
        point.low,
        point.high,
        min(point.n or counts.n_cases, counts.n_cases),
        confidence=evaluation.confidence,
        most=min(rule.maximum_digits, 3),
    )
    return CurvePoint(
        x=plain(round(point.x, 3)),
        y=plain(round(point.y, digits)),
        low=outward(point.low, digits, math.floor),
        high=outward(point.high, digits, math.ceil),
        n=nearest(point.n, rule.count_step),
    )
