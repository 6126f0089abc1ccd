"""Linear programmes over the joint table of a pool: which cohorts exist, how large.

The programmes say whether a cohort exists and how large it can be; those of closest.py which
margins it can have, and those of shortage.py which level stands in the way and who would help.
Their own solution is never the cohort: see matching.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse import csr_matrix

from cohort_selection.cases import LABEL
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.sampling.joint_table import Cells


class MatchingError(ValueError):
    """No cohort can meet what was asked; says which level, how many there are and are needed."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A subgroup's minimum: the cells that count for it, and how many patients it must have."""

    name: str
    inside: NDArray[np.float64]
    least: int


@dataclass(frozen=True, slots=True)
class Largest:
    """Proven upper bound on the size of a cohort within a tolerance, and the levels that bind."""

    bound: int
    binding: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Programme:
    """A tabulated pool and what is asked of it.

    ``shares`` and ``tolerance`` follow the first attributes of ``cells``, which are the target's
    margins; ``counts`` are the patients of each cell who may be drawn.
    """

    cells: Cells
    shares: tuple[NDArray[np.float64], ...]
    tolerance: tuple[float, ...]
    floors: tuple[Floor, ...]
    counts: NDArray[np.int64]

    def wanted(self, size: int) -> tuple[NDArray[np.float64], ...]:
        """Whole patients of each level that a cohort of ``size`` should have."""
        return tuple(whole_patients(share * size, size) for share in self.shares)

    def level(self, k: int, level: int) -> str:
        """The name of one level."""
        return f"{self.cells.attributes[k]} {self.cells.levels[k][level]}"

    def levels(self) -> csr_matrix:
        """(levels, cells): which cells count for each level of each margin."""
        if not self.shares:
            return csr_matrix((0, len(self.counts)))
        return csr_matrix(np.hstack([self.cells.indicator(k) for k in range(len(self.shares))]).T)

    def minima(self) -> tuple[csr_matrix, NDArray[np.float64]]:
        """(floors, cells), and the least of each."""
        rows = np.array([floor.inside for floor in self.floors]).reshape(-1, len(self.counts))
        return csr_matrix(rows), np.array([float(floor.least) for floor in self.floors])


def programme(
    cells: Cells, target: Target, tolerance: Tolerance, minimum: Minimum, *, widened: bool = False
) -> Programme:
    """State the problem; ``widened`` lets levels in whose share is 0 but within the tolerance."""
    names = [name for name in cells.attributes if name in target.margins]
    shares = tuple(
        np.array([target.margins[name].get(level, 0.0) for level in levels])
        for name, levels in zip(cells.attributes, cells.levels, strict=True)
        if name in target.margins
    )
    allowed = tuple(tolerance.of(name) for name in names)
    eligible = np.ones(len(cells.counts), dtype=np.bool_)
    for k, share in enumerate(shares):
        eligible &= share[cells.codes[:, k]] + (allowed[k] if widened else 0.0) > 0
    counts = np.where(eligible, cells.counts, 0)
    return Programme(cells, shares, allowed, _floors(cells, counts, target, minimum), counts)


def _floors(
    cells: Cells, counts: NDArray[np.int64], target: Target, minimum: Minimum
) -> tuple[Floor, ...]:
    """The minima of every level that may be drawn; a patient with two levels counts for both."""
    if not minimum.attributes:
        return ()
    label = cells.attributes.index(LABEL)
    positive, negative = (
        np.array([side in level.split("|") for level in cells.levels[label]])[cells.codes[:, label]]
        for side in ("1", "0")
    )
    prevalence = target.margins.get(LABEL, {}).get(
        "1", float(counts[positive].sum() / max(counts.sum(), 1))
    )
    patients, positives, negatives = minimum.needed(min(max(prevalence, 0.01), 0.99))
    floors = []
    for name in minimum.attributes:
        k = cells.attributes.index(name)
        parts = [level.split("|") for level in cells.levels[k]]
        drawable = np.flatnonzero(counts @ cells.indicator(k))
        levels = {part for place in drawable.tolist() for part in parts[place]}
        for level in sorted(levels - set(minimum.exempt)):
            here = np.array([level in part_of for part_of in parts])[cells.codes[:, k]]
            for what, cases, least in (
                ("patients", here, patients),
                ("positives", here & positive, positives),
                ("negatives", here & negative, negatives),
            ):
                if least > 0:
                    floors.append(Floor(f"{name} {level}: {what}", cases.astype(np.float64), least))
    return tuple(floors)


def whole_patients(wanted: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Round to whole patients that sum to ``size``, by largest remainder."""
    if not len(wanted) or abs(wanted.sum() - size) > 0.5:
        return wanted
    whole = np.floor(wanted + 1e-9)
    short = round(size - float(whole.sum()))
    whole[np.argsort(whole - wanted, kind="stable")[:short]] += 1
    return whole


def largest(asked: Programme) -> Largest:
    """Bound the size: no cohort of more patients keeps every tolerance and minimum.

    The bound is proven, by linear relaxation. 0 where there is no such cohort of any size.
    """
    solved, names = _of_any_size(asked, -1.0)
    if solved.x is None:
        return Largest(0, ())
    binding = tuple(
        name for name, dual in zip(names, solved.ineqlin.marginals, strict=True) if abs(dual) > 1e-9
    )
    return Largest(int(np.floor(-solved.fun + 1e-6)), binding)


def smallest(asked: Programme) -> int | None:
    """The fewest patients with which every tolerance and minimum can be kept; None if never."""
    solved, _ = _of_any_size(asked, 1.0)
    return None if solved.x is None else int(np.ceil(solved.fun - 1e-6))


def _of_any_size(asked: Programme, sense: float) -> tuple[OptimizeResult, list[str]]:
    cells, counts = asked.cells, asked.counts
    rows, names = [np.zeros((0, len(counts)))], []
    for k, (shares, tolerance) in enumerate(zip(asked.shares, asked.tolerance, strict=True)):
        indicator = cells.indicator(k)
        for level, share in enumerate(shares):
            column = indicator[:, level]
            pool = int(counts @ column)
            rows += [(column - (share + tolerance))[None], ((share - tolerance) - column)[None]]
            names += [
                f"{asked.level(k, level)} is {side} its share: the pool has {pool}"
                for side in ("at most", "at least")
            ]
    inside, least = asked.minima()
    rows.append(-inside.toarray())
    names += [f"{floor.name} are at their minimum, {floor.least}" for floor in asked.floors]
    matrix = np.vstack(rows)
    right = np.append(np.zeros(len(matrix) - len(least)), -least)
    solved = linprog(
        np.full(len(counts), sense),
        A_ub=csr_matrix(matrix) if len(matrix) else None,
        b_ub=right if len(matrix) else None,
        bounds=np.column_stack([np.zeros(len(counts)), counts]),
        method="highs",
    )
    return solved, names
