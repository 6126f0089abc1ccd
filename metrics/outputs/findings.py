"""Figures of several findings a case, each finding on the cases in which it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metrics.arrays import Floats
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import Group
from metrics.outputs.mean_areas import (
    Dichotomy,
    MeanArea,
    area_interval,
    mean_auroc,
    mean_average_precision,
)

MACRO_AUROC = "macro_auroc"
MACRO_PRECISION = "macro_average_precision"
WITH_DATA = "findings_with_data"


def finding_figures(
    targets: Floats,
    scores: Floats,
    group: Group,
    confidence: float,
    names: Sequence[str],
    fewest: int = 1,
) -> dict[str, Estimate]:
    """Macro AUROC, macro average precision, and the share of findings that have data.

    ``targets`` (cases, findings) 1, 0, or NaN where a finding is unknown; ``scores`` (cases,
    findings); both in the order of the cases of ``group``. A finding has data where ``fewest``
    patients with it and ``fewest`` without it are known. A mean is of every finding or is not:
    where one has too few, the mean is insufficient data, because a mean of the others would be
    another figure in each group. The share of findings with data is a count of the design, and has
    no interval. Source: macro average, Manning, Raghavan & Schuetze 2008, chapter 13.
    """
    figures: dict[str, Estimate] = {}
    for name, make in _AREAS.items():
        try:
            area = make(_curves(targets, scores, group, names, fewest), group)
        except UndefinedMetric as reason:
            figures[name] = group.undefined(str(reason))
            continue
        figures[name] = _estimate(area, group, confidence)
    known = _with_data(targets, group, fewest)
    share = float(np.mean(known)) if known else 0.0
    figures[WITH_DATA] = group.estimate(
        share, (None, None), "a count of findings, without interval"
    )
    return figures


def finding_influences(
    targets: Floats, scores: Floats, group: Group, names: Sequence[str], fewest: int = 1
) -> dict[str, Floats]:
    """How far each case (cases,) of a group moves the macro figures; none where undefined."""
    try:
        curves = _curves(targets, scores, group, names, fewest)
        return {name: make(curves, group).influence for name, make in _AREAS.items()}
    except UndefinedMetric:
        return {}


_AREAS: dict[str, Callable[[Sequence[Dichotomy], Group], MeanArea]] = {
    MACRO_AUROC: mean_auroc,
    MACRO_PRECISION: mean_average_precision,
}


def _curves(
    targets: Floats, scores: Floats, group: Group, names: Sequence[str], fewest: int
) -> list[Dichotomy]:
    if targets.shape != scores.shape or targets.shape != (group.y.size, len(names)):
        raise UndefinedMetric(
            f"targets {targets.shape} and scores {scores.shape} must be one table of "
            f"{group.y.size} cases and {len(names)} findings"
        )
    curves = []
    for place, name in enumerate(names):
        positive, negative = _patients(targets[:, place], group)
        if min(positive, negative) < max(1, fewest):
            raise UndefinedMetric(
                f"insufficient data: {name} is known in {positive} patients with it and {negative} "
                f"without it; {max(1, fewest)} of each are needed of every finding"
            )
        rows = np.flatnonzero(~np.isnan(targets[:, place]))
        curves.append(Dichotomy(rows, targets[rows, place] == 1.0, scores[rows, place]))
    return curves


def _with_data(targets: Floats, group: Group, fewest: int) -> list[bool]:
    return [min(_patients(column, group)) >= max(1, fewest) for column in targets.T]


def _patients(target: Floats, group: Group) -> tuple[int, int]:
    """How many patients have a case with, and how many one without, the finding."""
    with_it, without = (np.unique(group.patient[target == value]).size for value in (1.0, 0.0))
    return with_it, without


def _estimate(area: MeanArea, group: Group, confidence: float) -> Estimate:
    try:
        low, high, method = area_interval(area, group, confidence)
    except UndefinedMetric as reason:
        return group.estimate(area.value, (None, None), f"no interval: {reason}")
    return group.estimate(area.value, (low, high), method)
