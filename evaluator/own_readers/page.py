"""Renders a reader study as one HTML file that asks for nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evaluator.glossary import Figure, figure
from evaluator.leaderboard.drawing import bars, numbers
from evaluator.leaderboard.reports.report import inlined
from evaluator.leaderboard.templating.environment import environment
from evaluator.readers import words
from evaluator.readers.study import FigureStudy, ReadersReport
from metrics.estimate import Estimate
from metrics.readers.obuchowski_rockette import Finding, Spread


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a name, a value with its interval, a bar, degrees of freedom and a p-value."""

    name: str
    value: str
    interval: str
    bar: Markup
    freedom: str
    p: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows on one axis."""

    axis: Markup
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One figure of the study."""

    key: str
    figure: Figure
    sentences: tuple[str, ...]
    means: Table
    differences: Table
    model: Table
    readers: tuple[tuple[str, tuple[str, ...]], ...]
    secondary: tuple[tuple[str, str, Table], ...]
    method: str


def render_page(report: ReadersReport) -> str:
    """The page of a study."""
    return (
        environment()
        .get_template("readers.html")
        .render(
            standalone=True,
            report=report,
            confidence=numbers.percent(report.asked.confidence),
            sections=[_section(each, report) for each in report.figures],
            modalities=[name or "all reads" for name in report.modalities],
            **inlined(),
        )
    )


def _section(study: FigureStudy, report: ReadersReport) -> Section:
    sentences = tuple(words.findings(study, report))
    named = figure(study.figure)
    result = study.result
    if result is None:
        none = Table(Markup(""), ())
        return Section(
            key=study.figure,
            figure=named,
            sentences=sentences,
            means=none,
            differences=none,
            model=none,
            readers=(),
            secondary=(),
            method="",
        )
    values = result.values.T.tolist()
    return Section(
        key=study.figure,
        figure=named,
        sentences=sentences,
        means=_means(result.finding, report),
        differences=_differences(result.finding, report),
        model=_model(study, report),
        readers=tuple(
            (reader, tuple(f"{value:.3f}" for value in row))
            for reader, row in zip(report.readers, values, strict=True)
        ),
        secondary=tuple(
            (each.generalises_to, words.HOLDS_FOR[each.generalises_to], _differences(each, report))
            for each in (result.fixed_readers, result.fixed_cases)
            if each.differences
        ),
        method=words.method(study),
    )


def _means(finding: Finding, report: ReadersReport) -> Table:
    names = [name or "mean reader" for name in report.modalities]
    return _table(zip(names, finding.means, [""] * len(names), strict=True))


def _differences(finding: Finding, report: ReadersReport) -> Table:
    rows = [
        (
            f"{report.modalities[each.one]} less {report.modalities[each.other]}",
            each.spread,
            words.p_value(each.p),
        )
        for each in finding.differences
    ]
    return _table(rows, reference=0.0)


def _model(study: FigureStudy, report: ReadersReport) -> Table:
    rows: list[tuple[str, Spread, str]] = []
    for name, against in zip(report.modalities, study.model, strict=False):
        of = f", {name}" if name else ""
        rows.append((f"model less mean reader{of}", against.difference, words.p_value(against.p)))
        rows.append(
            (f"the same for these readers alone{of} (secondary)", against.fixed_readers, "")
        )
    return _table(rows, reference=0.0)


def _table(rows: Iterable[tuple[str, Spread, str]], *, reference: float | None = None) -> Table:
    cells = list(rows)
    estimates: Sequence[Estimate] = [_estimate(spread) for _, spread, _ in cells]
    shared = bars.axis(estimates)
    return Table(
        bars.scale(shared),
        tuple(
            Row(
                name=name,
                value=words.signed(spread),
                interval=words.between(spread),
                bar=bars.bar(estimate, shared, reference),
                freedom=words.freedom(spread.freedom),
                p=p,
            )
            for (name, spread, p), estimate in zip(cells, estimates, strict=True)
        ),
    )


def _estimate(spread: Spread) -> Estimate:
    """A spread as bars take it."""
    return Estimate(
        value=spread.estimate,
        low=spread.low,
        high=spread.high,
        n_cases=0,
        n_patients=0,
        n_positive=0,
        method="",
    )
