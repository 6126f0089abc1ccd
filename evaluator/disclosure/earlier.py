"""Reads earlier releases as an attacker does: what each told of the counts of its groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import TYPE_CHECKING

from evaluator.attacker.cells import Cell, Counts, Group, cells_of
from evaluator.attacker.programme import Fact, Target
from evaluator.attacker.told import SENSITIVITY, SPECIFICITY, Names, share_cell, share_facts
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.disclosure.suppression import group_figures
from evaluator.scoring.results import OVERALL, TargetLevel
from metrics.figure_name import FigureName

if TYPE_CHECKING:
    from evaluator.disclosure.control import Release
    from metrics.estimate import Estimate

_MOST_TRIED = 200
"""Counts that are tried one by one; a wider range is left as wide as it is."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Cases that two cohorts have in common; the other's classes may be by another label.

    ``case_ids`` are those of the cohort that the new release is of.
    """

    n_positive: int
    n_negative: int
    same_label: bool = True
    case_ids: frozenset[str] = frozenset()

    @property
    def n_cases(self) -> int:
        """All cases in common."""
        return self.n_positive + self.n_negative


@dataclass(frozen=True, slots=True)
class Earlier:
    """A release that is out; ``shared`` is None where it is of the same cohort."""

    release: Release
    shared: Shared | None = None


@dataclass(frozen=True)
class Document:
    """The groups of a release as cells, with what it tells of each."""

    earlier: Earlier
    names: Names
    exact: Mapping[Cell, Counts] = field(default_factory=dict)

    @property
    def groups(self) -> dict[Group, dict[FigureName, Estimate]]:
        """The figures of each shown group by name, everyone's among them."""
        own = group_figures(self.earlier.release.results)
        groups: dict[Group, dict[FigureName, Estimate]] = {}
        for result in self.earlier.release.results:
            if result.figure in own:
                groups.setdefault(result.group, {})[result.figure] = result.estimate
        return groups

    def cells(self) -> dict[Group, Cell]:
        """Each group that the release names, shown or not, as a cell."""
        withheld = {(held.attribute, held.level) for held in self.earlier.release.withheld}
        named = dict.fromkeys((set(self.groups) | withheld) - {OVERALL}, Counts(0, 0, 0))
        return cells_of(named)[0]

    def of_these(self, count: str) -> bool:
        """Whether a count is one of the programme: classes by another label are not."""
        return count == self.names.cases or getattr(self.earlier.shared, "same_label", True)

    def shares(self) -> set[Cell]:
        """The cells of its comparison with the target."""
        return {cell for row in self._shares() if (cell := share_cell(row))}

    def _shares(self) -> Sequence[TargetLevel]:
        """Levels of the target whose share is told, where cases are patients."""
        release = self.earlier.release
        if release.target is None or release.n_patients != release.n_cases:
            return ()
        return [row for row in release.target.levels if row.achieved is not None]

    def targets(self) -> Iterator[Target]:
        """What it withheld, and has to stay so under its own minimum."""
        cells, minimum = self.cells(), self.earlier.release.rule.minimum_cell
        for held in self.earlier.release.withheld:
            cell = cells.get((held.attribute, held.level))
            if cell is None:
                continue
            if held.reason != INSUFFICIENT:
                yield Target(cell, self.names.cases, 1, minimum)
            for count in (self.names.positive, self.names.negative):
                yield Target(cell, count, 0, minimum)

    def facts(self) -> Iterator[Fact]:
        """What it tells: counts as rounded, and counts of calls as sensitivities give them."""
        release, names = self.earlier.release, self.names
        cells = self.cells()
        yield Fact((), names.cases, release.n_cases, release.n_cases)
        for held in release.withheld:
            cell = cells.get((held.attribute, held.level))
            if cell is None:
                continue
            if held.n_cases is not None:
                yield self._fact(cell, names.cases, *self._rounded(held.n_cases, 0))
            else:
                yield Fact(cell, names.cases, 1, release.n_cases)
        for row in self._shares():
            count = round((row.achieved or 0.0) * release.n_patients)
            yield from share_facts(row, count, release.rule.count_step, names)
        for group, figures in self.groups.items():
            overall = group == OVERALL
            cell = () if overall else cells.get(group)
            if cell is None:
                continue
            first = next(iter(figures.values()))
            least = release.rule.minimum_cell
            n = (first.n_cases,) * 2 if overall else self._rounded(first.n_cases, 2 * least)
            p = (first.n_positive,) * 2 if overall else self._rounded(first.n_positive, least)
            known = self.exact.get(cell)
            if known is not None:
                n, p = (known.n_cases,) * 2, (known.n_positive,) * 2
            q = max(n[0] - p[1], least if not overall else 0), n[1] - p[0]
            yield Fact(cell, names.cases, *n)
            rates = (figures.get(SENSITIVITY), figures.get(SPECIFICITY))
            for place, wide in enumerate((p, q)):
                among, hits = _by_rate(rates[place], wide)
                yield Fact(cell, names.classes[place], *among)
                if hits is not None:
                    if place == 1:  # right calls of negatives leave the others called positive
                        hits = max(0, among[0] - hits[1]), among[1] - hits[0]
                    yield Fact(cell, names.called[place], *hits)

    def _fact(self, cell: Cell, count: str, low: int, high: int) -> Fact:
        known = self.exact.get(cell)
        if known is not None and count == self.names.cases:
            low = high = known.n_cases
        return Fact(cell, count, low, high)

    def _rounded(self, count: int, least: int) -> tuple[int, int]:
        """All counts that are rounded to this one; never under ``least``."""
        step = self.earlier.release.rule.count_step
        low, high = count - step // 2, count + (step - 1) // 2
        return max(low, least, 0), max(high, least)


def _by_rate(
    rate: Estimate | None, among: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """Narrow a count by a share of it that is known to some decimals; and count the share.

    A share of 0.813 of about 75 cases is 61 of 75: no other denominator from 73 to 77 gives it.
    """
    if rate is None or rate.value is None or among[1] - among[0] > _MOST_TRIED:
        return among, None
    value = rate.value
    digits = max(_decimals(number) for number in (value, rate.low, rate.high))
    half = 0.5 * 10.0**-digits + 1e-9
    fitting = []
    for n in range(among[0], among[1] + 1):
        # the numbers of hits whose share, rounded, is the value
        low, high = max(0, ceil((value - half) * n)), min(n, floor((value + half) * n))
        if low <= high and n:
            fitting.append((n, low, high))
    if not fitting:
        return among, None
    counts, lows, highs = zip(*fitting, strict=True)
    return (min(counts), max(counts)), (min(lows), max(highs))


def _decimals(number: float | None) -> int:
    if number is None:
        return 0
    text = f"{number:.6f}".rstrip("0")
    return len(text.partition(".")[2])
