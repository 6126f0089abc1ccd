"""Renders two or more submissions side by side: their releases, and their frozen differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evaluator.comparing.chosen import MOST_CHOSEN, Chosen, choose, coverage
from evaluator.comparison import (
    ComparedEntry,
    ComparedPair,
    Comparison,
    ComparisonError,
    refuse_several,
)
from evaluator.disclosure.control import Release
from evaluator.glossary import Figure, figure
from evaluator.leaderboard.board.columns import figures_in_tables
from evaluator.leaderboard.drawing import bars, numbers
from evaluator.leaderboard.drawing.levels import readable_level
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.templating.environment import environment
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate

MOST_OFFERED = 100
"""Rows of a board that a reader may choose from."""


@dataclass(frozen=True, slots=True)
class Side:
    """One submission: its row in the comparison, and its release."""

    letter: str
    entry: ComparedEntry
    release: Release


@dataclass(frozen=True, slots=True)
class Line:
    """The same figure of each submission."""

    heading: str
    explained: str
    estimates: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two submissions in one group."""

    group: str
    first: Side
    second: Side
    estimate: Estimate
    p_value: str
    told_apart: bool
    bar: Markup


@dataclass(frozen=True, slots=True)
class Table:
    """The differences by the levels of one attribute."""

    heading: str
    rows: tuple[Difference, ...]


class NotComparable(Exception):
    """The submissions cannot be compared; ``page`` says why, and lets a reader choose others."""

    def __init__(self, page: str) -> None:
        """Keep the page."""
        super().__init__()
        self.page = page


def render(
    listing: Listing,
    comparison: Comparison | None,
    later: int,
    names: Sequence[str],
    releases: Sequence[Release],
) -> str:
    """The page of the submissions ``names``; raises NotComparable.

    ``releases`` are theirs, of the first MOST_CHOSEN alone. With fewer than two names it is the
    page on which submissions are chosen.
    """
    if len(names) < 2:
        return render_choice(listing, comparison, later, named=names)
    boards = sorted({each.benchmark for each in releases})
    try:
        refuse_several(boards)
        chosen = choose(comparison, listing.name, names)
    except ComparisonError as problem:
        said = str(problem)
        sentence = f"{said[:1].upper()}{said[1:]}."
        page = render_choice(listing, comparison, later, named=names, problem=sentence)
        raise NotComparable(page) from problem
    return render_comparison(listing, chosen, releases, later)


def render_comparison(
    listing: Listing, chosen: Chosen, releases: Sequence[Release], later: int
) -> str:
    """The page of some submissions; ``releases`` are theirs, in the same order."""
    comparison = chosen.comparison
    sides = [
        Side(chr(ord("A") + place), entry, release)
        for place, (entry, release) in enumerate(zip(chosen.entries, releases, strict=True))
    ]
    shared = bars.axis([difference(pair, comparison) for pair in chosen.pairs])
    making = _Making({side.entry.submission_id: side for side in sides}, comparison, shared)
    return (
        environment()
        .get_template("compare.html")
        .render(
            listing=listing,
            primary=figure(comparison.figure),
            sides=sides,
            coverage=coverage(comparison, later),
            confidence=numbers.percent(comparison.confidence),
            lines=_lines(sides, comparison.figure),
            levels=_levels(sides, comparison.figure),
            axis=bars.scale(shared),
            overall=[making.row(pair) for pair in chosen.overall],
            tables=[
                Table(
                    readable_level(attribute).replace("_", " ").capitalize(),
                    tuple(making.row(pair) for pair in chosen.by(attribute)),
                )
                for attribute in chosen.attributes
            ],
            comparison=comparison,
            offered=_offered(comparison),
            named={side.entry.submission_id for side in sides},
            most=MOST_CHOSEN,
            problem="",
        )
    )


def render_choice(
    listing: Listing,
    comparison: Comparison | None,
    later: int,
    *,
    named: Sequence[str] = (),
    problem: str = "",
) -> str:
    """The page on which submissions are chosen; ``problem`` says what was wrong with a choice."""
    return (
        environment()
        .get_template("compare.html")
        .render(
            listing=listing,
            sides=[],
            coverage="" if comparison is None else coverage(comparison, later),
            offered=_offered(comparison),
            named=set(named),
            most=MOST_CHOSEN,
            problem=problem,
        )
    )


@dataclass(frozen=True, slots=True)
class _Making:
    sides: dict[str, Side]
    comparison: Comparison
    shared: bars.Axis | None

    def row(self, pair: ComparedPair) -> Difference:
        estimate = difference(pair, self.comparison)
        everyone = (pair.attribute, pair.level) == OVERALL
        return Difference(
            group="All cases" if everyone else readable_level(pair.level),
            first=self.sides[pair.first],
            second=self.sides[pair.second],
            estimate=estimate,
            p_value=p_value(pair),
            told_apart=told_apart(pair, self.comparison),
            bar=bars.bar(estimate, self.shared, reference=0.0),
        )


def p_value(pair: ComparedPair) -> str:
    """The adjusted p-value as "0.012", or "< 0.001"."""
    return "< 0.001" if pair.adjusted_p < 0.001 else f"{pair.adjusted_p:.3f}"


def told_apart(pair: ComparedPair, comparison: Comparison) -> bool:
    """Whether the adjusted test tells two submissions apart."""
    return pair.adjusted_p < 1.0 - comparison.confidence - 1e-12


def difference(pair: ComparedPair, comparison: Comparison) -> Estimate:
    """A difference as bars and numbers take it; its counts are not told."""
    return Estimate(
        value=pair.difference,
        low=pair.low,
        high=pair.high,
        n_cases=0,
        n_patients=0,
        n_positive=0,
        method=f"paired, {numbers.percent(comparison.confidence)}",
    )


def _lines(sides: Sequence[Side], primary: str) -> list[Line]:
    shown = dict.fromkeys(
        result.metric
        for side in sides
        for result in side.release.results
        if result.group == OVERALL
    )
    beside = figures_in_tables(primary, tuple(shown))
    return [_line(figure(metric), sides, metric) for metric in (primary, *beside)]


def _line(named: Figure, sides: Sequence[Side], metric: str) -> Line:
    return Line(named.short, named.name, tuple(side.release.find(metric) for side in sides))


def _levels(sides: Sequence[Side], primary: str) -> list[Line]:
    """The primary figure at each level that any of the releases shows."""
    groups = dict.fromkeys(
        result.group
        for side in sides
        for result in side.release.results
        if result.metric == primary and result.group != OVERALL
    )
    return [
        Line(
            readable_level(level),
            attribute.replace("_", " "),
            tuple(side.release.find(primary, attribute, level) for side in sides),
        )
        for attribute, level in groups
    ]


def _offered(comparison: Comparison | None) -> tuple[ComparedEntry, ...]:
    return () if comparison is None else comparison.entries[:MOST_OFFERED]
