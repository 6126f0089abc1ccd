"""Rounds fractional counts at random so that margins are met: the cube method.

Flight: Deville & Tillé (2004), Biometrika 91(4), with the moving window of Chauvet & Tillé (2006),
Computational Statistics 21. Each unit ends at 0 or 1, is 1 with exactly the probability it came
with, and the balancing totals are kept as long as a direction exists that keeps them all.

Landing: the units then left are no more than there are totals. A design for them is sought, as in
Deville and Tillé's landing by linear programme: a few integer points, each with every total within
one of its goal, and weights with which their mean is exactly where the flight ended. One of them is
drawn with its weight, so each unit keeps its probability exactly, and no draw is refused or
repeated. All points there could be are too many to list; those needed are found one by one, as
Wolfe (1976, Mathematical Programming 11) finds the nearest point of a polytope: the distance still
left says in which direction the next one must lie.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import nnls

_EPSILON = 1e-9
_STARTS = 12
_SLACK = 1e-4  # totals are whole numbers: what is nearer than this to one is that number
_WITHIN = (1.0, 2.0, 3.0)  # how far a total may be from its goal, tried in turn
_ROUNDS = 200
_FORBIDDEN = 1e4
_ENOUGH = 1e-7  # of a probability
_IN_VAIN = 6  # rounds in a row without a new point, each looking harder in the direction needed


def round_balanced(
    probability: NDArray[np.float64],
    balance: NDArray[np.float64],
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
    implied: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Draw 0/1 for each unit with P(1) = ``probability`` and balanced totals.

    ``balance`` is (units, totals), its first column the one that must hold before all others.
    ``group`` (units,) numbers nested strata, equal numbers adjacent: the sum of each is kept to
    within its own rounding (as with the totals, one more is possible but rare).
    ``implied`` (units, totals) are sums and differences of ``balance``, as the level of an
    attribute that is what the others leave: they too then end within one.
    """
    groups = np.full(len(probability), -1, dtype=np.int64) if group is None else group
    matrix = np.ascontiguousarray(balance, dtype=np.float64)
    chance = fly(probability, matrix, rng, groups)
    left = np.flatnonzero(_open(chance))
    if len(left):
        strata, members = np.unique(groups[left], return_counts=True)
        shared = strata[(members > 1) & (strata >= 0)]
        columns = [matrix[left], groups[left][:, None] == shared[None, :]]
        if implied is not None:
            columns.append(implied[left])
        chance[left] = _land(chance[left], np.hstack(columns), rng)
    return np.rint(chance).astype(np.int64)


def fly(
    probability: NDArray[np.float64],
    balance: NDArray[np.float64],
    rng: np.random.Generator,
    group: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Settle as many units as every total allows; return probabilities, most of them 0 or 1."""
    chance = _tidy(probability)
    matrix = np.ascontiguousarray(balance, dtype=np.float64)
    _flight(chance, matrix, group, rng.random(len(chance) + 1))
    return chance


def _tidy(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    chance = np.array(probability, dtype=np.float64)
    chance[chance < _EPSILON] = 0.0
    chance[chance > 1.0 - _EPSILON] = 1.0
    return chance


def _open(chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (chance > _EPSILON) & (chance < 1.0 - _EPSILON)


def _land(
    start: NDArray[np.float64], columns: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw an integer point, ``start`` on average, with each total within one where that can be."""
    goal = columns.T @ start
    ticket = rng.random()
    for within in _WITHIN:
        found = _design(start, columns, goal, within, rng)
        if found is not None:
            points, weight = found
            return points[:, int(np.searchsorted(np.cumsum(weight)[:-1], ticket, side="right"))]
    # Systematic sampling: keeps the probabilities and the number of units, whatever the totals.
    return np.diff(np.floor(np.cumsum(start) + ticket), prepend=0.0)


def _design(
    start: NDArray[np.float64],
    columns: NDArray[np.float64],
    goal: NDArray[np.float64],
    within: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Integer points with totals ``within`` their goals, and weights that give ``start``, or None.

    The first total, the whole, is never further than its own rounding.
    """
    least, most = np.ceil(goal - within - _SLACK), np.floor(goal + within + _SLACK)
    walls = np.stack([least, np.floor(goal + _SLACK), np.ceil(goal - _SLACK), most])
    walls[0, 0], walls[3, 0] = walls[1, 0], walls[2, 0]
    # Where the whole is a whole number but for noise, no point has the noise.
    noise = float(abs(goal[0] - np.rint(goal[0])))
    enough = _ENOUGH + (noise if noise < _SLACK else 0.0)
    known: dict[bytes, NDArray[np.float64]] = {}
    mean, toward = start, np.zeros(len(start))
    pull, in_vain = 1.0, 0
    for _ in range(_ROUNDS):
        before = len(known)
        tilted = np.clip(start + toward / 2.0, 0.1, 0.9)
        for _ in range(_STARTS):
            end = (rng.random(len(start)) < tilted).astype(np.float64)
            allowed = _settle(end, columns, walls, pull * toward)
            if allowed and (before == 0 or toward @ (end - mean) > _EPSILON):
                known.setdefault(end.tobytes(), end)
        if len(known) == before:
            in_vain, pull = in_vain + 1, 4.0 * pull
            if in_vain > _IN_VAIN:
                return None
            continue
        in_vain = 0
        points = np.column_stack(list(known.values()))
        system = np.vstack([points, np.ones(points.shape[1])])
        weight, distance = nnls(system, np.append(start, 1.0), maxiter=100 * len(system))
        if distance < enough:
            return points, weight / weight.sum()
        mean = points @ weight
        toward = (start - mean) / np.abs(start - mean).max()
    return None


@njit(cache=True)  # pragma: no cover - compiled
def _settle(
    end: NDArray[np.float64],
    columns: NDArray[np.float64],
    walls: NDArray[np.float64],
    gain: NDArray[np.float64],
) -> bool:
    """Improve the integer point ``end`` in place; whether its totals lie in the outer walls.

    One unit is flipped, or two that differ are swapped, as long as that brings totals nearer to
    the inner walls, or ``end`` further in the direction of ``gain``.
    """
    n, m = columns.shape
    inside = np.empty((n, m), dtype=np.int64)
    n_inside = np.zeros(n, dtype=np.int64)
    total = np.zeros(m)
    for i in range(n):
        for j in range(m):
            if columns[i, j] != 0.0:
                inside[i, n_inside[i]] = j
                n_inside[i] += 1
                total[j] += end[i] * columns[i, j]
    moved = np.empty(m)
    while True:
        better, one, two = -1e-9, -1, -1
        for i in range(n):
            up = 1.0 - 2.0 * end[i]
            moved[:] = total
            alone = -gain[i] * up
            for j in inside[i, : n_inside[i]]:
                moved[j] += up * columns[i, j]
                alone += _outside(moved[j], walls, j) - _outside(total[j], walls, j)
            if alone < better:
                better, one, two = alone, i, i
            for k in range(i):
                if end[k] != end[i]:
                    pair = alone + gain[k] * up
                    for j in inside[k, : n_inside[k]]:
                        swapped = moved[j] - up * columns[k, j]
                        pair += _outside(swapped, walls, j) - _outside(moved[j], walls, j)
                    if pair < better:
                        better, one, two = pair, i, k
        if one < 0:
            break
        total += (1.0 - 2.0 * end[one]) * columns[one]
        end[one] = 1.0 - end[one]
        if two != one:
            total += (1.0 - 2.0 * end[two]) * columns[two]
            end[two] = 1.0 - end[two]
    return bool(np.all(total >= walls[0]) and np.all(total <= walls[3]))


@njit(cache=True)  # pragma: no cover - compiled
def _outside(total: float, walls: NDArray[np.float64], j: int) -> float:
    """By how much a total is outside its inner walls, and forbiddingly so outside its outer."""
    cost = max(total - walls[2, j], walls[1, j] - total, 0.0)
    return cost + _FORBIDDEN * max(total - walls[3, j], walls[0, j] - total, 0.0)


@njit(cache=True)  # pragma: no cover - compiled
def _flight(
    chance: NDArray[np.float64],
    balance: NDArray[np.float64],
    group: NDArray[np.int64],
    draws: NDArray[np.float64],
) -> None:
    """Move ``chance`` in place until no direction keeps every total; one unit settles a step."""
    epsilon = 1e-9
    n_units, n_variables = balance.shape
    n_groups = 0
    for i in range(n_units):
        n_groups = max(n_groups, group[i] + 1)
    remaining = np.zeros(n_groups, dtype=np.int64)
    for i in range(n_units):
        if group[i] >= 0 and epsilon < chance[i] < 1.0 - epsilon:
            remaining[group[i]] += 1
    capacity = 4 * (n_variables + 4)
    window = np.empty(capacity, dtype=np.int64)
    size = 0
    following = 0
    drawn = 0
    while True:
        # Fill: one unit more than there are totals to keep.
        while True:
            n_rows = n_variables
            last = -1
            for k in range(size):
                g = group[window[k]]
                if g >= 0 and g != last and remaining[g] >= 2:
                    n_rows += 1
                last = g
            if size > n_rows or following >= n_units:
                break
            if epsilon < chance[following] < 1.0 - epsilon:
                if size == capacity:
                    capacity *= 2
                    wider = np.empty(capacity, dtype=np.int64)
                    wider[:size] = window[:size]
                    window = wider
                window[size] = following
                size += 1
            following += 1
        if size == 0 or drawn == len(draws):
            return
        a = np.zeros((n_rows, size))
        for k in range(size):
            for j in range(n_variables):
                a[j, k] = balance[window[k], j]
        row = n_variables - 1
        last = -1
        for k in range(size):
            g = group[window[k]]
            if g >= 0 and remaining[g] >= 2:
                if g != last:
                    row += 1
                a[row, k] = 1.0
            last = g
        # Gauss-Jordan; the first column without a pivot is a direction that keeps every total.
        pivot_column = np.full(n_rows, -1, dtype=np.int64)
        rank = 0
        free = -1
        for k in range(size):
            best = 0.0
            best_row = -1
            for j in range(rank, n_rows):
                if abs(a[j, k]) > best:
                    best = abs(a[j, k])
                    best_row = j
            if best < 1e-9:
                free = k
                break
            if best_row != rank:
                for c in range(k, size):
                    swap = a[rank, c]
                    a[rank, c] = a[best_row, c]
                    a[best_row, c] = swap
            scale = a[rank, k]
            for c in range(k, size):
                a[rank, c] /= scale
            for j in range(n_rows):
                if j != rank:
                    factor = a[j, k]
                    if factor != 0.0:
                        for c in range(k, size):
                            a[j, c] -= factor * a[rank, c]
            pivot_column[rank] = k
            rank += 1
        if free < 0:
            return
        direction = np.zeros(size)
        direction[free] = 1.0
        for j in range(rank):
            direction[pivot_column[j]] = -a[j, free]
        up = np.inf
        down = np.inf
        for k in range(size):
            d = direction[k]
            p = chance[window[k]]
            if d > 1e-12:
                up = min(up, (1.0 - p) / d)
                down = min(down, p / d)
            elif d < -1e-12:
                up = min(up, -p / d)
                down = min(down, (p - 1.0) / d)
        step = up if draws[drawn] * (up + down) < down else -down
        drawn += 1
        kept = 0
        for k in range(size):
            unit = window[k]
            p = chance[unit] + step * direction[k]
            if p <= epsilon or p >= 1.0 - epsilon:
                chance[unit] = 0.0 if p < 0.5 else 1.0
                if group[unit] >= 0:
                    remaining[group[unit]] -= 1
            else:
                chance[unit] = p
                window[kept] = unit
                kept += 1
        size = kept
