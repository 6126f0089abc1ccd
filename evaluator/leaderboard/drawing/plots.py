"""The charts of a release, each an SVG of its own with a table that says the same."""

from __future__ import annotations

from dataclasses import replace

from evaluator.disclosure.control import Release
from evaluator.disclosure.suppression import JOINT
from evaluator.leaderboard.drawing import curve_charts, group_charts, marks_chart
from evaluator.leaderboard.drawing.chart import Chart
from evaluator.leaderboard.drawing.levels import attributes_of, readable, readable_level

__all__ = ["Chart", "charts", "readable", "readable_level"]


def charts(release: Release, primary: str = "auroc") -> dict[str, Chart]:
    """Every chart that the release supports, by name, in the order in which a report shows them.

    "roc", "precision_recall", "decision", "reliability", "scores", "froc", "forest", "joint_forest"
    and, for each intersection of two attributes, "heat_map", "heat_map_2" and so on. ``primary`` is
    the figure of the forests and heat maps. A chart without a released figure is left out.
    """
    attributes = attributes_of(release)
    single = [name for name in attributes if JOINT not in name]
    joint = [name for name in attributes if JOINT in name]
    found: list[Chart | None] = [
        curve_charts.roc(release),
        curve_charts.precision_recall(release),
        curve_charts.decision(release),
        curve_charts.reliability(release),
        curve_charts.scores(release),
        marks_chart.froc(release),
        group_charts.forest(release, single, "forest", primary),
    ]
    maps = [group_charts.heat_map(release, name, primary) for name in joint]
    for number, chart in enumerate((m for m in maps if m is not None), start=1):
        found.append(chart if number == 1 else replace(chart, name=f"heat_map_{number}"))
    found.append(group_charts.forest(release, joint, "joint_forest", primary))
    return {chart.name: chart for chart in found if chart is not None}
