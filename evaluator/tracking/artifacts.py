"""The files that a run in MLflow keeps: the report, its charts, and every released figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from evaluator.disclosure.control import Release
from evaluator.leaderboard.drawing.plots import charts
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.results import as_mapping
from evaluator.tracking.headline import PART
from submissions.fact_sheet import FactSheet

REPORT, RELEASE, FIGURES, FACT_SHEET = (
    *("report.html", "release.json", "figures.csv"),
    "fact-sheet.json",
)
CHARTS = "charts"
"""The folder of the charts, one SVG each."""

COLUMNS = (
    *("figure", "attribute", "level", "value", "low", "high"),
    *("n_cases", "n_patients", "n_positive", "method", "undefined"),
)


def write(
    folder: Path,
    document: str,
    released: Release,
    primary: str,
    sheet: FactSheet | None,
    exposure: Sequence[str] = (),
) -> None:
    """Write every artifact of a release into a folder."""
    drawn = charts(released, primary)
    page = render_report(
        released, primary=primary, drawn=drawn, fact_sheet=sheet, exposure=exposure
    )
    (folder / REPORT).write_text(page, encoding="utf-8")
    (folder / RELEASE).write_text(document, encoding="utf-8")
    (folder / FIGURES).write_text(figures(released), encoding="utf-8")
    (folder / CHARTS).mkdir()
    for name, chart in drawn.items():
        (folder / CHARTS / f"{name}.svg").write_text(chart.svg, encoding="utf-8")
    if sheet is not None:
        (folder / FACT_SHEET).write_text(sheet.to_json(), encoding="utf-8")


def figures(released: Release) -> str:
    """Every released figure as CSV, a row each; what is undefined says why and has no value."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*COLUMNS, *([PART] if released.parts else [])))
    for part, results in (
        ("", released.results),
        *((each.name, each.results) for each in released.parts),
    ):
        of = [part] if released.parts else []
        for result in results:
            estimate = as_mapping(result.estimate)
            values = ["" if estimate[name] is None else estimate[name] for name in COLUMNS[3:]]
            rows.writerow([result.metric, result.attribute, result.level, *values, *of])
    return text.getvalue()
