"""Capped raking: the inclusion probabilities nearest to equal that give the wanted totals.

Minimises the Kullback-Leibler distance of the expected counts from the pool under ``0 <= p <= 1``
and linear totals (Deville & Särndal 1992, JASA 87, with the cap as truncation). The solution is
unique, ``p = min(1, exp(x . lambda))``, and keeps every interaction of the pool that the totals do
not fix. Solved by Newton's method on the convex dual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Raked:
    """Inclusion probability of each cell and how far its totals are from those asked for."""

    probability: NDArray[np.float64]
    largest_miss: float
    iterations: int


def rake(
    counts: NDArray[np.int64],
    columns: NDArray[np.float64],
    totals: NDArray[np.float64],
    *,
    tolerance: float = 1e-6,
) -> Raked:
    """Rake a pool of ``counts`` (cells,) to ``totals`` (m,) of ``columns`` (cells, m).

    The first column must be all ones: its total is the size of the sample. Stops when every total
    is met within ``tolerance`` units, or when it can come no nearer (then ``largest_miss`` says so:
    no sample has these totals, or only one with cells emptied).
    """
    size = counts.astype(np.float64)
    multiplier = np.zeros(columns.shape[1])
    multiplier[0] = np.log(max(totals[0], 1e-12) / size.sum())
    score = columns @ multiplier
    value = _dual(score, size, multiplier, totals)
    miss = np.inf
    iterations = 0
    while iterations < _ITERATIONS:
        iterations += 1
        probability = np.exp(np.minimum(score, 0.0))
        expected = size * probability
        gradient = columns.T @ expected - totals
        miss = float(np.abs(gradient).max())
        if miss <= tolerance:
            break
        free = np.where(score < 0.0, expected, 0.0)
        hessian = columns.T @ (columns * free[:, None])
        hessian[np.diag_indices_from(hessian)] += 1e-10 * (1.0 + np.trace(hessian))
        direction = -np.linalg.solve(hessian, gradient)
        largest = float(np.abs(columns @ direction).max())
        step = min(1.0, 8.0 / largest) if largest > 0 else 1.0
        slope = float(gradient @ direction)
        while True:
            trial = multiplier + step * direction
            trial_score = columns @ trial
            trial_value = _dual(trial_score, size, trial, totals)
            if trial_value <= value + 1e-4 * step * slope or step < 1e-8:
                break
            step /= 2.0
        if step < 1e-8 or float(np.abs(trial).max()) > 1e3:
            break
        multiplier, score, value = trial, trial_score, trial_value
    return Raked(np.exp(np.minimum(score, 0.0)), miss, iterations)


def _dual(
    score: NDArray[np.float64],
    size: NDArray[np.float64],
    multiplier: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> float:
    capped = np.where(score < 0.0, np.exp(np.minimum(score, 0.0)), 1.0 + score)
    return float(size @ capped - multiplier @ totals)
