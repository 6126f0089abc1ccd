"""Compiled loop of the permutation test of means; see ``permutation`` for items and strata."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from metrics.resampling.permutation import permute, spread


@numba.njit(nogil=True, cache=True)
def class_means(
    seed: np.uint64,
    first: int,
    levels: NDArray[np.int16],
    starts: NDArray[np.int64],
    cases: NDArray[np.float64],
    sums: NDArray[np.float64],
    shares: NDArray[np.float64],
    pooled: NDArray[np.float64],
    n_levels: int,
    out: NDArray[np.float64],
) -> None:
    """Spread of the levels' means over their variances; a class weighs alike in every level.

    ``cases`` and ``sums`` (items, 2): an item's cases of a class, and the sum of their values.
    ``shares`` (2,) weigh the means of the classes in a level's. A level's variance is that of its
    items' residuals, with ``pooled`` (2,), what all levels share, mixed in as if it were one
    item's. A permutation that leaves a level without a class counts as far apart.
    """
    work = levels.copy()
    total = np.zeros((n_levels, 2, 2))
    items = np.zeros((n_levels, 2))
    square = np.zeros((n_levels, 2))
    cross = np.zeros(n_levels)
    value = np.zeros(n_levels)
    variance = np.zeros(n_levels)
    for row in range(out.size):
        permute(work, levels, starts, seed, first + row)
        total[:] = 0.0
        items[:] = 0.0
        square[:] = 0.0
        cross[:] = 0.0
        for i in range(work.size):
            for c in range(2):
                total[work[i], c, 0] += cases[i, c]
                total[work[i], c, 1] += sums[i, c]
        if _lacks(total, shares):
            out[row] = np.inf
            continue
        value[:] = 0.0
        for g in range(n_levels):
            for c in range(2):
                if shares[c] > 0.0:
                    value[g] += shares[c] * total[g, c, 1] / total[g, c, 0]
        for i in range(work.size):
            g = work[i]
            both = 1.0
            for c in range(2):
                if cases[i, c] > 0.0 and shares[c] > 0.0:
                    mean = total[g, c, 1] / total[g, c, 0]
                    residual = sums[i, c] - mean * cases[i, c]
                    square[g, c] += residual * residual
                    items[g, c] += 1.0
                    both *= shares[c] * residual / total[g, c, 0]
                else:
                    both = 0.0
            cross[g] += 2.0 * both
        for g in range(n_levels):
            variance[g] = cross[g]
            for c in range(2):
                if shares[c] > 0.0:
                    n = items[g, c]
                    seen = square[g, c] / max(1.0, n - 1.0)
                    seen = (n * seen + pooled[c]) / (n + 1.0)
                    variance[g] += shares[c] ** 2 * n * seen / total[g, c, 0] ** 2
            variance[g] = max(0.0, variance[g])
        out[row] = spread(value, variance)


@numba.njit(nogil=True, cache=True)
def _lacks(total: NDArray[np.float64], shares: NDArray[np.float64]) -> bool:
    """Whether a level has no case of a class that counts."""
    for g in range(total.shape[0]):
        for c in range(2):
            if shares[c] > 0.0 and total[g, c, 0] <= 0.0:
                return True
    return False
