"""Lays a cohort's groups out as cells of joint tables, the unknowns of an attacker's programme.

A table is a set of attributes whose crossed levels are listed. Tables that share attributes are
joined along a tree of cliques: sums over an acyclic set of tables are consistent one with the next
exactly where one joint table has them all (Vorob'ev 1962), so that the programme knows as much as
one over the full joint table, and has far fewer unknowns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations, pairwise, product

from evaluator.attacker.cells import Cell

MOST_CELLS = 20_000
"""A joint table of more cells than these is replaced by the tables that are listed of it."""

Atom = tuple[str, str]
"""An attribute, and a value of it that no release divides."""


@dataclass(frozen=True, slots=True)
class Clique:
    """Attributes that are crossed, and the combinations of their values that occur."""

    attributes: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Structure:
    """Cliques, the tree that ties them, and what values each level stands for."""

    cliques: tuple[Clique, ...]
    ties: tuple[tuple[int, int], ...]
    values: Mapping[Atom, tuple[str, ...]]

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where the unknowns of each clique begin, and at the end their number."""
        starts = [0]
        for clique in self.cliques:
            starts.append(starts[-1] + len(clique.rows))
        return tuple(starts)

    def places(self, cell: Cell) -> list[int] | None:
        """The unknowns that add up to a cell; None where no clique has its attributes.

        A sum over everyone is one over the first clique.
        """
        names = {name for name, _ in cell}
        for number, clique in enumerate(self.cliques):
            if names <= set(clique.attributes):
                return self._inside(number, cell)
        return None

    def _inside(self, number: int, cell: Cell) -> list[int]:
        """The unknowns of one clique that add up to a cell."""
        clique = self.cliques[number]
        atoms = [
            (clique.attributes.index(name), frozenset(self.values.get((name, level), (level,))))
            for name, level in cell
        ]
        return [
            self.starts[number] + row
            for row, values in enumerate(clique.rows)
            if all(values[place] in allowed for place, allowed in atoms)
        ]

    def outside(self, cells: Iterable[Cell]) -> frozenset[int]:
        """The unknowns that are none where only ``cells`` occur, of the attributes that they have.

        Attributes are those of whole tables: each table lists every combination that occurs.
        """
        tables: dict[tuple[str, ...], set[int]] = {}
        for cell in cells:
            names = tuple(name for name, _ in cell)
            inside = tables.setdefault(names, set())
            for number, clique in enumerate(self.cliques):
                if set(names) <= set(clique.attributes):
                    inside.update(self._inside(number, cell))
        numbers: set[int] = set()
        for names, inside in tables.items():
            for number, clique in enumerate(self.cliques):
                if set(names) <= set(clique.attributes):
                    numbers |= set(range(*self.starts[number : number + 2])) - inside
        return frozenset(numbers)

    def divided(self) -> list[Cell]:
        """The parts of bands that overlap: no release has them, and several together may tell."""
        levels = set(self.values)
        atoms = {(name, atom) for (name, _), parts in self.values.items() for atom in parts}
        return [(pair,) for pair in sorted(atoms - levels)]

    def tied(self) -> list[tuple[list[int], list[int]]]:
        """Pairs of sums that are equal: the same cell, counted in two cliques."""
        ties = []
        for one, other in self.ties:
            shared = [
                n for n in self.cliques[one].attributes if n in self.cliques[other].attributes
            ]
            first, second = (self._margin(number, shared) for number in (one, other))
            ties += [
                (first.get(values, []), second.get(values, []))
                for values in sorted(first.keys() | second.keys())
            ]
        return ties

    def _margin(self, number: int, names: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
        clique = self.cliques[number]
        at = [clique.attributes.index(name) for name in names]
        margin: dict[tuple[str, ...], list[int]] = {}
        for row, values in enumerate(clique.rows):
            key = tuple(values[place] for place in at)
            margin.setdefault(key, []).append(self.starts[number] + row)
        return margin


def structure(
    cells: Iterable[Cell], complete: Iterable[Cell] = (), occurring: Iterable[Cell] = ()
) -> Structure:
    """Lay out all ``cells`` that are spoken of.

    Of the attributes of a ``complete`` cell only such combinations occur as are in ``complete``,
    and the same of ``occurring``, whose attributes are crossed though no figure is given of them.
    """
    listed, known = set(complete), set(occurring)
    named = {cell for cell in {*cells, *listed, *known} if cell}
    values = _values({pair for cell in named for pair in cell})
    tables = {tuple(name for name, _ in cell) for cell in named}
    cliques = []
    for names in _maximal_cliques(tables):
        clique = _clique(names, values, listed | known)
        if clique is None:
            inside = [table for table in tables if set(table) <= set(names)]
            largest = [t for t in inside if not any(set(t) < set(other) for other in inside)]
            cliques += [
                small
                for table in sorted(largest)
                if (small := _clique(table, values, listed | known)) is not None
            ]
        else:
            cliques.append(clique)
    cliques = cliques or [Clique((), ((),))]
    return Structure(tuple(cliques), _tree(cliques), values)


def _clique(
    names: Sequence[str], values: Mapping[Atom, tuple[str, ...]], complete: Iterable[Cell]
) -> Clique | None:
    """Cross attributes; None where that makes too many combinations."""
    domains: dict[str, list[str]] = {}
    for (name, _), atoms in sorted(values.items()):
        if name in names:
            domains.setdefault(name, [])
            domains[name] += [atom for atom in atoms if atom not in domains[name]]
    size = 1
    for name in names:
        size *= len(domains[name])
    if size > MOST_CELLS:
        return None
    allowed: dict[tuple[int, ...], set[tuple[str, ...]]] = {}
    for cell in complete:
        own = [name for name, _ in cell]
        if set(own) <= set(names):
            at = tuple(list(names).index(name) for name in own)
            combined = product(*(values[pair] for pair in cell))
            allowed.setdefault(at, set()).update(combined)
    rows = tuple(
        row
        for row in product(*(domains[name] for name in names))
        if all(tuple(row[place] for place in at) in known for at, known in allowed.items())
    )
    return Clique(tuple(names), rows)


def _maximal_cliques(tables: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Cliques of a chordal graph that has all attributes of a table joined; fewest new edges."""
    near: dict[str, set[str]] = {}
    for table in tables:
        for name in table:
            near.setdefault(name, set()).update(set(table) - {name})
    cliques: list[set[str]] = []
    while near:
        chosen = min(near, key=partial(_new_edges, near))
        around = near.pop(chosen)
        for name in around:
            near[name] |= around - {name}
            near[name].discard(chosen)
        cliques.append({chosen, *around})
    return sorted(
        tuple(sorted(clique))
        for place, clique in enumerate(cliques)
        if not any(
            clique < other or (clique == other and place > at) for at, other in enumerate(cliques)
        )
    )


def _new_edges(near: Mapping[str, set[str]], name: str) -> tuple[int, str]:
    """How many pairs around an attribute are not joined yet; its name breaks ties."""
    return sum(b not in near[a] for a, b in combinations(sorted(near[name]), 2)), name


def _tree(cliques: Sequence[Clique]) -> tuple[tuple[int, int], ...]:
    """Tie each clique to the one before it that shares most with it."""
    ties = []
    names = [set(clique.attributes) for clique in cliques]
    joined, left = {0}, set(range(1, len(cliques)))
    while left:
        pairs = [(len(names[a] & names[b]), -a, -b) for a in joined for b in left]
        one, other = (-place for place in max(pairs)[1:])
        ties.append((one, other))
        joined.add(other)
        left.discard(other)
    return tuple(ties)


_BAND = re.compile(r"(\d+)-(\d+)|(\d+)\+")
_NO_END = 1000


def _values(levels: Iterable[Atom]) -> dict[Atom, tuple[str, ...]]:
    """What each level stands for: itself, or where bands overlap the shorter bands in it."""
    of_attribute: dict[str, list[str]] = {}
    for name, level in levels:
        of_attribute.setdefault(name, []).append(level)
    values: dict[Atom, tuple[str, ...]] = {}
    for name, own_levels in of_attribute.items():
        bands = {level: band for level in own_levels if (band := _band(level)) is not None}
        edges = sorted({edge for band in bands.values() for edge in band})
        atoms = list(pairwise(edges))
        for level in own_levels:
            if level not in bands:
                values[name, level] = (level,)
                continue
            low, high = bands[level]
            inside = [(a, b) for a, b in atoms if low <= a and b <= high]
            values[name, level] = tuple(_written(a, b) for a, b in inside)
    return values


def _band(level: str) -> tuple[int, int] | None:
    """First year of a band such as "40-59" or "80+", and the first year behind it."""
    match = _BAND.fullmatch(level)
    if match is None:
        return None
    if match[3] is not None:
        return int(match[3]), _NO_END
    low, high = int(match[1]), int(match[2]) + 1
    return (low, high) if low < high <= _NO_END else None


def _written(low: int, high: int) -> str:
    return f"{low}+" if high == _NO_END else f"{low}-{high - 1}"
