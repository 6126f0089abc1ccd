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

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

_EPSILON = 1e-9


def round_balanced(
    probability: NDArray[np.float64],
    balance: NDArray[np.float64],
    rng: np.random.Generator,
    group: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Draw 0/1 for each unit with P(1) = ``probability`` and balanced totals.

    ``balance`` is (units, totals), its first column the one that must hold before all others.
    ``group`` (units,) numbers nested strata, equal numbers adjacent: the sum of each is kept to
    within its own rounding.
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
    low, high = np.floor(goal + _EPSILON), np.ceil(goal - _EPSILON)
    point = start.copy()
    while True:
        free = _open(point)
        if not free.any():
            return point
        total = columns.T @ point
        at_low, at_high = total < low + 1e-7, total > high - 1e-7
        end = _integer_point(
            point, free, columns, np.where(at_high, high, low), np.where(at_low, low, high), rng
        )
        reached = columns.T @ end
        # Where no integer point fits, a wall gives way, and as far on the other side, for balance.
        excess = np.rint(np.maximum(np.maximum(reached - high, low - reached), 0.0))
        low, high = low - excess, high + excess
        away, drift = point - end, total - reached
        # How far on, from the integer point through the present one, to the first wall.
        step = np.inf
        for moving, gap in (
            (away, 1.0 - point),
            (-away, point),
            (drift, high - total),
            (-drift, total - low),
        ):
            forward = moving > 1e-7
            if forward.any():
                step = min(step, max(0.0, float((gap[forward] / moving[forward]).min())))
        if rng.random() * (1.0 + step) >= step:
            point = _tidy(point + step * away)
        else:
            return end


def _integer_point(
    point: NDArray[np.float64],
    free: NDArray[np.bool_],
    columns: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Find the integer point whose totals are least outside [low, high]; ties fall at random."""
    n, m = columns.shape
    settled = np.rint(point)
    bounds = Bounds(
        np.concatenate([np.where(free, 0.0, settled), np.zeros(m)]),
        np.concatenate([np.where(free, 1.0, settled), np.full(m, np.inf)]),
    )
    constraints = [
        LinearConstraint(np.hstack([columns.T, -np.eye(m)]), -np.inf, high),
        LinearConstraint(np.hstack([columns.T, np.eye(m)]), low, np.inf),
    ]
    outside = np.full(m, 1.0)
    outside[0] = 100.0  # the size of the whole is the last to give way
    weight = np.concatenate([rng.normal(0.0, 0.1, n) / n, outside])
    found = milp(
        weight,
        integrality=np.concatenate([np.ones(n), np.zeros(m)]),
        bounds=bounds,
        constraints=constraints,
    )
    end: NDArray[np.float64] = np.where(free, np.rint(found.x[:n]), settled)
    return end


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
