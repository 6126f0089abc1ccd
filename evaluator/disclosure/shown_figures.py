"""What leaves of figures and curves once the groups that may not be shown are known.

Steps 4 to 6 of the rule that heads ``evaluator/disclosure/control.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from evaluator.disclosure.curves import large_bins, on_grid, rounded_point, spaced_thresholds
from evaluator.disclosure.rounding import (
    INSUFFICIENT,
    decimals,
    few_rounded,
    nearest,
    outward,
    plain,
    without_counts,
    without_prevalence,
)
from evaluator.disclosure.suppression import Counts, Group, group_figures
from evaluator.scoring.results import ALL_LEVELS, OVERALL, Curve, Evaluation, Result, concerns
from metrics.estimate import Estimate
from metrics.figure_name import AT_SENSITIVITY, AT_SPECIFICITY, PARTIAL_AUROC, FigureName, Kind

if TYPE_CHECKING:
    from evaluator.disclosure.rule import Disclosure

_PARTS_OF_ROC = (AT_SPECIFICITY, AT_SENSITIVITY, PARTIAL_AUROC)


def shown_results(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    hidden: Collection[Group],
    rule: Disclosure,
) -> Iterator[Result]:
    """Yield the results of shown groups, rounded, and the comparisons that touch no hidden one."""
    valued = {result.group for result in evaluation.results if result.estimate.value is not None}
    # A comparison over all levels would show the value of a hidden one that took part in it.
    tainted = {attribute for attribute, level in hidden if (attribute, level) in valued}
    own = group_figures(evaluation.results)
    for result in evaluation.results:
        group = result.group
        if result.figure not in own:
            named = [
                level
                for attribute, level in groups
                if attribute == result.attribute and concerns(result.level, level)
            ]
            if any((result.attribute, level) in hidden for level in named):
                continue
            if len(named) < 2 and result.attribute in tainted:
                continue
            shown = _rounded(result.estimate, rule, evaluation, whole=False)
            if result.level == ALL_LEVELS:
                shown = replace(shown, value=_p_rounded_up(result.estimate.value, rule))
            yield replace(result, estimate=shown)
        elif group not in hidden:
            whole = group == OVERALL
            estimate = _without_few(result.figure, result.estimate, rule.minimum_cell)
            shown = _rounded(estimate, rule, evaluation, whole=whole)
            if result.figure.kind is Kind.STANDARDIZED and rule.count_step > 1:
                method = re.sub(r" \(\d+\)|, \d+ effective patients", "", shown.method)
                shown = replace(shown, method=method, undefined=without_counts(shown.undefined))
            yield replace(result, estimate=shown)


def _p_rounded_up(p: float | None, rule: Disclosure) -> float | None:
    """Round a p-value away from 0, so that rounding calls no gap that the test did not."""
    return outward(p, max(rule.maximum_digits, 3), math.ceil)


def _without_few(figure: FigureName, estimate: Estimate, minimum: int) -> Estimate:
    """Treat a figure read off a part of the ROC curve by what the curve itself is held to."""
    if figure.kind is not Kind.PLAIN or figure.base not in _PARTS_OF_ROC:
        return estimate
    if estimate.value is None or minimum == 1:
        return estimate
    positive, negative = estimate.n_positive, estimate.n_cases - estimate.n_positive
    swapped = figure.base == AT_SENSITIVITY
    across, up = (positive, negative) if swapped else (negative, positive)
    at = [float(text) for text in figure.at]
    partial = figure.base == PARTIAL_AUROC
    part = at[1] - at[0] if partial else min(at[0], 1.0 - at[0])
    if part * across < minimum - 1e-9:
        return replace(estimate, value=None, low=None, high=None, undefined=INSUFFICIENT)
    if partial:
        return estimate
    value, low, high = few_rounded((estimate.value, estimate.low, estimate.high), up, minimum)
    return replace(estimate, value=value, low=low, high=high)


def _rounded(
    estimate: Estimate, rule: Disclosure, evaluation: Evaluation, *, whole: bool
) -> Estimate:
    step = 1 if whole else rule.count_step
    if estimate.value is not None and not math.isfinite(estimate.value):
        estimate = replace(estimate, value=None, low=None, high=None, undefined="not finite")
    digits = decimals(
        estimate.low,
        estimate.high,
        estimate.n_cases,
        confidence=evaluation.confidence,
        most=rule.maximum_digits,
    )
    return replace(
        estimate,
        value=None if estimate.value is None else plain(round(estimate.value, digits)),
        low=outward(estimate.low, digits, math.floor),
        high=outward(estimate.high, digits, math.ceil),
        n_cases=nearest(estimate.n_cases, step),
        n_patients=nearest(estimate.n_patients, step),
        n_positive=nearest(estimate.n_positive, step),
        method=estimate.method if whole else without_prevalence(estimate.method),
        undefined=estimate.undefined if whole else without_counts(estimate.undefined),
    )


def shown_curves(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    hidden: Collection[Group],
    rule: Disclosure,
) -> Iterator[Curve]:
    """Yield the curves of shown groups, coarsened; a curve with no point left is dropped."""
    everyone = Counts(evaluation.n_cases, evaluation.n_patients, evaluation.n_positive)
    for curve in evaluation.curves:
        group = (curve.attribute, curve.level)
        if group in hidden or (group != OVERALL and group not in groups):
            continue
        counts = everyone if group == OVERALL else groups[group]
        if curve.name == "roc":
            points = on_grid(curve.points, counts, rule)
        elif curve.name == "reliability":
            points = large_bins(curve.points, rule)
        elif curve.name == "decision" and group == OVERALL:
            points = spaced_thresholds(evaluation, rule)
        else:
            continue
        if points:
            # Net benefits of a rare finding are small, and the rule of the curve needs no rounding.
            most = rule.maximum_digits if curve.name == "decision" else 3
            shown = tuple(rounded_point(point, counts, rule, evaluation, most) for point in points)
            yield replace(curve, points=shown)
