"""Groups of cases as cells of tables: attributes, levels, their crossings and counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from evaluator.scoring.results import JOINT as JOINT

Group = tuple[str, str]
"""An attribute and one of its levels."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Cases, patients and positive cases of a group."""

    n_cases: int
    n_patients: int
    n_positive: int

    @property
    def n_negative(self) -> int:
        """Cases that are not positive."""
        return self.n_cases - self.n_positive


Cell = tuple[tuple[str, str], ...]
"""Sorted (attribute, level) pairs; () is everyone."""

Nesting = Mapping[tuple[str, str], Mapping[tuple[str, str], Counts]]
"""Attributes whose levels nest by outside knowledge, inner and outer: which pairs of levels occur,
and their counts."""


@dataclass(frozen=True, slots=True)
class Total:
    """A cell and parts that add up to it."""

    whole: Cell
    parts: tuple[Cell, ...]


@dataclass(frozen=True)
class Listed:
    """The groups of an evaluation as cells, their counts, and the sums that tie them.

    ``opaque`` groups belong to intersections that read two ways; they are withheld whole.
    """

    cell_of: Mapping[Group, Cell]
    opaque: frozenset[Group]
    counts: Mapping[Cell, Counts]
    totals: Sequence[Total]
    minimum: int

    @property
    def everyone(self) -> Counts:
        """Counts of the whole cohort."""
        return self.counts[()]

    def groups(self, cells: Collection[Cell]) -> frozenset[Group]:
        """The groups that cells stand for."""
        return frozenset(group for group, cell in self.cell_of.items() if cell in cells)


def cells_of(
    groups: Mapping[Group, Counts],
) -> tuple[dict[Group, Cell], frozenset[Group]]:
    """Read intersections back into their parts; those that read two ways cannot be protected."""
    levels: dict[str, set[str]] = {}
    for attribute, level in groups:
        levels.setdefault(attribute, set()).add(level)
    cells: dict[Group, Cell] = {}
    opaque: set[str] = set()
    for attribute, level in groups:
        names = attribute.split(JOINT)
        readings = [
            parts
            for parts in _splits(level.split(JOINT), len(names))
            if all(
                name not in levels or part in levels[name]
                for name, part in zip(names, parts, strict=True)
            )
        ]
        if len(names) == 1:
            cells[attribute, level] = ((attribute, level),)
        elif len(readings) == 1 and len(set(names)) == len(names):
            cells[attribute, level] = tuple(sorted(zip(names, readings[0], strict=True)))
        else:
            opaque.add(attribute)
    unsafe = frozenset(group for group in groups if group[0] in opaque)
    return {group: cell for group, cell in cells.items() if group not in unsafe}, unsafe


def _splits(words: Sequence[str], n_parts: int) -> Iterator[tuple[str, ...]]:
    """Yield every way to join consecutive ``words`` into ``n_parts`` parts."""
    for cuts in combinations(range(1, len(words)), n_parts - 1):
        bounds = (0, *cuts, len(words))
        yield tuple(JOINT.join(words[a:b]) for a, b in pairwise(bounds))
