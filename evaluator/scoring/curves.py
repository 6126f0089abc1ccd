"""ROC, reliability and decision curves of a group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import OVERALL, Curve, CurvePoint
from metrics.calibration import errors
from metrics.discrimination import curves as discrimination
from metrics.estimate import UndefinedMetric
from metrics.group import Group
from metrics.operating_points import intervals
from metrics.resampling import replicates

ROC_GRID = np.linspace(0.0, 1.0, 41)
"""False positive rates at which ROC curves are given; never one step a case."""

ROC_BAND_REPLICATES = 512
"""The most replicates that the pointwise band of the overall ROC curve uses."""

ROC_BAND_CASES = 50_000_000
"""Cases times replicates of the band; a large cohort has a narrow one and needs fewer."""

RELIABILITY_BINS = 10

DECISION_GRID = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9),
)
"""Thresholds at which the net benefit of all cases is given."""


def curves_of(
    group: Group,
    of: tuple[str, str],
    plan: AnalysisPlan,
    *,
    with_band: bool,
    calibrated: bool,
    threads: int | None,
) -> Iterator[Curve]:
    """The curves of a group, which is called by the attribute and level ``of``.

    ``with_band`` gives the ROC curve a pointwise band, if the plan has replicates; scores that are
    not ``calibrated`` probabilities have no reliability diagram. ``threads`` changes no bit.
    """
    heights = discrimination.roc_sensitivities(group.y, group.s, ROC_GRID)
    low: Sequence[float | None] = [None] * ROC_GRID.size
    high = low
    if plan.replicates and with_band:
        low, high = _band(group, plan, threads)
    points = zip(ROC_GRID.tolist(), heights.tolist(), low, high, strict=True)
    n = group.y.size
    roc = tuple(CurvePoint(x, height, below, above, n) for x, height, below, above in points)
    yield Curve("roc", *of, roc)
    if calibrated:
        yield Curve("reliability", *of, tuple(_reliability(group, plan)))
        if of == OVERALL:
            yield Curve("decision", *of, tuple(_decision(group, plan.confidence)))


def _band(group: Group, plan: AnalysisPlan, threads: int | None) -> tuple[list[float], list[float]]:
    """Pointwise ends of the overall ROC curve, from replicates of the cohort."""
    cases = replicates.ranked(group.y, group.s, 2)
    drawn = replicates.units(group.y, group.patient, group.n_patients, stratified=group.fixed)
    heights = replicates.replicate_roc(
        cases,
        drawn,
        replicates.walk(cases, None, None),
        ROC_GRID,
        replicates=min(
            plan.replicates, ROC_BAND_REPLICATES, max(128, ROC_BAND_CASES // group.y.size)
        ),
        seed=plan.seed,
        threads=threads,
    ).heights
    tail = (1.0 - plan.confidence) / 2.0
    low, high = np.nanquantile(heights, [tail, 1.0 - tail], axis=1)
    return low.tolist(), high.tolist()


def _reliability(group: Group, plan: AnalysisPlan) -> Iterator[CurvePoint]:
    n_bins = max(2, min(RELIABILITY_BINS, group.y.size // plan.minimum_cases))
    member = errors.mass_bin_of(group.s, np.ones(group.s.size), n_bins)
    for number in range(n_bins):
        inside = member == number
        if not inside.any():
            continue
        share = intervals.rate(group, inside, group.y, plan.confidence)
        predicted = float(group.s[inside].mean())
        yield CurvePoint(predicted, share.value, *share.bounds, int(inside.sum()))


def _decision(group: Group, confidence: float) -> Iterator[CurvePoint]:
    """Net benefit by threshold (Vickers & Elkin 2006); ``n`` counts the cases called positive."""
    for threshold in DECISION_GRID:
        try:
            table = intervals.table_of(group, threshold, confidence)
            benefit = intervals.makers(threshold, (), group.prevalence)["net_benefit"](table)
        except UndefinedMetric:
            continue
        if benefit.value is not None:
            n = round(table.counts.tp + table.counts.fp)
            yield CurvePoint(threshold, benefit.value, benefit.low, benefit.high, n)
