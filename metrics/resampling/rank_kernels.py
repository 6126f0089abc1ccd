"""Compiled inner loops over sorted cases: rising fits and pairs by rank."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True)
def isotonic_rows(
    values: NDArray[np.float64], weight: NDArray[np.float64], fitted: NDArray[np.float64]
) -> None:
    """Rising least-squares fit of each row of ``values`` (rows, m), by pooling violators.

    ``weight`` (m,) is above 0; ``fitted`` (rows, m) takes the fits.
    """
    m = values.shape[1]
    level = np.empty(m)
    mass = np.empty(m)
    end = np.empty(m, np.int64)
    for row in range(values.shape[0]):
        top = -1
        for i in range(m):
            top += 1
            level[top] = values[row, i]
            mass[top] = weight[i]
            end[top] = i
            while top > 0 and level[top - 1] >= level[top]:
                total = mass[top - 1] + mass[top]
                level[top - 1] = (level[top - 1] * mass[top - 1] + level[top] * mass[top]) / total
                mass[top - 1] = total
                end[top - 1] = i
                top -= 1
        start = 0
        for block in range(top + 1):
            for i in range(start, end[block] + 1):
                fitted[row, i] = level[block]
            start = end[block] + 1


@numba.njit(nogil=True, cache=True)
def pair_balances(
    order: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64], balance: NDArray[np.int64]
) -> None:
    """Concordant less discordant pairs of each case, ties in ``a`` or ``b`` counted 0.

    ``order`` sorts the cases by ``a``; ``b`` are ranks 0 .. their largest. ``balance`` starts at 0.
    A tree of counts by rank (Fenwick 1994) is filled upwards in ``a``, then downwards.
    """
    n = order.size
    top = 1
    for i in range(n):
        top = max(top, b[i] + 2)
    for sign in (1, -1):
        tree = np.zeros(top + 1, np.int64)
        passed = 0
        start = 0
        while start < n:
            end = start
            first = order[start] if sign > 0 else order[n - 1 - start]
            while end < n:
                at = order[end] if sign > 0 else order[n - 1 - end]
                if a[at] != a[first]:
                    break
                below = 0
                k = b[at]
                while k > 0:
                    below += tree[k]
                    k -= k & -k
                upto = 0
                k = b[at] + 1
                while k > 0:
                    upto += tree[k]
                    k -= k & -k
                balance[at] += sign * (below - (passed - upto))
                end += 1
            for i in range(start, end):
                at = order[i] if sign > 0 else order[n - 1 - i]
                k = b[at] + 1
                while k <= top:
                    tree[k] += 1
                    k += k & -k
            passed += end - start
            start = end
