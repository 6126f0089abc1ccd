"""Suppresses groups that are too small, and those that would give them away.

Steps 1 to 3 of the rule that heads ``evaluator/disclosure/control.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from evaluator.attacker.cells import JOINT as JOINT
from evaluator.attacker.cells import Cell, Listed, Nesting, Total, cells_of
from evaluator.attacker.cells import Counts as Counts
from evaluator.attacker.cells import Group as Group
from evaluator.scoring.results import OVERALL, Evaluation, Result
from metrics.figure_name import FigureName


def group_figures(results: Sequence[Result]) -> frozenset[FigureName]:
    """The figures computed for everyone, and so for a group; all others compare groups."""
    return frozenset(r.figure for r in results if r.group == OVERALL)


def counted_groups(evaluation: Evaluation) -> dict[Group, Counts]:
    """Count each (attribute, level); where figures disagree, the largest counts are the group's."""
    groups: dict[Group, Counts] = {}
    own = group_figures(evaluation.results)
    for result in evaluation.results:
        group = result.group
        if group == OVERALL or result.figure not in own:
            continue
        new = result.estimate
        old = groups.get(group, Counts(0, 0, 0))
        if new.n_cases >= old.n_cases:
            groups[group] = Counts(
                new.n_cases,
                max(new.n_patients, old.n_patients),
                max(new.n_positive, old.n_positive),
            )
    return groups


def listed(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    minimum: int,
    nesting: Nesting | None = None,
) -> Listed:
    """Lay groups out as cells; ``nesting`` adds the sums that are known without any figure."""
    cell_of, opaque = cells_of(groups)
    everyone = Counts(evaluation.n_cases, evaluation.n_patients, evaluation.n_positive)
    counts = {cell_of[group]: count for group, count in groups.items() if group in cell_of}
    counts[()] = everyone
    totals = [*_totals(counts), *_nested_totals(counts, nesting or {})]
    return Listed(cell_of, opaque, counts, totals, minimum)


def suppressed(
    given: Listed, withheld: Collection[Cell] = (), hidden: Collection[Cell] = ()
) -> tuple[set[Cell], set[Cell]]:
    """Return the cells that are not shown at all, and with them those that lose their figures.

    What is ``withheld`` or ``hidden`` for another reason stays so.
    """
    counts, totals, minimum = given.counts, given.totals, given.minimum
    few = {c for c, n in counts.items() if c and min(n.n_cases, n.n_patients) < minimum}
    sizes = {c: (n.n_cases, n.n_patients) for c, n in counts.items()}
    none = _protected(few | set(withheld), counts, sizes, totals, minimum)

    few = {c for c, n in counts.items() if c and min(n.n_positive, n.n_negative) < minimum}
    sizes = {c: (n.n_positive, n.n_negative) for c, n in counts.items()}
    return none, _protected(few | none | set(hidden), counts, sizes, totals, minimum)


def _totals(counts: Mapping[Cell, Counts]) -> list[Total]:
    """List every sum that ties cells together, through margins that nobody declared as well."""
    tables = {tuple(name for name, _ in cell) for cell in counts}
    margins = {
        subset
        for table in tables
        for size in range(len(table) + 1)
        for subset in combinations(table, size)
    }
    members: dict[tuple[str, ...], set[Cell]] = {margin: set() for margin in margins}
    for cell in counts:
        for size in range(len(cell) + 1):
            for part in combinations(cell, size):
                members[tuple(name for name, _ in part)].add(part)
    totals = []
    for table in margins:
        for size in range(len(table)):
            for margin in combinations(table, size):
                parts: dict[Cell, list[Cell]] = {}
                for cell in members[table]:
                    whole = tuple(pair for pair in cell if pair[0] in margin)
                    parts.setdefault(whole, []).append(cell)
                totals += [Total(whole, tuple(sorted(cells))) for whole, cells in parts.items()]
    return sorted(totals, key=lambda total: (len(total.whole), total.whole, total.parts))


def _nested_totals(counts: Mapping[Cell, Counts], nesting: Nesting) -> list[Total]:
    """The sums of levels over those that lie in them alone, as a scanner's cases lie in its site's.

    A level that lies in several leaves these without a sum; the attacker's programme knows them.
    """
    totals = []
    for (inner, outer), pairs in sorted(nesting.items()):
        of_inner: dict[str, set[str]] = {}
        for one, other in pairs:
            of_inner.setdefault(one, set()).add(other)
        for whole in sorted({other for _, other in pairs}):
            inside = sorted(one for one, other in pairs if other == whole)
            parts = tuple(((inner, one),) for one in inside)
            if (
                all(of_inner[one] == {whole} for one in inside)
                and {
                    ((outer, whole),),
                    *parts,
                }
                <= counts.keys()
            ):
                totals.append(Total(((outer, whole),), parts))
    return totals


def _protected(
    few: Collection[Cell],
    counts: Mapping[Cell, Counts],
    sizes: Mapping[Cell, tuple[int, int]],
    totals: Sequence[Total],
    minimum: int,
) -> set[Cell]:
    """Grow ``few`` until nothing in it follows from the cells that remain shown."""
    hidden = set(few)
    while True:
        # A shown part of a hidden group would be a lower bound of it.
        hidden |= {cell for cell in counts if any(set(outer) < set(cell) for outer in hidden)}
        candidates = _beside_thin_remainder(hidden, sizes, totals, minimum)
        if not candidates:
            candidates = _beside_derivable(hidden, counts, totals)
        if not candidates:
            return hidden
        hidden.add(min(candidates, key=lambda cell: (counts[cell].n_cases, cell)))


def _beside_thin_remainder(
    hidden: Collection[Cell],
    sizes: Mapping[Cell, tuple[int, int]],
    totals: Sequence[Total],
    minimum: int,
) -> list[Cell]:
    """Find a shown total whose hidden parts are one alone, or few together; return its other parts.

    Parts that the evaluation does not list at all count as hidden.
    """
    for total in totals:
        if total.whole in hidden or total.whole not in sizes:
            continue
        if any(part not in sizes for part in total.parts):
            continue
        inside = [part for part in total.parts if part in hidden]
        unlisted = [
            max(0, whole - sum(sizes[part][kind] for part in total.parts))
            for kind, whole in enumerate(sizes[total.whole])
        ]
        n_hidden = len(inside) + any(unlisted)
        rest = [sum(sizes[part][kind] for part in inside) + unlisted[kind] for kind in (0, 1)]
        if n_hidden and (n_hidden == 1 or min(rest) < minimum):
            shown = [part for part in total.parts if part not in hidden]
            if shown:
                return shown
    return []


def _beside_derivable(
    hidden: Collection[Cell], counts: Mapping[Cell, Counts], totals: Sequence[Total]
) -> list[Cell]:
    """Find a hidden cell that the shown ones determine; return what could be hidden to free it.

    The totals are linear equations in the cells that are not shown; a cell is determined exactly
    when every vector of their null space is zero there.
    """
    unknown = sorted(
        {
            cell
            for total in totals
            for cell in (total.whole, *total.parts)
            if cell in hidden or cell not in counts
        }
    )
    if not hidden:
        return []
    column = {cell: i for i, cell in enumerate(unknown)}
    rows = np.zeros((len(totals), len(unknown)))
    for row, total in zip(rows, totals, strict=True):
        if _unlisted(total, counts):
            continue  # its parts do not add up to it, and a reader cannot know by how much
        for cell, sign in ((total.whole, -1.0), *((part, 1.0) for part in total.parts)):
            if cell in column:
                row[column[cell]] += sign
    _, singular, directions = np.linalg.svd(rows)
    free = directions[int((singular > 1e-9).sum()) :]
    for cell in sorted(hidden):
        if np.abs(free[:, column[cell]]).max(initial=0.0) > 1e-9:
            continue
        own = [total for total in totals if cell in total.parts]
        for near in (
            {part for total in own for part in total.parts},
            {total.whole for total in own if total.whole},
        ):
            shown = [other for other in near if other in counts and other not in hidden]
            if shown:
                return shown
    return []


def _unlisted(total: Total, counts: Mapping[Cell, Counts]) -> bool:
    """Tell whether some cases of the whole are in no listed part."""
    if total.whole not in counts or any(part not in counts for part in total.parts):
        return False
    return counts[total.whole].n_cases > sum(counts[part].n_cases for part in total.parts)
