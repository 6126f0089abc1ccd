"""The tables of subgroups and intersections of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evaluator.disclosure.control import Release, Withheld
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.disclosure.suppression import group_figures
from evaluator.leaderboard.drawing import bars
from evaluator.leaderboard.drawing.levels import in_order, readable, readable_level
from evaluator.leaderboard.reports.gap_rows import Comparisons, comparisons
from evaluator.scoring.results import Result
from metrics.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One level; ``reason`` stands in place of the figures where they are not shown."""

    label: str
    overall: bool
    reason: str
    n_cases: int | None
    n_patients: int | None
    n_positive: int | None
    primary: Estimate | None
    bar: Markup
    estimates: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The levels of one attribute or intersection under the row of all cases.

    ``dashed`` says that some cell holds a dash, which the table then explains.
    """

    attribute: str
    key: str
    heading: str
    axis: Markup
    rows: tuple[GroupRow, ...]
    comparisons: tuple[Comparisons, ...]
    dashed: bool


def group_table(
    release: Release, attribute: str, metric: str, columns: Sequence[str]
) -> GroupTable:
    """The levels of one attribute: the figure ``metric``, drawn, with ``columns`` beside it."""
    whole = group_figures(release.results)
    mine = [result for result in release.results if result.attribute == attribute]
    own = [result for result in mine if result.figure in whole]
    found = {(result.metric, result.level): result.estimate for result in own}
    withheld = {held.level: held for held in release.withheld if held.attribute == attribute}
    levels = in_order([*(result.level for result in own), *withheld])
    overall = release.find(metric)
    primaries = [found[metric, level] for level in levels if (metric, level) in found]
    shared = bars.axis([*primaries, *([overall] if overall else [])])
    line = overall.value if overall else None
    rows = [] if overall is None else [_of_all_cases(release, overall, shared, columns)]
    for level in levels:
        if level in withheld:
            rows.append(_of_withheld(withheld[level], len(columns)))
            continue
        primary = found.get((metric, level))
        counts = primary or next(r.estimate for r in own if r.level == level)
        rows.append(
            GroupRow(
                label=readable_level(level),
                overall=False,
                reason=_reason(own, level),
                n_cases=counts.n_cases,
                n_patients=counts.n_patients,
                n_positive=counts.n_positive,
                primary=primary,
                bar=bars.bar(primary, shared, line) if primary else Markup(""),
                estimates=tuple(found.get((column, level)) for column in columns),
            )
        )
    return GroupTable(
        attribute=attribute,
        key="group-" + "".join(c if c.isalnum() else "-" for c in attribute),
        heading=readable(attribute),
        axis=bars.scale(shared),
        rows=tuple(rows),
        comparisons=comparisons(mine, whole, attribute),
        dashed=any(row.n_positive is None or None in row.estimates for row in rows),
    )


def _of_all_cases(
    release: Release, overall: Estimate, shared: bars.Axis | None, columns: Sequence[str]
) -> GroupRow:
    return GroupRow(
        label="All cases",
        overall=True,
        reason="",
        n_cases=release.n_cases,
        n_patients=release.n_patients,
        n_positive=release.n_positive,
        primary=overall,
        bar=bars.bar(overall, shared, overall.value),
        estimates=tuple(release.find(column) for column in columns),
    )


def _of_withheld(held: Withheld, n_columns: int) -> GroupRow:
    return GroupRow(
        label=readable_level(held.level),
        overall=False,
        reason=held.reason,
        n_cases=held.n_cases,
        n_patients=None,
        n_positive=None,
        primary=None,
        bar=Markup(""),
        estimates=(None,) * n_columns,
    )


def _reason(own: Sequence[Result], level: str) -> str:
    """The one reason why a level has no figure at all; empty where it has some."""
    estimates = [result.estimate for result in own if result.level == level]
    if any(estimate.value is not None for estimate in estimates):
        return ""
    return estimates[0].undefined or INSUFFICIENT
