"""Names the minimum or level that a pool falls short of, and the patients who would help."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, identity, vstack

from cohort_selection.matching.achievable import Programme
from cohort_selection.matching.tolerance import Minimum
from cohort_selection.sampling.joint_table import Cells

_COMBINATIONS = 50_000


def nobody_has(asked: Programme) -> str:
    """One sentence on levels that nobody in the pool has, where the tolerance does not cover them.

    Empty where there are none.
    """
    cells, told = asked.cells, []
    for k, share in enumerate(asked.shares):
        pool = cells.counts @ cells.indicator(k)
        names = cells.levels[k]
        missing = (share > 0.0) & (pool == 0)
        if float(share[missing].sum()) > asked.tolerance[k]:
            absent = [names[j] for j in np.flatnonzero(missing)]
            there = [names[j] for j in range(len(names)) if pool[j]]
            told.append(
                f"{cells.attributes[k]} {' and '.join(map(repr, absent))}, "
                f"{100 * float(share[missing].sum()):.3g} % of the target, where the pool has "
                f"{', '.join(map(repr, there)) or 'no level'}"
            )
    if not told:
        return ""
    return (
        f"nobody in the pool has {'; nor '.join(told)}: write the levels in [cohort.target] as the "
        "catalog has them, or give these no share"
    )


def idle_exemptions(cells: Cells, minimum: Minimum) -> tuple[str, ...]:
    """One sentence on levels that the minimum exempts and nobody in the pool has."""
    held = {
        part
        for name in minimum.attributes
        for level in cells.levels[cells.attributes.index(name)]
        for part in level.split("|")
    }
    idle = [level for level in minimum.exempt if level not in held]
    if not idle:
        return ()
    return (
        f"[cohort.minimum] exempt names {', '.join(map(repr, idle))}, which nobody in the pool "
        f"has; the levels are {', '.join(map(repr, sorted(held)))}",
    )


def none_of_any_size(asked: Programme) -> str:
    """One sentence: no size does, and which minima stand in the way, if they do."""
    if absent := nobody_has(asked):
        return f"no cohort of any size comes near the target: {absent}"
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


def scarcest(asked: Programme, size: int) -> tuple[int, int] | None:
    """The level that lacks most patients even if everybody who has it were taken."""
    missing = [
        (float(goal[level] - asked.counts @ asked.cells.indicator(k)[:, level]), k, level)
        for k, goal in enumerate(asked.wanted(size))
        for level in range(len(goal))
    ]
    most = max(missing, default=(0.0, 0, 0))
    return (most[1], most[2]) if most[0] > 0 else None


def would_help(asked: Programme, size: int) -> tuple[str, ...]:
    """Say how many more patients of each level would let ``size`` meet the target exactly.

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
