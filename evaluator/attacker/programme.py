"""An attacker with a linear programme, who puts together all that was ever released.

Unknown are the positive and the negative cases of each cell, and those of them that a model called
positive. Whatever is known is a sum of unknowns within bounds. The least and the
largest value of a withheld count, under all of it at once, is what the attacker learns
(Fischetti & Salazar 2001, Management Science 47(7); Willenborg & de Waal 2001, chapter 4).

A count is **protected** where the attacker's interval holds all that a small one may be, up to the
minimum less one, or is as wide as the minimum: `protected`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evaluator.attacker.cells import Cell
from evaluator.attacker.structure import Structure

POSITIVE = "positive"
NEGATIVE = "negative"
CASES = "cases"
PATIENTS = "patients"
_SLACK = 1e-6
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """A count that somebody was told, exactly or within bounds.

    ``count`` is a count of the programme, or a sum of it. ``own`` marks what the release says that
    is being decided: it can still be withheld, with ``told_by`` where that is not the cell itself.
    """

    cell: Cell
    count: str
    low: float
    high: float
    own: bool = False
    told_by: Cell | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A withheld count, the least that any such cell has, and the minimum that protects it.

    An ``implied`` cell stands in no release and follows from several. It may be known to be empty,
    or to reach the minimum.
    """

    cell: Cell
    count: str
    least: int
    minimum: int
    implied: bool = False

    def protected(self, low: float, high: float) -> bool:
        """Whether these bounds hide the count."""
        if self.implied and (high < 1 - _SLACK or low >= self.minimum - _SLACK):
            return True
        return protected(low, high, self.least, self.minimum)


@dataclass(frozen=True, slots=True)
class Won:
    """A count that is not protected, its bounds, and the told cells that the bounds rest on."""

    target: Target
    low: float
    high: float
    rests_on: frozenset[Cell]


def protected(low: float, high: float, least: int, minimum: int) -> bool:
    """Whether an interval hides a count: it may be any small one, or is as wide as the minimum."""
    if high - low >= minimum - _SLACK:
        return True
    return low <= least + _SLACK and high >= minimum - 1 - _SLACK


@dataclass(frozen=True)
class Programme:
    """Unknowns of a structure, and what ties them.

    ``sums`` names counts that are sums of others. ``parts`` names counts that are part of another
    one or of a sum: those called positive, of the positive ones.
    """

    structure: Structure
    counts: tuple[str, ...]
    parts: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nobody: Mapping[str, frozenset[int]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.counts) * self.structure.starts[-1]

    def places(self, cell: Cell, count: str) -> list[int]:
        """The unknowns that add up to a count of a cell; none where the cell is not laid out."""
        within = self.structure.places(cell)
        if within is None:
            return []
        step = self.structure.starts[-1]
        offsets = [self.counts.index(name) * step for name in self.sums.get(count, (count,))]
        return [offset + place for offset in offsets for place in within]


class Attacker:
    """Solves for withheld counts; keeps each solution, since most intervals need no more."""

    def __init__(self, programme: Programme) -> None:
        """Start with what everyone knows: no count is negative, and counts agree."""
        self._programme = programme
        self._points: list[NDArray[np.float64]] = []

    def first_won(self, facts: Sequence[Fact], targets: Sequence[Target]) -> Won | None:
        """The first target that the facts bound too tightly; None where all are protected.

        Each call's facts must be those of the call before, or fewer: then its solutions still hold.
        Raises Contradiction where no counts at all agree with the facts, Unsolved where the solver
        gives up.
        """
        rows = _Rows(self._programme, facts)
        places = {t: self._programme.places(t.cell, t.count) for t in targets}
        left = [target for target in targets if places[target] and not self._seen(target, places)]
        self._try_many(rows, [places[target] for target in left])
        for target in left:
            if self._seen(target, places):
                continue
            ends, rests_on = [], set[Cell]()
            for sign in (-1.0, 1.0):
                value, point, used = rows.solved(_sum(places[target], sign, rows.size))
                ends.append(sign * value)
                rests_on |= used
                self._points.append(point)
                if self._seen(target, places):
                    break
            else:
                high, low = ends
                if not target.protected(low, high):
                    return Won(target, low, high, frozenset(rests_on))
        return None

    def _seen(self, target: Target, places: Mapping[Target, Sequence[int]]) -> bool:
        """Whether solutions that are known already lie as far apart as protection asks."""
        if not self._points:
            return False
        sums = np.stack(self._points)[:, places[target]].sum(axis=1)
        return protected(sums.min(), sums.max(), target.least, target.minimum)

    def _try_many(self, rows: _Rows, sums: Sequence[Sequence[int]]) -> None:
        """Solve for many counts at once, some large and some small: solutions far apart are kept.

        Most intervals are wide, and show it here.
        """
        signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(_AT_ONCE, len(sums)))
        for row in signs if len(sums) > _AT_ONCE else ():
            objective = np.zeros(rows.size)
            for places, sign in zip(sums, row, strict=True):
                objective[places] += sign
            self._points.append(rows.solved(objective)[1])


def _sum(places: Sequence[int], sign: float, size: int) -> NDArray[np.float64]:
    row = np.zeros(size)
    row[list(places)] = sign
    return row


class Unsolved(RuntimeError):
    """The solver failed, so that nobody knows what the facts tell."""


class Contradiction(ValueError):
    """Facts that no counts agree with."""


class _Rows:
    """Facts as the matrices of a linear programme."""

    def __init__(self, programme: Programme, facts: Sequence[Fact]) -> None:
        from scipy.sparse import csr_array  # scipy is costly to import

        self.size = programme.size
        equal: list[tuple[list[int], list[float], float]] = []
        below: list[tuple[list[int], list[float], float]] = []
        self._of_equal: list[Cell | None] = []
        self._of_below: list[Cell | None] = []
        step = programme.structure.starts[-1]
        for one, other in programme.structure.tied():
            for count in range(len(programme.counts)):
                at = [count * step + place for place in (*one, *other)]
                equal.append((at, [1.0] * len(one) + [-1.0] * len(other), 0.0))
                self._of_equal.append(None)
        for part, whole in programme.parts.items():
            first, *others = (
                programme.counts.index(name) * step
                for name in (part, *programme.sums.get(whole, (whole,)))
            )
            for place in range(step):
                at = [first + place, *(other + place for other in others)]
                below.append((at, [1.0] + [-1.0] * len(others), 0.0))
                self._of_below.append(None)
        for fact in facts:
            at = programme.places(fact.cell, fact.count)
            teller = (fact.told_by or fact.cell) if fact.own else None
            if not at:
                continue
            if fact.low == fact.high:
                equal.append((at, [1.0] * len(at), fact.low))
                self._of_equal.append(teller)
                continue
            if np.isfinite(fact.high):
                below.append((at, [1.0] * len(at), fact.high))
                self._of_below.append(teller)
            if fact.low > 0:
                below.append((at, [-1.0] * len(at), -fact.low))
                self._of_below.append(teller)
        self._bounds = np.zeros((self.size, 2))
        self._bounds[:, 1] = np.inf
        for name, empty in programme.nobody.items():
            self._bounds[[programme.counts.index(name) * step + place for place in empty], 1] = 0.0
        self._given = {}
        for name, rows in (("eq", equal), ("ub", below)):
            if rows:
                columns = [place for at, _, _ in rows for place in at]
                numbers = [number for number, (at, _, _) in enumerate(rows) for _ in at]
                values = [value for _, weights, _ in rows for value in weights]
                shape = (len(rows), self.size)
                self._given[f"A_{name}"] = csr_array((values, (numbers, columns)), shape=shape)
                self._given[f"b_{name}"] = np.array([bound for _, _, bound in rows])

    def solved(
        self, objective: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64], set[Cell]]:
        """The least value of the objective, where it is taken, and the told cells it rests on."""
        from scipy.optimize import linprog

        solution = linprog(objective, **self._given, bounds=self._bounds, method="highs")
        if solution.status == 3:  # not bounded: nothing is known
            raise Contradiction("a count has no bound: the number of all cases is missing")
        if solution.x is None:
            if solution.status == 2 or "infeasible" in solution.message.lower():
                raise Contradiction(solution.message)
            raise Unsolved(f"no bounds were found, and nothing may be shown: {solution.message}")
        used: set[Cell] = set()
        for marks, side in ((self._of_equal, "eqlin"), (self._of_below, "ineqlin")):
            if marks:
                duals = getattr(solution, side).marginals
                used |= {
                    cell
                    for cell, dual in zip(marks, duals, strict=True)
                    if cell is not None and abs(dual) > 1e-9
                }
        return float(solution.fun), solution.x, used
