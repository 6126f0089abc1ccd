"""The figures of a release as tables of a filed report; what is withheld is told so."""

from __future__ import annotations

from collections.abc import Iterator

from evaluator.disclosure.control import Release
from evaluator.disclosure.suppression import group_figures
from evaluator.filing.blocks import Block, heading, paragraph, table
from evaluator.glossary import FIGURES, figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import attributes_of, readable, readable_level
from evaluator.leaderboard.reports import parts_block
from evaluator.leaderboard.reports.gap_rows import declared_gaps
from evaluator.leaderboard.reports.report import of_task
from evaluator.scoring.results import OVERALL, Result
from metrics.estimate import Estimate
from metrics.figure_name import Kind
from metrics.gaps.differences import MAX_MIN

BESIDE = ("sensitivity", "specificity", "calibration_slope")
"""Figures beside the primary one in the tables of groups."""


def overall(release: Release) -> Block | None:
    """Every figure over all cases; None where none is released."""
    order = {metric: place for place, metric in enumerate(FIGURES)}
    rows = [r for r in release.results if r.group == OVERALL]
    rows.sort(key=lambda result: order.get(str(result.figure.plain), len(order)))
    if not rows:
        return None
    return table(
        "Figures over all cases. Intervals are two-sided at "
        f"{numbers.percent(release.confidence)}.",
        ("Figure", "Value", "Interval", "Interval by"),
        [(_name(result), *_told(result.estimate), _method(result.estimate)) for result in rows],
        right=(1, 2),
        widths=("3fr", "auto", "auto", "3fr"),
    )


def parts(release: Release) -> Block | None:
    """The parts of a task with the figures of each; None where it has none."""
    if not release.parts:
        return None
    names = parts_block.columns(release)
    rows = []
    for part in release.parts:
        of = release.of_part(part.name)
        positive = "" if part.n_positive is None else f"{part.n_positive:,}"
        cells = [_cell(of.find(name)) for name in (parts_block.AREA, *names)]
        rows.append((part.name, f"{part.n_cases:,}", positive, *cells))
    heads = (figure(name).short for name in (parts_block.AREA, *names))
    called = parts_block.heading_of(release.task)
    return table(
        f"{called}: each against all other cases where it is known.",
        (called, "Cases", "Positive", *heads),
        rows,
        right=(1, 2),
        widths=("2fr", "auto", "auto", *["2fr"] * (1 + len(names))),
    )


def two_by_two(release: Release) -> Block | None:
    """Calls against the reference standard as shares; None where a rate is not released."""
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if not sensitivity or not specificity or None in (sensitivity.value, specificity.value):
        return None
    assert sensitivity.value is not None
    assert specificity.value is not None
    places = max(numbers.digits(sensitivity), numbers.digits(specificity))

    def share(value: float) -> str:
        return numbers.number(value, places)

    return table(
        f"Calls at the threshold of {release.threshold:g} by the reference standard, as shares of "
        "each class.",
        ("Reference standard", "Called positive", "Called negative"),
        (
            ("positive", share(sensitivity.value), share(1 - sensitivity.value)),
            ("negative", share(1 - specificity.value), share(specificity.value)),
        ),
        right=(1, 2),
    )


def groups(release: Release, primary: str) -> Iterator[Block]:
    """A table for each attribute and intersection, with its comparisons of levels."""
    for attribute in attributes_of(release):
        yield heading(readable(attribute), 3)
        yield _levels(release, attribute, primary)
        yield from _comparisons(release, attribute)


def reliability(release: Release) -> Block | None:
    """The released bins of predicted and observed shares."""
    for curve in release.curves:
        if (curve.name, curve.attribute, curve.level) == ("reliability", *OVERALL):
            return table(
                "Predicted and observed shares by bin.",
                ("Mean predicted", "Observed share", "Interval", "Cases"),
                [
                    (
                        f"{point.x:.3f}",
                        f"{point.y:.3f}",
                        _bounds(point.low, point.high),
                        str(point.n),
                    )
                    for point in curve.points
                ],
                right=(0, 1, 2, 3),
                widths=("1fr", "1fr", "1fr", "1fr"),
            )
    return None


def _levels(release: Release, attribute: str, primary: str) -> Block:
    whole = group_figures(release.results)
    own = [r for r in release.results if r.attribute == attribute and r.figure in whole]
    estimates = {(result.metric, result.level): result.estimate for result in own}
    valued = {metric for (metric, _), each in estimates.items() if each.value is not None}
    beside = of_task(release, primary)[: len(BESIDE)] if release.task else BESIDE
    columns = (primary, *(each for each in beside if each in valued and each != primary))
    rows = []
    for level in dict.fromkeys(result.level for result in own):
        counts = next(r.estimate for r in own if r.level == level)
        cells = [_cell(estimates.get((column, level))) for column in columns]
        rows.append((readable_level(level), *_counts(counts), *cells))
    for held in release.withheld:
        if held.attribute == attribute:
            cases = "" if held.n_cases is None else f"{held.n_cases:,}"
            rows.append(
                (readable_level(held.level), cases, "", held.reason, *[""] * (len(columns) - 1))
            )
    return table(
        f"{readable(attribute)}: counts to the nearest {release.rule.count_step}.",
        (readable(attribute), "Cases", "Positive", *(figure(each).short for each in columns)),
        rows,
        right=(1, 2),
        widths=("2fr", "auto", "auto", *["2fr"] * len(columns)),
    )


def _comparisons(release: Release, attribute: str) -> Iterator[Block]:
    """The range of each figure over the levels; single differences are in the release."""
    whole = group_figures(release.results)
    own = [
        each
        for each in release.results
        if each.attribute == attribute
        and each.figure not in whole
        and each.figure.kind is Kind.GAP
        and each.estimate.value is not None
    ]
    ranges = [each for each in own if each.level == MAX_MIN]
    if ranges:
        yield table(
            f"Largest less smallest over the levels of {readable(attribute).lower()}. Intervals "
            "hold together; a gap that was not declared is described, not tested.",
            ("Figure", "Value", "Interval"),
            [(figure(str(each.figure.plain)).name, *_told(each.estimate)) for each in ranges],
            right=(1, 2),
        )
    if len(own) > len(ranges):
        yield paragraph(
            f"The attached release has {len(own) - len(ranges)} further differences of these "
            "levels."
        )


def declared(release: Release) -> Block | None:
    """The gaps that were declared beforehand, with their tests; None where none was."""
    rows = [
        (
            gap.figure,
            gap.attribute,
            *(("", gap.reason) if gap.estimate is None else _told(gap.estimate)),
            gap.p,
            gap.adjusted,
            gap.verdict,
        )
        for gap in declared_gaps(release)
    ]
    if not rows:
        return None
    return table(
        "Gaps that were declared beforehand: largest less smallest, with the test that all levels "
        "are alike.",
        ("Figure", "By", "Value", "Interval", "p", "adjusted", "Reading"),
        rows,
        right=(2, 3, 4, 5),
        widths=("1fr", "1fr", "auto", "auto", "auto", "auto", "2fr"),
    )


def _counts(estimate: Estimate) -> tuple[str, str]:
    positive = estimate.n_positive
    return f"{estimate.n_cases:,}", "" if positive is None else f"{positive:,}"


def _told(estimate: Estimate) -> tuple[str, str]:
    """Value and interval."""
    if estimate.value is None:
        return numbers.DASH, ""
    return numbers.value(estimate), numbers.interval(estimate)


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return numbers.DASH
    if estimate.value is None:
        return estimate.undefined or "undefined"
    return numbers.with_interval(estimate)


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:g} to {high:g}"


def _method(estimate: Estimate) -> str:
    """How the interval was made, or why the figure is undefined."""
    if estimate.value is None:
        return estimate.undefined or "undefined"
    return "" if estimate.method == "none" else estimate.method


def _name(result: Result) -> str:
    plain = figure(str(result.figure.plain)).name
    return f"{plain}, standardised" if result.figure.kind is Kind.STANDARDIZED else plain
