"""Every figure of ordinal grades of one group, each with its interval.

A model may give an expected grade with decimals. Kappa needs whole grades, so it takes the nearest
one, halves up. Ranks, distances and differences take the grade as it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate, Interval, UndefinedMetric
from metrics.grades import agreement, influences, intervals
from metrics.group import Group


@dataclass(frozen=True, slots=True)
class Graded:
    """Reference and predicted grades (cases,) on the scale from ``lowest`` to ``highest``."""

    reference: Floats
    grade: Floats
    lowest: int
    highest: int

    def part(self, places: Ints) -> Graded:
        """The cases at some places of these."""
        return Graded(self.reference[places], self.grade[places], self.lowest, self.highest)

    @property
    def whole(self) -> Floats:
        """The predicted grades as whole ones, (cases,)."""
        return agreement.nearest_grades(self.grade, self.lowest, self.highest)


def grade_figures(graded: Graded, group: Group, confidence: float) -> dict[str, Estimate]:
    """Every figure of grades by name; one that the data cannot support says why.

    ``quadratic_weighted_kappa`` and ``linear_weighted_kappa`` on the declared scale (Cohen 1968);
    ``prediction_probability`` and ``kendall_tau_b``; ``mean_absolute_error``; ``mean_difference``,
    grade less reference, with ``limit_of_agreement_low`` and ``limit_of_agreement_high`` (Bland &
    Altman 1986).
    """
    a, b = graded.reference, graded.grade
    scale = graded.lowest, graded.highest

    def limits() -> agreement.BlandAltman:
        return agreement.bland_altman(a, b)

    def limit_intervals() -> intervals.BlandAltmanIntervals:
        return intervals.bland_altman_intervals(group, a, b, confidence)

    made: dict[str, tuple[Callable[[], float], Callable[[], Interval]]] = {
        "quadratic_weighted_kappa": (
            lambda: agreement.quadratic_weighted_kappa(a, graded.whole, *scale),
            lambda: intervals.quadratic_weighted_kappa_interval(
                group, a, graded.whole, *scale, confidence
            ),
        ),
        "linear_weighted_kappa": (
            lambda: agreement.linear_weighted_kappa(a, graded.whole, *scale),
            lambda: intervals.linear_weighted_kappa_interval(
                group, a, graded.whole, *scale, confidence
            ),
        ),
        "prediction_probability": (
            lambda: intervals.prediction_probability(a, b),
            lambda: intervals.prediction_probability_interval(group, a, b, confidence),
        ),
        "kendall_tau_b": (
            lambda: agreement.kendall_tau_b(a, b),
            lambda: intervals.kendall_tau_b_interval(group, a, b, confidence),
        ),
        "mean_absolute_error": (
            lambda: agreement.mean_absolute_error(a, b),
            lambda: intervals.mean_absolute_error_interval(group, a, b, confidence),
        ),
        "mean_difference": (lambda: limits().bias, lambda: limit_intervals().bias),
        "limit_of_agreement_low": (lambda: limits().low, lambda: limit_intervals().low),
        "limit_of_agreement_high": (lambda: limits().high, lambda: limit_intervals().high),
    }
    return {name: _estimate(group, *parts) for name, parts in made.items()}


def grade_influences(graded: Graded, group: Group) -> dict[str, Floats]:
    """How far each case (cases,) moves each figure; a figure that is undefined is left out."""
    a, b, whole = graded.reference, graded.grade, graded.whole
    scale = graded.lowest, graded.highest
    found: dict[str, Floats] = {
        "mean_absolute_error": influences.of_mean(np.abs(a - b)),
        "mean_difference": influences.of_mean(b - a),
    }
    if a.size < 2:
        return found
    pairs = influences.pairs_of(a, b)

    def add(name: str, make: Callable[[], Floats]) -> None:
        try:
            found[name] = make()
        except UndefinedMetric:
            return

    add(
        "quadratic_weighted_kappa",
        lambda: influences.of_quadratic_weighted_kappa(
            a, whole, agreement.quadratic_weighted_kappa(a, whole, *scale)
        ),
    )
    add(
        "linear_weighted_kappa",
        lambda: influences.of_linear_weighted_kappa(
            a, whole, *scale, agreement.linear_weighted_kappa(a, whole, *scale)
        ),
    )
    add(
        "prediction_probability",
        lambda: influences.of_prediction_probability(pairs, intervals.prediction_probability(a, b)),
    )
    add(
        "kendall_tau_b",
        lambda: influences.of_kendall_tau_b(pairs, agreement.kendall_tau_b(a, b)),
    )
    deviation = float((b - a).std(ddof=1))
    if deviation > 0.0:
        reach = agreement.REACH * influences.of_deviation(b - a, deviation)
        found["limit_of_agreement_low"] = found["mean_difference"] - reach
        found["limit_of_agreement_high"] = found["mean_difference"] + reach
    return found


def grade_values(graded: Graded) -> dict[str, Floats]:
    """What each case (cases,) counts in the figures that are means."""
    apart = graded.grade - graded.reference
    return {"mean_absolute_error": np.abs(apart), "mean_difference": apart}


def _estimate(
    group: Group, value: Callable[[], float], interval: Callable[[], Interval]
) -> Estimate:
    try:
        found = value()
    except UndefinedMetric as reason:
        return group.undefined(str(reason))
    try:
        low, high, method = interval()
    except UndefinedMetric as reason:
        return group.estimate(found, (None, None), f"no interval: {reason}")
    return group.estimate(found, (low, high), method)
