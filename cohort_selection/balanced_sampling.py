"""Round fractional counts at random so that every margin comes out right: the cube method.

Flight: Deville & Tillé (2004), Biometrika 91(4), with the moving window of Chauvet & Tillé (2006),
Computational Statistics 21. Each unit ends at 0 or 1, is 1 with exactly the probability it came
with, and the balancing totals are kept as long as a direction exists that keeps them all.

Landing: the units then left, no more than there are totals, lie in a small polytope of vectors with
acceptable totals. An integer point of it is found, the line from that point through the present
one is followed to the far wall, and one of the two ends is taken with the probability that keeps
the expectation. Unlike dropping totals one by one, this ends within one unit of nearly every total,
and it is unbiased for the same reason as the flight: each move is a martingale.
"""

from __future__ import annotations

from itertools import count

import numpy as np
from numba import njit
from numpy.typing import NDArray

_EPSILON = 1e-9
_STARTS = 12
_SLACK = 1e-4  # totals are whole numbers: what is nearer than this to one is that number


def round_balanced(
    probability: NDArray[np.float64],
    balance: NDArray[np.float64],
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Draw 0/1 for each unit with P(1) = ``probability`` and balanced totals.

    ``balance`` is (units, totals), its first column the one that must hold before all others.
    ``group`` (units,) numbers nested strata, equal numbers adjacent: the sum of each is kept to
    within its own rounding (as with the totals, one more is possible but rare).
    """
    groups = np.full(len(probability), -1, dtype=np.int64) if group is None else group
    matrix = np.ascontiguousarray(balance, dtype=np.float64)
    chance = fly(probability, matrix, rng, groups)
    left = np.flatnonzero(_open(chance))
    if len(left):
        strata, members = np.unique(groups[left], return_counts=True)
        shared = strata[(members > 1) & (strata >= 0)]
        columns = np.hstack([matrix[left], groups[left][:, None] == shared[None, :]])
        chance[left] = _land(chance[left], columns, rng)
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
    """Walk from ``start`` to an integer point whose totals stay within one, where there is one."""
    goal = columns.T @ start
    low, high = np.floor(goal + _SLACK), np.ceil(goal - _SLACK)
    point = start.copy()
    for turn in count():
        # Each turn settles a unit or meets a wall; should that ever go on, walls fall one and all.
        if turn >= 3 * len(point):
            low[1:], high[1:] = -np.inf, np.inf
        if turn >= 6 * len(point):
            low[:], high[:] = -np.inf, np.inf
        free = _open(point)
        if not free.any():
            return point
        total = columns.T @ point
        at_low, at_high = total < low + _SLACK, total > high - _SLACK
        # A total that has come to a wall stays there: the integer point must have it too.
        floor, ceiling = np.where(at_high, high, low), np.where(at_low, low, high)
        starts = rng.random((_STARTS, len(point)))
        # A wall that gave way once is harder; that of the first total, the whole, the hardest.
        hardness = np.where(high - low > 1.5, 10.0, 1.0)
        hardness[0] = 100.0
        end = _integer_point(point, free, columns, floor, ceiling, hardness, starts)
        reached = columns.T @ end
        # Where none was found, the wall gives way, and as far on the other side, for balance.
        excess = np.rint(np.maximum(np.maximum(reached - ceiling, floor - reached), 0.0))
        low, high = low - excess, high + excess
        away, drift = point - end, total - reached
        # At the wall and staying there: what is left of the difference is noise of the arithmetic.
        drift[(at_low | at_high) & (np.abs(drift) < 0.5)] = 0.0
        # How far on, from the integer point through the present one, to the first wall.
        step = np.inf
        for moving, gap, least in (
            (away, 1.0 - point, _EPSILON),
            (-away, point, _EPSILON),
            (drift, high - total, _SLACK),
            (-drift, total - low, _SLACK),
        ):
            forward = moving > least
            if forward.any():
                step = min(step, max(0.0, float((gap[forward] / moving[forward]).min())))
        if rng.random() * (1.0 + step) >= step:
            point = _tidy(point + step * away)
        else:
            return end
    raise AssertionError("unreachable")


@njit(cache=True)  # pragma: no cover - compiled
def _integer_point(
    point: NDArray[np.float64],
    free: NDArray[np.bool_],
    columns: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    hardness: NDArray[np.float64],
    draws: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Search an integer point whose totals are least outside [low, high].

    From several random roundings of ``point``, flip one unit or swap two as long as that helps.
    Any integer point keeps the walk unbiased; a better one only keeps it nearer to the goal.
    """
    n, m = columns.shape
    units = np.flatnonzero(free)
    best = point.copy()
    best_cost = np.inf
    for start in range(draws.shape[0]):
        end = np.rint(point)
        for i in units:
            end[i] = 1.0 if draws[start, i] < point[i] else 0.0
        total = np.zeros(m)
        for every in range(n):
            if end[every] > 0.5:
                total += columns[every]
        cost = _outside(total, low, high, hardness)
        while cost > 1e-6:
            better = cost - 1e-6
            one, two = units[0], units[0]
            found = False
            for a in range(len(units)):
                i = units[a]
                moved = total + (1.0 - 2.0 * end[i]) * columns[i]
                alone = _outside(moved, low, high, hardness)
                if alone < better:
                    better, one, two, found = alone, i, i, True
                for b in range(a):
                    k = units[b]
                    pair = _outside(moved + (1.0 - 2.0 * end[k]) * columns[k], low, high, hardness)
                    if pair < better:
                        better, one, two, found = pair, i, k, True
            if not found:
                break
            total += (1.0 - 2.0 * end[one]) * columns[one]
            end[one] = 1.0 - end[one]
            if two != one:
                total += (1.0 - 2.0 * end[two]) * columns[two]
                end[two] = 1.0 - end[two]
            cost = better
        if cost < best_cost:
            best_cost = cost
            best = end
        if best_cost <= 1e-6:
            break
    return best


@njit(cache=True)  # pragma: no cover - compiled
def _outside(
    total: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    hardness: NDArray[np.float64],
) -> float:
    """By how much totals are outside their walls, each times how hard its wall is."""
    cost = 0.0
    for j in range(len(total)):
        miss = max(total[j] - high[j], low[j] - total[j])
        if miss > 0.0:
            cost += hardness[j] * miss
    return cost


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
