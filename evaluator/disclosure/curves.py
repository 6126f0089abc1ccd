"""Chooses and rounds the points of curves that leave: rules 6, 7 and 9 of ``disclosure``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evaluator.disclosure.rounding import decimals, few_rounded, nearest, outward, plain
from evaluator.disclosure.rule import ROC_STEPS, Disclosure
from evaluator.disclosure.suppression import Counts
from evaluator.scoring.results import OVERALL, CurvePoint, Evaluation


def on_grid(points: Sequence[CurvePoint], counts: Counts, rule: Disclosure) -> list[CurvePoint]:
    """Keep the points on the finest grid whose every step rests on enough negative cases."""
    least = max(rule.roc_step, rule.minimum_cell / max(counts.n_negative, 1))
    step = next((step for step in ROC_STEPS if step >= least - 1e-9), None)
    if step is None:
        return []
    points_shown = [point for point in points if abs(point.x / step - round(point.x / step)) < 1e-6]
    if rule.minimum_cell == 1:
        return points_shown
    return [_resting_on_enough(point, counts, rule.minimum_cell) for point in points_shown]


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
    large = by_size[len(dropped) :]
    while (
        dropped
        and large
        and (len(dropped) == 1 or sum(point.n for point in dropped) < rule.minimum_cell)
    ):
        dropped.append(large.pop(0))
    return sorted(large, key=lambda point: point.x)


@dataclass(frozen=True, slots=True)
class Cut:
    """A place in the order of the scores: how many cases of each class lie above it."""

    positive: float
    negative: float

    def between(self, other: Cut) -> tuple[float, float]:
        """Positive and negative cases that lie between two cuts."""
        return abs(self.positive - other.positive), abs(self.negative - other.negative)


def decision_cut(point: CurvePoint, n_cases: int) -> Cut:
    """Where a threshold cuts the cases, solved from its net benefit and number of calls.

    With w = t / (1 - t): n = TP + FP calls, and net benefit x N = TP - w FP.
    """
    weight = point.x / (1.0 - point.x)
    positive = (point.y * n_cases + weight * point.n) / (1.0 + weight)
    return Cut(round(positive), point.n - round(positive))


def spaced_thresholds(evaluation: Evaluation, rule: Disclosure) -> list[CurvePoint]:
    """Points of the decision curve from which no cell under the minimum can be worked out.

    Of the classes, each cell between two thresholds that a reader knows, and beyond them, holds
    the minimum: those shown, and the submission's own. Of cases, so does each cell between a
    threshold and the other cuts that leave: the grid of the ROC curve, the edges of the bins.
    """
    points = _overall(evaluation, "decision")
    if rule.minimum_cell == 1:
        return list(points)
    n, n_positive = evaluation.n_cases, evaluation.n_positive
    ends = [Cut(0, 0), Cut(n_positive, n - n_positive)]
    known = list(_own_threshold(evaluation))
    others = [*_roc_cuts(evaluation), *_bin_cuts(evaluation)]
    spaced = []
    for point in points:
        cut = decision_cut(point, n)
        apart = all(min(cut.between(end)) >= rule.minimum_cell for end in ends)
        apart = apart and all(_far(min(cut.between(one)), cut, one, rule) for one in known)
        if apart and all(_far(sum(cut.between(one)), cut, one, rule) for one in others):
            spaced.append(point)
            known.append(cut)
    return spaced


def _far(cases: float, cut: Cut, other: Cut, rule: Disclosure) -> bool:
    """Whether enough cases lie between two cuts; one and the same cut tells nothing new."""
    return cases >= rule.minimum_cell - 1e-9 or max(cut.between(other)) < 1e-9


def _overall(evaluation: Evaluation, name: str) -> tuple[CurvePoint, ...]:
    for curve in evaluation.curves:
        if (curve.name, curve.attribute, curve.level) == (name, *OVERALL):
            return curve.points
    return ()


def _own_threshold(evaluation: Evaluation) -> Iterator[Cut]:
    """The cut of the threshold of the submission, whose rates are released."""
    rates = {r.metric: r.estimate.value for r in evaluation.results if r.group == OVERALL}
    hit, right = rates.get("sensitivity"), rates.get("specificity")
    if hit is not None and right is not None:
        n_negative = evaluation.n_cases - evaluation.n_positive
        yield Cut(round(hit * evaluation.n_positive), round((1.0 - right) * n_negative))


def _roc_cuts(evaluation: Evaluation) -> Iterator[Cut]:
    n_negative = evaluation.n_cases - evaluation.n_positive
    for point in _overall(evaluation, "roc"):
        yield Cut(point.y * evaluation.n_positive, point.x * n_negative)


def _bin_cuts(evaluation: Evaluation) -> Iterator[Cut]:
    positive = negative = 0
    for point in sorted(_overall(evaluation, "reliability"), key=lambda p: -p.x):
        positive += round(point.y * point.n)
        negative += point.n - round(point.y * point.n)
        yield Cut(positive, negative)


def rounded_point(
    point: CurvePoint, counts: Counts, rule: Disclosure, evaluation: Evaluation, most: int = 3
) -> CurvePoint:
    """Round a point as figures are rounded, to ``most`` decimals at most."""
    digits = decimals(
        point.low,
        point.high,
        min(point.n or counts.n_cases, counts.n_cases),
        confidence=evaluation.confidence,
        most=min(rule.maximum_digits, most),
    )
    return CurvePoint(
        x=plain(round(point.x, 3)),
        y=plain(round(point.y, digits)),
        low=outward(point.low, digits, math.floor),
        high=outward(point.high, digits, math.ceil),
        n=nearest(point.n, rule.count_step),
    )
