"""Inclusion probabilities of cells: raked to margins, minima and the pool's associations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.matching.achievable import Programme
from cohort_selection.sampling.association import (
    Association,
    Pair,
    cramers_v,
    independent_cells,
    pair_table,
)
from cohort_selection.sampling.joint_table import Cells
from cohort_selection.sampling.raking import Raked, rake

MET = 1e-4  # patients: a margin nearer than this counts as met
_ROUNDS = 8
_MOST_CELLS = 1000  # of pairs pulled at once; what raking takes grows with their square
_LEAST = 0.5  # of the smallest chance that the margins alone give: what everybody keeps


@dataclass(frozen=True, slots=True)
class Chances:
    """Each cell's probability, its largest miss in patients, and what is to be told of it."""

    probability: NDArray[np.float64]
    largest_miss: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pull:
    """The cells of a pair as columns of raking, and what each would have at independence."""

    columns: NDArray[np.float64]
    aim: NDArray[np.float64]


def chances(
    asked: Programme,
    margins: Sequence[NDArray[np.float64]],
    size: int,
    association: Association,
) -> Chances:
    """The chances nearest to equal with these ``margins``, the minima and no undue association.

    Where margins or minima stand against it, or it would leave somebody less than half of the
    smallest chance there was, a pair stays more associated than ``association`` allows.
    """
    inside = np.flatnonzero(asked.counts)
    counts, n_margins = asked.counts[inside], len(margins)
    system = _columns(asked.cells, margins, inside, size)
    raked = _rake(asked, inside, *system)
    probability: NDArray[np.float64] = np.zeros(len(asked.counts))
    probability[inside] = raked.probability
    miss = _miss(asked, inside, raked.probability, margins)
    if miss > MET:
        return Chances(probability, miss)

    def associated(expected: NDArray[np.float64]) -> dict[Pair, float]:
        return {pair: cramers_v(pair_table(asked.cells, pair, expected)) for pair in limits}

    limits = association.limits(asked.cells, n_margins)
    may_be_pulled = dict(limits)
    least = _LEAST * float(raked.probability.min())
    reached = [associated(asked.counts * probability)]
    best = reached[0]
    strength: dict[Pair, float] = {}
    pulls: dict[Pair, _Pull] = {}
    start = raked.multiplier[: len(system[1])]
    for _ in range(_ROUNDS):
        before, strength = strength, association.strengths(may_be_pulled, reached, strength)
        for pair in _too_many(asked.cells, strength):
            del strength[pair], may_be_pulled[pair]
        if strength == before:
            break
        for pair in strength:
            if pair not in pulls:
                pulls[pair] = _Pull(
                    *independent_cells(asked.cells, pair, inside, counts * probability[inside])
                )
        columns, totals, softness, start = _pulled(system, pulls, strength, start)
        raked = _rake(asked, inside, columns, totals, softness=softness, start=start)
        if (
            _miss(asked, inside, raked.probability, margins) > MET
            or float(raked.probability.min()) < least
        ):
            break
        start = raked.multiplier[: len(totals)]
        expected: NDArray[np.float64] = np.zeros(len(asked.counts))
        expected[inside] = counts * raked.probability
        reached.append(associated(expected))
        if _excess(reached[-1], limits) < _excess(best, limits):
            best = reached[-1]
            probability[inside] = raked.probability
    miss = _miss(asked, inside, probability[inside], margins)
    return Chances(probability, miss, _told(asked, limits, reached[0], best, association))


def _pulled(
    system: tuple[NDArray[np.float64], NDArray[np.float64]],
    pulls: Mapping[Pair, _Pull],
    strength: Mapping[Pair, float],
    start: NDArray[np.float64],
) -> tuple[NDArray[np.float64], ...]:
    """The columns and aims of the system with its pulls, their softness, and where to start."""
    columns, aims = system
    softness = [pulls[pair].aim / strength[pair] for pair in pulls]
    every = np.concatenate([aims, *(pull.aim for pull in pulls.values())])
    return (
        np.hstack([columns, *(pull.columns for pull in pulls.values())]),
        every,
        np.concatenate([np.zeros(len(aims)), *softness]),
        np.append(start, np.zeros(len(every) - len(start))),
    )


def _too_many(cells: Cells, strength: Mapping[Pair, float]) -> list[Pair]:
    """The pairs, the latest first to go, with which raking would have too many totals."""
    room, over = _MOST_CELLS, []
    for a, b in strength:
        size = len(cells.levels[a]) * len(cells.levels[b])
        if size > room:
            over.append((a, b))
        else:
            room -= size
    return over


def _excess(found: Mapping[Pair, float], limits: Mapping[Pair, float]) -> float:
    return sum(max(0.0, found[pair] - limit) for pair, limit in limits.items())


def _told(
    asked: Programme,
    limits: Mapping[Pair, float],
    first: Mapping[Pair, float],
    reached: Mapping[Pair, float],
    association: Association,
) -> tuple[str, ...]:
    """One sentence for each pair that the margins alone would have made too associated."""
    names = asked.cells.attributes
    return tuple(
        f"{names[a]} and {names[b]}: the margins alone would bring a Cramér's V of "
        f"{first[a, b]:.3f}, the pool has {limit - association.excess:.3f}; "
        f"{reached[a, b]:.3f} is expected of the cohort"
        for (a, b), limit in limits.items()
        if first[a, b] > limit
    )


def _rake(
    asked: Programme,
    inside: NDArray[np.int64],
    columns: NDArray[np.float64],
    totals: NDArray[np.float64],
    *,
    softness: NDArray[np.float64] | None = None,
    start: NDArray[np.float64] | None = None,
) -> Raked:
    """Rake to the totals, and up to those minima that they alone would not bring."""
    counts = asked.counts[inside]
    groups = [floor.inside[inside] for floor in asked.floors]
    give = np.zeros(len(totals)) if softness is None else softness
    raised: list[int] = []
    for _ in range(2 * len(groups) + 1):
        raked = rake(
            counts,
            np.column_stack([columns, *(groups[i] for i in raised)]),
            np.append(totals, [float(asked.floors[i].least) for i in raised]),
            softness=np.append(give, np.zeros(len(raised))),
            start=None if start is None else np.append(start, np.zeros(len(raised))),
        )
        expected = counts * raked.probability
        under = [
            i
            for i, floor in enumerate(asked.floors)
            if i not in raised and expected @ groups[i] < floor.least - MET
        ]
        # A minimum that would now be surpassed by itself is let go.
        pushed = raked.multiplier[columns.shape[1] :]
        kept = [i for i, push in zip(raised, pushed, strict=True) if push > -1e-9]
        if not under and kept == raised:
            break
        raised = [*kept, *under]
    return raked


def _miss(
    asked: Programme,
    inside: NDArray[np.int64],
    probability: NDArray[np.float64],
    wanted: Sequence[NDArray[np.float64]],
) -> float:
    """Largest miss, in patients, of the expected margins and minima."""
    expected = asked.counts[inside] * probability
    misses = [
        float(np.abs(expected @ asked.cells.indicator(k)[inside] - goal).max())
        for k, goal in enumerate(wanted)
    ]
    misses += [floor.least - float(expected @ floor.inside[inside]) for floor in asked.floors]
    return max(misses, default=0.0)


def _columns(
    cells: Cells,
    margins: Sequence[NDArray[np.float64]],
    inside: NDArray[np.int64],
    size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raking columns over eligible cells: the whole, and each level but one of each attribute."""
    columns = [np.ones((len(inside), 1))]
    goals = [np.array([float(size)])]
    for k, margin in enumerate(margins):
        indicator = cells.indicator(k)[inside]
        present = np.flatnonzero(indicator.any(axis=0))
        but_one = np.delete(present, np.argmax(margin[present]))
        columns.append(indicator[:, but_one])
        goals.append(margin[but_one])
    return np.hstack(columns), np.concatenate(goals)
