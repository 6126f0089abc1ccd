"""Splits a commons by patient into open and sequestered, batch after batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.column_text import blocks, data_of, joined
from cohort_selection.sampling.cube_method import fly, round_balanced
from cohort_selection.sampling.joint_table import Cells, tabulate_coded
from cohort_selection.sampling.randomness import draw_in_cells, generator
from cohort_selection.sequestration.parts import Part, Parts, SequestrationError, places

__all__ = ["Part", "Parts", "SequestrationError", "split", "split_cells"]

_TOLERANCE = 1e-9
_GIVE = 1.0  # patients²: how far a level may stay from what it is owed, against the tilt
_STEPS = 30
_ROOM = 20.0  # variance of a batch's count from which on its chances are tilted


def split(
    cases: Sequence[Case],
    *,
    variables: Sequence[str],
    sequestered_share: float,
    seed: int,
    assigned: Mapping[str, Part] = MappingProxyType({}),
    within: str = "",
) -> Parts:
    """Assign every patient of ``cases``; those in ``assigned`` stay where they are.

    Each new patient is sequestered with probability ``sequestered_share``. The joint table of
    ``variables``, the table without the last of them, every single margin and the whole are
    balanced at once by the cube method, not one after the other. ``within`` names an attribute,
    such as the site, inside which the margins are balanced too.

    Batches: give all cases so far and the assignments so far. A cell's running count then stays
    within its rounding of the declared share, because the new patients of a cell are sequestered
    with the conditional chance that leads there (see :func:`_continue`). In a batch of some hundred
    patients or more, these chances are tilted so that the whole is exact to one patient after every
    batch and what earlier batches left over in a level is made good. The result depends on the
    seed and on who the patients are, not on the order of the cases.
    """
    if not 0.0 < sequestered_share < 1.0:
        raise SequestrationError(
            f"sequestered_share is {sequestered_share}; give a share between 0 and 1, such as 0.2"
        )
    strata = list(dict.fromkeys([within, *variables] if within else variables))
    table, known = CaseTable.of(cases), Parts.of(assigned)
    for name in strata if len(table) else ():
        table.variable(name)
    place = places(table.patients, known.patients)
    new, hidden = place < 0, np.zeros(len(place), np.bool_)
    hidden[~new] = known.sequestered[place[~new]]
    if new.any():
        digest = _digest(table.patients.filter(pa.array(new)))
        rng = generator(seed, "sequestration", digest)
        cells = tabulate_coded(table.profiles(strata), table.n_patients)
        hidden |= split_cells(cells, new, hidden, sequestered_share, rng, within=bool(within))
    return Parts(table.patients, hidden)


def _digest(patients: pa.LargeStringArray) -> str:
    """SHA-256 of the ids, joined by NUL."""
    digest = sha256()
    for block in blocks(len(patients)):
        text = data_of(joined("\0", patients[block]))
        digest.update(text if block.start else text[1:])
    return digest.hexdigest()


def split_cells(
    cells: Cells,
    new: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
    *,
    within: bool = False,
) -> NDArray[np.bool_]:
    """As :func:`split`, for a tabulated pool: mark the new units (units,) that are sequestered.

    ``hidden`` marks the earlier units that are; ``within`` balances inside the first attribute.
    """
    take = _allocate(cells, new, hidden, share, rng, within)
    drawn: NDArray[np.bool_] = np.zeros(len(new), dtype=np.bool_)
    drawn[new] = draw_in_cells(cells.of_unit[new], take, rng)
    return drawn


def _allocate(
    cells: Cells,
    new: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
    within: bool,
) -> NDArray[np.int64]:
    """How many of the new patients of each cell are sequestered."""
    n_cells = len(cells.counts)
    arriving = np.bincount(cells.of_unit[new], minlength=n_cells)
    before = np.bincount(cells.of_unit[~new], minlength=n_cells)
    taken = np.bincount(cells.of_unit[hidden & ~new], minlength=n_cells)
    sure, chance = _continue(before, taken, arriving, share)
    balance = _margins(cells, range(len(cells.attributes)))
    goal = _expected(
        [np.rint(balance.T @ n).astype(np.int64) for n in (before, taken, arriving)], share
    )
    chance = _steer(chance, balance, goal - balance.T @ (sure + chance))
    nested = _nested(cells)
    if within:
        for stratum in range(len(cells.levels[0])):
            here = np.flatnonzero(cells.codes[:, 0] == stratum)
            inside = _margins(cells, range(1, len(cells.attributes)))[here]
            chance[here] = fly(chance[here], inside, rng, nested[here])
    return sure + round_balanced(chance, balance, rng, nested)


@dataclass(frozen=True, slots=True)
class _Running:
    """Share of a count: its whole part and the fraction."""

    whole: NDArray[np.int64]
    fraction: NDArray[np.float64]


def _running(count: NDArray[np.int64], share: float) -> _Running:
    expected = share * count
    whole = np.floor(expected + _TOLERANCE).astype(np.int64)
    return _Running(whole, np.maximum(expected - whole, 0.0))


def _continue(
    before: NDArray[np.int64], taken: NDArray[np.int64], arriving: NDArray[np.int64], share: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sure count and chance of one more, a cell, given what earlier batches made of the cell.

    Let the share of a cell's running count be w + f, whole part and fraction. The rule keeps the
    number sequestered at w or, with probability f, at w + 1. A systematic pass with a random start
    u has this law at every time at once: it holds w + [u >= 1 - f]. Its transition from (w, f) to
    (w', f') needs only the present count, not u: from w on, one more than w' with probability
    max(0, f' - f) / (1 - f); from w + 1 on, with probability min(1, f' / f). Over what the earlier
    batches may have drawn, each new patient's chance is therefore exactly the share.
    A past that this rule cannot have produced (another share, another tool) is left out of account.
    """
    ours = np.abs(taken - share * before) < 1.0 - _TOLERANCE
    before, taken = np.where(ours, before, 0), np.where(ours, taken, 0)
    then, now = _running(before, share), _running(before + arriving, share)
    above = taken > then.whole
    with np.errstate(divide="ignore", invalid="ignore"):
        from_low = np.maximum(0.0, now.fraction - then.fraction) / (1.0 - then.fraction)
        from_high = np.minimum(1.0, now.fraction / then.fraction)
    chance = np.where(above, from_high, from_low)
    sure = now.whole - taken
    certain = chance > 1.0 - _TOLERANCE
    return sure + certain, np.where(certain | (chance < _TOLERANCE), 0.0, chance)


def _expected(counts: Sequence[NDArray[np.int64]], share: float) -> NDArray[np.float64]:
    """How many of the arriving should be sequestered in each level, after what was before.

    As a cell (see :func:`_continue`) where the level is within its rounding, so that the whole,
    which always is, goes on exactly as it should; where a level is further off, all of that is
    made good, but with no more than half of the share of those who arrive, so that it is as much
    on either side.
    """
    before, taken, arriving = counts
    sure, chance = _continue(before, taken, arriving, share)
    off = taken - share * before
    most = 0.5 * share * arriving
    return np.where(
        np.abs(off) < 1.0 - _TOLERANCE, sure + chance, share * arriving - np.clip(off, -most, most)
    )


def _steer(
    chance: NDArray[np.float64], balance: NDArray[np.float64], owed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Tilt the cells' chances until the batch is expected to make good what margins are ``owed``.

    What earlier batches left over or short in a level, or in all, comes from cells that then were
    rounded up or down; it is as often one as the other, and so a patient's chance stays the share.
    The tilt is the smallest (in Kullback-Leibler distance) that brings the whole back exactly,
    and levels the less, the fewer of their patients the batch has. In a batch, or a level, with so
    few that the tilt would move a patient's chance, nothing is made good.
    """
    free = (chance > 0.0) & (chance < 1.0)
    if not free.any() or not np.abs(owed).max() > _TOLERANCE:
        return chance
    start = chance[free]
    room = (start * (1.0 - start)) @ balance[free]
    if room[0] < _ROOM:
        return chance
    able = room >= _ROOM / 10.0
    columns, owed = balance[free][:, able], owed[able]
    give = np.full(len(owed), _GIVE)
    give[0] = _TOLERANCE
    score = np.log(start / (1.0 - start))
    multiplier = np.zeros(len(owed))
    tilted = start
    for _ in range(_STEPS):
        gradient = owed - columns.T @ (tilted - start) - give * multiplier
        if float(np.abs(gradient).max()) < 1e-9:
            break
        curvature = columns.T @ (columns * (tilted * (1.0 - tilted))[:, None]) + np.diag(give)
        step = np.linalg.solve(curvature, gradient)
        multiplier = multiplier + step / max(1.0, float(np.abs(columns @ step).max()))
        tilted = 1.0 / (1.0 + np.exp(-np.clip(score + columns @ multiplier, -30.0, 30.0)))
    steered = chance.copy()
    steered[free] = tilted
    return steered


def _margins(cells: Cells, attributes: Sequence[int]) -> NDArray[np.float64]:
    """Balancing columns: the whole, then each level but the most frequent of each attribute."""
    columns: list[NDArray[np.float64]] = [np.ones((len(cells.counts), 1))]
    for attribute in attributes:
        indicator = cells.indicator(attribute)
        rarest_first = np.argsort(cells.counts @ indicator, kind="stable")
        columns.append(indicator[:, rarest_first[:-1]])
    return np.hstack(columns)


def _nested(cells: Cells) -> NDArray[np.int64]:
    """Number the cells of the table without its last attribute; neighbours, as cells are sorted."""
    if cells.codes.shape[1] < 2:
        return np.full(len(cells.counts), -1, dtype=np.int64)
    changes = np.any(np.diff(cells.codes[:, :-1], axis=0) != 0, axis=1)
    return np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)
