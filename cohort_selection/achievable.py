"""What a pool can give: linear programmes over the cells of its joint table.

The programmes say whether a cohort exists, how large it can be, which margins it can have, which
level stands in the way and who would help. Their own solution is never the cohort: see matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse import csr_matrix, hstack, identity, vstack

from cohort_selection.cells import LABEL, Cells
from cohort_selection.design import Minimum, Tolerance
from cohort_selection.targets import Target

_LEAST_CHANCES = (0.01, 1e-3, 1e-5)  # of the average chance: what every eligible patient keeps
_COMBINATIONS = 50_000
_TRIES = 16
_TIGHTEST = 1e-3  # of the loosest tolerance: weight of a margin that may not deviate


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


def drawable_size(asked: Programme, bound: int) -> int:
    """The largest size found, from ``bound`` down, whose margins in whole patients all fit.

    Every eligible patient keeps a chance, which the bound does not ask for. 0 where none is found.
    """
    step, size = 1, bound
    while size > 0 and not _fits(asked, size):
        size -= step
        step += max(1, step // 2)
    if size == bound:
        return size
    between = np.linspace(size + 1, min(size + step, bound), _TRIES).astype(int)
    return next(
        (n for n in sorted(set(between.tolist()), reverse=True) if _fits(asked, n)), max(size, 0)
    )


def _fits(asked: Programme, size: int) -> bool:
    return size > 0 and any(
        _margins(asked, size, least, strict=True) is not None for least in _LEAST_CHANCES
    )


def achievable_margins(asked: Programme, size: int) -> tuple[NDArray[np.float64], ...]:
    """Margins a cohort of ``size`` can have: least largest deviation, then least total deviation.

    Deviations count in units of each margin's tolerance. Each eligible patient keeps a small
    chance, so that raking to the margins has a solution. Raises MatchingError where a minimum
    cannot be met, or the best margins are beyond their tolerance.
    """
    for least in _LEAST_CHANCES:
        if (found := _margins(asked, size, least, strict=True)) is not None:
            return found
    for least in _LEAST_CHANCES:
        if (found := _margins(asked, size, least, strict=False)) is not None:
            break
    if found is None or _farthest(asked, size, found)[0] > 1.0 + 1e-6:
        raise MatchingError(_refusal(asked, size, found))
    return found


def _margins(
    asked: Programme, size: int, least_chance: float, *, strict: bool
) -> tuple[NDArray[np.float64], ...] | None:
    """The two stages; None where nothing is feasible. ``strict``: whole patients in tolerance."""
    counts, levels = asked.counts, asked.levels()
    wanted = asked.wanted(size)
    goal = np.concatenate([*wanted, np.zeros(0)])
    n_cells, n_levels = len(counts), len(goal)
    tolerance = np.repeat(asked.tolerance, [len(share) for share in asked.shares])
    loosest = max(asked.tolerance, default=0.0)
    weight = np.maximum(tolerance / loosest, _TIGHTEST) if loosest else np.ones(n_levels)
    slack, nothing = identity(n_levels, format="csr"), csr_matrix((n_levels, 1))
    minima, least = asked.minima()
    blocks = [
        hstack([levels, -slack, nothing]),
        hstack([-levels, -slack, nothing]),
        hstack([csr_matrix((n_levels, n_cells)), slack, csr_matrix(-weight[:, None])]),
        hstack([-minima, csr_matrix((len(least), n_levels + 1))]),
    ]
    right = [goal, -goal, np.zeros(n_levels), -least]
    if strict and n_levels:
        share = np.concatenate(asked.shares)
        most = np.floor((share + tolerance) * size + 1e-6)
        fewest = np.ceil((share - tolerance) * size - 1e-6)
        wide = csr_matrix((n_levels, n_levels + 1))
        blocks += [hstack([levels, wide]), hstack([-levels, wide])]
        right += [most, -fewest]
    everything, limit = vstack(blocks).tocsr(), np.concatenate(right)
    whole = csr_matrix(np.concatenate([np.ones(n_cells), np.zeros(n_levels + 1)])[None, :])
    kept = np.minimum(counts * (least_chance * size / max(counts.sum(), 1)), counts)
    lower = np.concatenate([kept, np.zeros(n_levels + 1)])
    upper = np.concatenate([counts, np.full(n_levels + 1, np.inf)])
    cost = np.concatenate([np.zeros(n_cells + n_levels), [1.0]])
    for stage in range(2):
        solved = linprog(
            cost,
            A_ub=everything,
            b_ub=limit,
            A_eq=whole,
            b_eq=[float(size)],
            bounds=np.column_stack([lower, upper]),
            method="highs",
        )
        if solved.x is None:
            return None
        if stage == 0:
            upper[-1] = solved.x[-1] * (1 + 1e-7) + 1e-7
            cost = np.concatenate([np.zeros(n_cells), np.ones(n_levels), [0.0]])
    reached = solved.x[:n_cells]
    return tuple(reached @ asked.cells.indicator(k) for k in range(len(asked.shares)))


def _farthest(
    asked: Programme, size: int, reached: Sequence[NDArray[np.float64]]
) -> tuple[float, float, int, int]:
    """Patients beyond the tolerance, the deviation, and which level, of the margin worst off."""
    worst = (-np.inf, 0.0, 0, 0)
    for k, (goal, margin) in enumerate(zip(asked.wanted(size), reached, strict=True)):
        for j, off in enumerate(np.abs(margin - goal).tolist()):
            worst = max(worst, (off - asked.tolerance[k] * size, off, k, j))
    return worst


def _refusal(asked: Programme, size: int, reached: Sequence[NDArray[np.float64]] | None) -> str:
    """One sentence: the level in the way, what it takes and has, and who would help."""
    told = lacking(asked, size)
    if told:
        enough = smallest(asked)
        remedy = (
            "no size meets every minimum within the tolerance: lower the minimum, exempt the level "
            "or allow more"
            if enough is None
            else f"all are met from a size of {enough} on: enlarge the cohort or lower the minimum"
        )
        return f"no cohort of {size} has the minimum of every subgroup: {'; '.join(told)}; {remedy}"
    if reached is None:
        return (
            f"no cohort of {size} has the minimum of every subgroup and the target's margins; "
            "lower the minimum, or allow a larger tolerance"
        )
    cells, wanted = asked.cells, asked.wanted(size)
    _, deviation, k, level = _farthest(asked, size, reached)
    k, level = _scarce(asked, size) or (k, level)
    tolerance = asked.tolerance[k]
    have = int(asked.counts @ cells.indicator(k)[:, level])
    if have == 0:
        pool = cells.counts @ cells.indicator(k)
        present = [name for name, n in zip(cells.levels[k], pool, strict=True) if n > 0]
        return (
            f"the target wants {int(wanted[k][level])} patients of {cells.attributes[k]} "
            f"{cells.levels[k][level]!r} and the pool has none; its levels are {', '.join(present)}"
        )
    helped = would_help(asked, size)[:3]
    return (
        f"no cohort of {size} comes within {tolerance:.3g} of the target: "
        f"{asked.level(k, level)} takes {int(wanted[k][level])} patients and the pool has {have}; "
        f"lower size, change the target, or allow more than {deviation / size:.3g}; "
        f"what would help: {'; '.join(helped)}"
    )


def none_of_any_size(asked: Programme) -> str:
    """One sentence: no size does, and which minima stand in the way, if they do."""
    if told := lacking(asked, None):
        return (
            f"no cohort of any size has the minimum of every subgroup: {'; '.join(told)}; lower "
            "the minimum, exempt the level or allow more"
        )
    widest = max(asked.tolerance, default=0.0)
    return (
        f"no cohort of any size is within {widest:.3g} of the target; allow more, or change the "
        "target"
    )


def lacking(asked: Programme, size: int | None) -> tuple[str, ...]:
    """Sentences for the minima that a cohort of ``size``, or of any, cannot meet in tolerance.

    By how much is the least total shortage; other levels may be short of as many instead.
    """
    minima, least = asked.minima()
    n_cells, n_floors = len(asked.counts), len(least)
    if not n_floors:
        return ()
    levels = asked.levels().toarray()
    share = np.concatenate([*asked.shares, np.zeros(0)])
    tolerance = np.repeat(asked.tolerance, [len(each) for each in asked.shares])
    most, fewest = (share + tolerance)[:, None], (share - tolerance)[:, None]
    if size is None:
        sides = [levels - most, fewest - levels]
        room = np.zeros(2 * len(share))
    else:
        sides = [levels, -levels]
        room = np.append(most * size, -fewest * size) + 1.0
    solved = linprog(
        np.append(np.zeros(n_cells), np.ones(n_floors)),
        A_ub=vstack(
            [
                hstack([csr_matrix(np.vstack(sides)), csr_matrix((len(room), n_floors))]),
                hstack([-minima, -identity(n_floors)]),
            ]
        ).tocsr(),
        b_ub=np.append(room, -least),
        A_eq=None if size is None else np.append(np.ones(n_cells), np.zeros(n_floors))[None],
        b_eq=None if size is None else [float(size)],
        bounds=[(0.0, float(n)) for n in asked.counts] + [(0.0, None)] * n_floors,
        method="highs",
    )
    if solved.x is None:
        return ()
    short = solved.x[n_cells:]
    return tuple(
        f"{floor.name} needed {floor.least}, within reach {floor.least - short[i]:.0f}, "
        f"in the pool {asked.counts @ floor.inside:.0f}"
        for i, floor in enumerate(asked.floors)
        if short[i] > 1e-6
    )


def _scarce(asked: Programme, size: int) -> tuple[int, int] | None:
    """The level that lacks most patients even if everybody who has it were taken."""
    missing = [
        (float(goal[level] - asked.counts @ asked.cells.indicator(k)[:, level]), k, level)
        for k, goal in enumerate(asked.wanted(size))
        for level in range(len(goal))
    ]
    most = max(missing, default=(0.0, 0, 0))
    return (most[1], most[2]) if most[0] > 0 else None


def would_help(asked: Programme, size: int) -> tuple[str, ...]:
    """Say how many more patients, and of which levels, would let ``size`` meet the target exactly.

    The fewest, by linear programme over every combination of levels that has a share; other mixes
    of as many may do as well. Empty where none is needed.
    """
    cells, shares, held = asked.cells, asked.shares, asked.counts
    choices = [np.flatnonzero(share > 0) for share in shares]
    n_new = int(np.prod([len(choice) for choice in choices]))
    if not shares or n_new > _COMBINATIONS:
        return (f"the target has {n_new} combinations of levels, too many to search for help",)
    combinations = np.stack(np.meshgrid(*choices, indexing="ij"), axis=-1).reshape(n_new, -1)
    rows = []
    for k, share in enumerate(shares):
        extra: NDArray[np.float64] = np.zeros((n_new, len(share)))
        extra[np.arange(n_new), combinations[:, k]] = 1.0
        rows.append(np.hstack([cells.indicator(k).T, extra.T]))
    solved = linprog(
        np.concatenate([np.zeros(len(held)), np.ones(n_new)]),
        A_eq=csr_matrix(np.vstack(rows)),
        b_eq=np.concatenate(asked.wanted(size)),
        bounds=[(0.0, float(n)) for n in held] + [(0.0, None)] * n_new,
        method="highs",
    )
    if solved.x is None:
        return (
            "no number of further patients meets the target: its margins contradict each other",
        )
    needed = np.ceil(solved.x[len(held) :] - 1e-6)
    return tuple(
        f"{needed[c]:.0f} more: "
        + ", ".join(asked.level(k, int(combinations[c, k])) for k in range(len(shares)))
        for c in np.argsort(-needed, kind="stable")
        if needed[c] > 0
    )
