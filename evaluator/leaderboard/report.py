"""Renders the report of one submission: a page of the site, or one file without a network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from evaluator.disclosure.control import Release
from evaluator.disclosure.suppression import JOINT, group_figures
from evaluator.glossary import FIGURES, OPERATING, SECTIONS, Figure, figure
from evaluator.leaderboard import fact_sheet_block, footing
from evaluator.leaderboard.drawing import numbers, plots
from evaluator.leaderboard.gap_rows import gap_sentences
from evaluator.leaderboard.group_tables import group_table
from evaluator.leaderboard.pages import STATIC, environment, named
from evaluator.leaderboard.population import Population, population
from evaluator.leaderboard.ranking import BASELINE_TEAMS
from evaluator.scoring.results import ALL_LEVELS, OVERALL
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from submissions.design.stylesheet import STYLESHEET
from submissions.fact_sheet import FactSheet

PRIMARY = "auroc"
"""What heads a report where no benchmark says otherwise."""
PERCENT = "\N{NO-BREAK SPACE}%"
_SPOKEN_OF = ("sensitivity", "specificity")
BY_GROUP = ("auroc", "sensitivity", "specificity", "brier", "ece", "calibration_slope")
"""Figures beside the primary one in the tables of subgroups."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the table of all figures."""

    figure: Figure
    estimate: Estimate


Drawings = Mapping[str, plots.Drawing | None]


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
    drawn: Drawings | None = None,
    fact_sheet: FactSheet | None = None,
) -> str:
    """Write the report as HTML.

    A standalone report holds its style, its scripts and plotly.js, asks for nothing else and
    forbids itself to; otherwise they come from /static. ``title`` and ``primary``, the figure that
    heads the report and its tables of groups, are the benchmark's; ``drawn`` is what
    :func:`drawings` gave, where somebody has it already.
    """
    attributes = _attributes(release)
    single = [name for name in attributes if JOINT not in name]
    joint = [name for name in attributes if JOINT in name]
    valued = {r.metric for r in release.results if r.estimate.value is not None}
    columns = [metric for metric in BY_GROUP if metric in valued and metric != primary]
    sections = _sections(release)
    drawn = drawings(release, primary) if drawn is None else drawn
    about = population(release)
    curves = [
        c for c in release.curves if (c.name, c.attribute, c.level) == ("reliability", *OVERALL)
    ]
    return (
        environment()
        .get_template("report.html")
        .render(
            release=release,
            title=title or release.benchmark,
            standalone=standalone,
            own=footing.footing(release).own,
            footing=footing.footing(release),
            how=footing.methods(release),
            baseline=release.team.strip().lower() in BASELINE_TEAMS,
            confidence=numbers.percent(release.confidence),
            primary=figure(primary),
            headline=release.find(primary),
            sentences=[*_sentences(release, primary), *gap_sentences(release)],
            population=about,
            contents=_contents(sections, about, single, joint, fact_sheet),
            sections=sections,
            calibration=_calibration(release),
            bins=curves[0].points if curves else (),
            columns=named(columns),
            tables=[group_table(release, name, primary, columns) for name in single],
            intersections=[group_table(release, name, primary, columns) for name in joint],
            **drawn,
            drawings=[drawing for drawing in drawn.values() if drawing is not None],
            methods=_methods(release),
            fact_sheet=fact_sheet_block.fact_sheet_block(fact_sheet),
            provenance=footing.provenance(release),
            **(_inlined(drawn) if standalone else {}),
        )
    )


def _contents(
    sections: Sequence[Section],
    about: Population | None,
    single: Sequence[str],
    joint: Sequence[str],
    fact_sheet: FactSheet | None,
) -> list[tuple[str, str]]:
    """Anchor and heading of each part of the page that there is something for."""
    parts = [
        ("figures", "All figures", bool(sections)),
        ("population", about.heading if about else "", about is not None),
        ("calibration", "Calibration", bool(sections)),
        ("subgroups", "Subgroups", bool(single)),
        ("intersections", "Intersections", bool(joint)),
        ("methods", "Methods", True),
        ("disclosure", "What is withheld", True),
        ("limits", "Limits", True),
        fact_sheet_block.contents(fact_sheet),
        ("provenance", "Provenance", True),
    ]
    return [(anchor, heading) for anchor, heading, there in parts if there]


def _inlined(drawn: Drawings) -> dict[str, object]:
    """Style and scripts of a page that asks for nothing else."""
    return {
        "stylesheet": _own(STYLESHEET),
        "figures_script": _own(STATIC / "figures.js"),
        "plotly": Markup(plots.plotly_javascript()) if any(drawn.values()) else "",
    }


def drawings(release: Release, primary: str = PRIMARY) -> Drawings:
    """The report's figures by name; None where nothing released supports one."""
    attributes = _attributes(release)
    single = [name for name in attributes if JOINT not in name]
    joint = [name for name in attributes if JOINT in name]
    return {
        "roc": plots.roc(release),
        "reliability": plots.reliability(release),
        "forest": plots.forest(release, single, "forest", primary),
        "joint_forest": plots.forest(release, joint, "joint-forest", primary),
    }


def _own(file: Path) -> Markup:
    return Markup(file.read_text(encoding="utf-8"))


def _attributes(release: Release) -> list[str]:
    """Attributes in the order of the plan, those that are withheld whole at the end."""
    shown = (result.attribute for result in release.results)
    hidden = (held.attribute for held in release.withheld)
    return [name for name in dict.fromkeys((*shown, *hidden)) if name != OVERALL[0]]


def _sections(release: Release) -> list[Section]:
    order = {metric: place for place, metric in enumerate(FIGURES)}
    overall = [
        r for r in release.results if r.group == OVERALL and r.figure.kind is not Kind.STANDARDIZED
    ]
    overall.sort(key=lambda result: order.get(result.metric, len(order)))
    found = []
    for name in SECTIONS:
        rows = tuple(
            FigureRow(figure(result.metric), result.estimate)
            for result in overall
            if figure(result.metric).section == name
        )
        if rows:
            found.append(Section(name, rows, name == OPERATING))
    return found


def _sentences(release: Release, primary: str) -> list[str]:
    """The headline in words, for a reader who does not think in areas under curves."""
    cases = f"{release.n_cases} cases of {release.n_patients} patients"
    if release.n_positive is None:
        return [
            f"The cohort of {cases} is too small in one class for any figure to be released "
            f"under the rule of this benchmark."
        ]
    texts = footing.footing(release)
    found = [
        f"Evaluated on {cases}{texts.evaluated}, {release.n_positive} of the cases positive by the "
        f"reference standard."
    ]
    found += _headline(release, primary)
    auroc = release.find("auroc")
    if auroc is not None and auroc.value is not None:
        found.append(
            f"Given one positive and one negative case at random, the model scores the positive "
            f"one higher {_share(auroc)} of the time; a coin would do so 50{PERCENT}."
        )
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if sensitivity and specificity and None not in (sensitivity.value, specificity.value):
        found.append(
            f"At the threshold of {release.threshold:g}{texts.declared} it calls "
            f"{_share(sensitivity)} of the positive cases positive and {_share(specificity)} of "
            f"the negative cases negative."
        )
    return found


def _headline(release: Release, primary: str) -> list[str]:
    """The primary figure in words, where no sentence below speaks of it."""
    estimate, about = release.find(primary), figure(primary)
    if estimate is None or estimate.value is None or primary in ("auroc", *_SPOKEN_OF):
        return []
    said = f"The primary figure, {about.name[:1].lower()}{about.name[1:]}, is "
    said += numbers.value(estimate)
    if estimate.low is not None:
        said += f" ({numbers.interval(estimate)})"
    return [f"{said}. {about.meaning}".rstrip()]


def _share(estimate: Estimate) -> str:
    if estimate.value is None:
        return numbers.DASH
    said = f"{100 * estimate.value:.0f}{PERCENT}"
    if estimate.low is None or estimate.high is None:
        return said
    return f"{said} ({100 * estimate.low:.0f} to {100 * estimate.high:.0f}{PERCENT})"


def _calibration(release: Release) -> list[str]:
    """Read slope and calibration in the large off their intervals, and claim no more."""
    found = []
    slope = release.find("calibration_slope")
    if slope is not None and slope.value is not None and slope.low is not None:
        if slope.high is not None and slope.high < 1:
            said = "predictions are too extreme: high ones too high, low ones too low"
        elif slope.low > 1:
            said = "predictions are too timid: they spread less than the outcomes do"
        else:
            said = "compatible with 1, the slope of a calibrated model"
        found.append(
            f"Calibration slope {numbers.value(slope)} ({numbers.interval(slope)}): {said}."
        )
    large = release.find("calibration_in_the_large")
    if large is not None and large.value is not None and large.low is not None:
        if large.low > 0:
            said = "on average, risk is underestimated in this cohort"
        elif large.high is not None and large.high < 0:
            said = "on average, risk is overestimated in this cohort"
        else:
            said = "compatible with 0, no average error"
        found.append(
            f"Calibration in the large {numbers.value(large)} ({numbers.interval(large)}): {said}. "
            f"It moves with prevalence, {footing.of_prevalence(release)}."
        )
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
