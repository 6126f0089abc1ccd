"""What a run in MLflow shows as metrics: a dozen headline figures, and one figure by group.

MLflow draws a chart of its own for each metric and lists them all beside each other, so a thousand
are of no use there. The full figures are the artifacts ``release.json`` and ``figures.csv``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluator.disclosure.control import Release
from evaluator.disclosure.suppression import JOINT, group_figures
from evaluator.leaderboard.board.ranking import worst_group
from evaluator.scoring.results import ALL_LEVELS, OVERALL, Result
from metrics.figure_name import FigureName, Kind
from metrics.gaps.differences import MAX_MIN

HEADLINE = (
    *("auroc", "average_precision", "brier", "calibration_slope", "calibration_in_the_large"),
    *("ece", "sensitivity", "specificity", "ppv", "npv", "net_benefit"),
)
"""Figures over all cases that every run shows where they are released, after the primary one."""

PRIMARY_GAP = "primary_gap"
PRIMARY_GAP_P = "primary_gap_p_adjusted"
WORST_GROUP = "worst_group"
"""Metrics of our own names: what they are of may differ from benchmark to benchmark."""

MOST_OF_TASK = 12
"""Figures of a task with parts that are metrics."""
PART = "part"
"""What stands in place of an attribute in the keys of parts."""
MOST_PARTS = 40
"""Parts of a task whose AUROC is a metric."""

MOST_GROUPS = 24
"""Levels whose primary figure is a metric; the others stand in ``figures.csv``."""


def headline(release: Release, primary: str) -> list[Result]:
    """The figures over all cases, the primary one first."""
    by_metric = {result.metric: result for result in release.results if result.group == OVERALL}
    of_task = [name for name in by_metric if FigureName.read(name).kind is Kind.PLAIN]
    names = dict.fromkeys((primary, *(of_task[:MOST_OF_TASK] if release.task else HEADLINE)))
    return [by_metric[name] for name in names if name in by_metric]


def groups(release: Release, primary: str) -> list[Result]:
    """The primary figure of the first MOST_GROUPS levels, in the order of the plan.

    Intersections are not among them.
    """
    if FigureName.read(primary) not in group_figures(release.results):
        return []
    return [
        result
        for result in release.results
        if result.metric == primary
        and result.group != OVERALL
        and JOINT not in result.attribute
        and result.estimate.value is not None
    ][:MOST_GROUPS]


def parts(release: Release) -> list[Result]:
    """The AUROC of the first MOST_PARTS parts of a task, by the part as by a level."""
    return [
        replace(result, attribute=PART, level=part.name)
        for part in release.parts[:MOST_PARTS]
        for result in part.results
        if result.group == OVERALL and result.metric == "auroc"
    ]


def named(release: Release, primary: str) -> Sequence[tuple[str, Result]]:
    """The primary gap, its test, and the group that is worst off, under names of their own."""
    rows: list[tuple[str, Result]] = []
    if release.declared_gaps:
        metric, attribute = release.declared_gaps[0]
        of = FigureName.read(metric)
        for name, figure, level in (
            (PRIMARY_GAP, of.of_kind(Kind.GAP), MAX_MIN),
            (PRIMARY_GAP_P, of.of_kind(Kind.GAP_P_ADJUSTED), ALL_LEVELS),
        ):
            rows += [
                (name, result)
                for result in release.results
                if result.figure == figure and result.group == (attribute, level)
            ]
    worst = worst_group(release, primary)
    if worst is not None:
        rows.append((WORST_GROUP, worst))
    return rows
