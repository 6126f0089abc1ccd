"""Renders the report of one submission: a page of the site, or one file without a network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from evaluator.disclosure.control import Release
from evaluator.disclosure.suppression import JOINT, group_figures
from evaluator.feedback_choice import told_how
from evaluator.glossary import FIGURES, OPERATING, SECTIONS, Figure, figure, named
from evaluator.leaderboard.board.ranking import is_baseline
from evaluator.leaderboard.drawing import numbers, released_points
from evaluator.leaderboard.drawing.levels import attributes_of
from evaluator.leaderboard.drawing.palette import in_the_dark
from evaluator.leaderboard.drawing.plots import Chart, charts
from evaluator.leaderboard.reports import fact_sheet_block, footing, parts_block, verdict_block
from evaluator.leaderboard.reports.findings import calibration_in_words, findings
from evaluator.leaderboard.reports.gap_rows import declared_gaps, how_tested
from evaluator.leaderboard.reports.group_tables import GroupTable, group_table
from evaluator.leaderboard.reports.population import Population, population
from evaluator.leaderboard.templating.environment import STATIC, environment
from evaluator.scoring.results import ALL_LEVELS, OVERALL
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from submissions.design.stylesheet import STYLESHEET
from submissions.fact_sheet import FactSheet

PRIMARY = "auroc"
"""What heads a report where no benchmark says otherwise."""
RATES = ("sensitivity", "specificity", "ppv", "npv")
"""Figures under the 2 x 2 table."""
BY_GROUP = ("auroc", "sensitivity", "specificity", "brier", "ece", "calibration_slope")
"""Figures beside the primary one in the tables of subgroups."""
MOST_BESIDE = 5
"""So many figures of a task with parts stand there: a laptop has room for no more."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the table of all figures."""

    figure: Figure
    estimate: Estimate
    value: str


def _row(metric: str, estimate: Estimate) -> FigureRow:
    """A p-value that rounding left nothing of is under a thousandth, and not 0."""
    text = numbers.value(estimate)
    if metric.endswith("_p"):
        text = numbers.p_value(estimate).removeprefix("p ").removeprefix("= ")
    return FigureRow(figure(metric), estimate, text)


@dataclass(frozen=True, slots=True)
class Section:
    """Figures of one kind."""

    name: str
    rows: tuple[FigureRow, ...]
    threshold: bool


def render_report(
    release: Release,
    *,
    title: str = "",
    primary: str = PRIMARY,
    standalone: bool = True,
    drawn: Mapping[str, Chart] | None = None,
    fact_sheet: FactSheet | None = None,
    exposure: Sequence[str] = (),
    digest: str = "",
    part: str = "",
) -> str:
    """Write the report as HTML; that of one ``part`` of a task where it is named.

    A standalone report holds its style and its script, asks for nothing else and forbids itself
    to; otherwise they come from /static. ``title`` and ``primary``, the figure that heads the
    report and its tables of groups, are the benchmark's; ``drawn`` is what
    :func:`~evaluator.leaderboard.drawing.plots.charts` gave, where somebody has it already.
    ``exposure`` says in sentences how often the cohort was looked at. ``digest`` is the release's,
    where it is known.
    """
    whole = release
    if part:
        release, primary = release.of_part(part), parts_block.AREA
    drawn = charts(release, primary) if drawn is None else drawn
    return (
        environment()
        .get_template("report.html")
        .render(
            release=release,
            part=part,
            whole=parts_block.heading_of(whole.task) if part else "",
            task_parts=parts_block.parts_block(
                release, confidence=numbers.percent(release.confidence), linked=not standalone
            ),
            title=title or release.benchmark,
            standalone=standalone,
            baseline=is_baseline(release.team),
            confidence=numbers.percent(release.confidence),
            primary=figure(primary),
            headline=release.find(primary),
            findings=findings(release, primary, whole if part else None),
            gaps_tested=how_tested(release, whole if part else None),
            exposure=exposure,
            charts=drawn,
            fact_sheet=fact_sheet_block.fact_sheet_block(fact_sheet),
            verdict=verdict_block.verdict_block(release.verdict),
            **_words(release, digest),
            **_parts(release, primary, drawn, fact_sheet),
            **(inlined() if standalone else {}),
        )
    )


def _words(release: Release, digest: str) -> dict[str, object]:
    """What the report says of how its figures came about."""
    texts = footing.footing(release)
    return {
        "own": texts.own,
        "footing": texts,
        "how": footing.methods(release),
        "methods": _methods(release),
        "provenance": footing.provenance(release, digest),
        "told_how": told_how(release.rule),
    }


def _parts(
    release: Release, primary: str, drawn: Mapping[str, Chart], fact_sheet: FactSheet | None
) -> dict[str, object]:
    """The tables of the report, and the list of its parts."""
    valued = {r.metric for r in release.results if r.estimate.value is not None}
    columns = [metric for metric in BY_GROUP if metric in valued and metric != primary]
    if release.task:
        columns = of_task(release, primary)
    tables = [group_table(release, name, primary, columns) for name in attributes_of(release)]
    sections, about = _sections(release), population(release)
    calls, calibration = released_points.calls(release), calibration_in_words(release)
    parts = {
        "discrimination": "roc" in drawn,
        "marks": "froc" in drawn,
        "threshold": calls is not None or "decision" in drawn,
        "calibration": bool(calibration) or "reliability" in drawn,
    }
    return {
        "contents": [
            *([verdict_block.contents(release.verdict)[:2]] if release.verdict else []),
            *(
                [(parts_block.ANCHOR, parts_block.heading_of(release.task))]
                if release.parts
                else []
            ),
            *_contents(sections, about, tables, parts, fact_sheet),
        ],
        "parts": parts,
        "sections": sections,
        "population": about,
        "calls": calls,
        "rates": [_row(name, found) for name in RATES if (found := release.find(name))],
        "calibration": calibration,
        "gaps": declared_gaps(release),
        "columns": named(columns),
        "tables": [table for table in tables if JOINT not in table.attribute],
        "intersections": [table for table in tables if JOINT in table.attribute],
    }


def of_task(release: Release, primary: str) -> list[str]:
    """The figures of a task as a whole that stand beside its primary one in tables of groups."""
    found = dict.fromkeys(
        result.metric
        for result in release.results
        if result.group == OVERALL
        and result.figure.kind is Kind.PLAIN
        and result.estimate.value is not None
    )
    return [metric for metric in found if metric != primary][:MOST_BESIDE]


def _contents(
    sections: Sequence[Section],
    about: Population | None,
    tables: Sequence[GroupTable],
    charted: Mapping[str, bool],
    fact_sheet: FactSheet | None,
) -> list[tuple[str, str]]:
    """Anchor and heading of each part of the page that there is something for."""
    joint = [table for table in tables if JOINT in table.attribute]
    found = [
        ("discrimination", "Discrimination", charted["discrimination"]),
        ("marks", "Marks", charted["marks"]),
        ("threshold", "At the threshold", charted["threshold"]),
        ("calibration", "Calibration", charted["calibration"]),
        ("subgroups", "Subgroups", len(tables) > len(joint)),
        ("intersections", "Intersections", bool(joint)),
        ("figures", "All figures", bool(sections)),
        ("population", about.heading if about else "", about is not None),
        ("disclosure", "What is withheld", True),
        ("limits", "Limits", True),
        fact_sheet_block.contents(fact_sheet),
        ("provenance", "Provenance", True),
        ("methods", "Appendix: methods", True),
    ]
    return [(anchor, heading) for anchor, heading, there in found if there]


@cache
def inlined() -> dict[str, object]:
    """Style and script of a page that asks for nothing else, and the policy that allows these."""
    sheets = (path.read_text("utf-8") for path in (STYLESHEET, STATIC / "report.css"))
    style = _squeezed("".join((*sheets, in_the_dark())))
    script = (STATIC / "figures.js").read_text(encoding="utf-8").strip()
    return {
        "stylesheet": Markup(style),
        "figures_script": Markup(script),
        "policy": f"default-src 'none'; script-src {_hashed(script)}; style-src {_hashed(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
    }


def _squeezed(sheet: str) -> str:
    """A style sheet without comments and without the white space that only people read."""
    plain = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", plain).strip()


def _hashed(text: str) -> str:
    """What a content policy calls an element that holds ``text``."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sections(release: Release) -> list[Section]:
    order = {metric: place for place, metric in enumerate(FIGURES)}
    overall = [
        r for r in release.results if r.group == OVERALL and r.figure.kind is not Kind.STANDARDIZED
    ]
    overall.sort(key=lambda result: order.get(result.metric, len(order)))
    found = []
    for name in SECTIONS:
        rows = tuple(
            _row(result.metric, result.estimate)
            for result in overall
            if figure(result.metric).section == name
        )
        if rows:
            found.append(Section(name, rows, name == OPERATING))
    return found


def _methods(release: Release) -> list[tuple[str, str]]:
    """Interval methods by name, each with the figures that it serves."""
    by_method: dict[str, dict[str, None]] = {}
    whole = group_figures(release.results)
    for result in release.results:
        estimate = result.estimate
        if estimate.value is None or estimate.method in ("", "none"):
            continue
        if result.group == OVERALL:
            by_method.setdefault(estimate.method, {})[_short(result.figure)] = None
        elif result.figure not in whole:
            kind = "Tests of gaps" if result.level == ALL_LEVELS else "Comparisons of levels"
            by_method.setdefault(_without_counts(estimate.method), {})[kind] = None
    return [(", ".join(names), method) for method, names in by_method.items()]


def _short(name: FigureName) -> str:
    weighted = " (weighted)" if name.kind is Kind.STANDARDIZED else ""
    return figure(str(name.plain)).short + weighted


def _without_counts(method: str) -> str:
    """Cut what differs from one comparison to the next, so that a method is listed once."""
    method = re.sub(r"; levels: \d+ of \d+", "", method)
    return re.sub(r"(?<=simultaneous over) \d+ differences?", " the differences", method)
