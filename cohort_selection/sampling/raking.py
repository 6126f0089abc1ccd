"""Capped raking: inclusion probabilities nearest to equal that give the wanted totals.

Minimises the Kullback-Leibler distance of the expected counts from the pool under ``0 <= p <= 1``
and linear totals (Deville & Särndal 1992, JASA 87, with the cap as truncation). The solution is
unique, ``p = min(1, exp(x . lambda))``, and keeps every interaction of the pool that the totals do
not fix. Solved by Newton's method on the convex dual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 300
_FARTHEST = 1e3
# Capped cells are flat in the dual. Their curvature is taken as none at first (pure Newton), then,
# where that direction does not lead down, as part and as all of what it is just under the cap.
_FLATNESS = (0.0, 0.01, 1.0)


@dataclass(frozen=True, slots=True)
class Raked:
    """Inclusion probability of each cell and how far its totals are from those asked for."""

    probability: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    largest_miss: float
    iterations: int


def rake(
    counts: NDArray[np.int64],
    columns: NDArray[np.float64],
    totals: NDArray[np.float64],
    *,
    softness: NDArray[np.float64] | None = None,
    start: NDArray[np.float64] | None = None,
    tolerance: float = 1e-7,
) -> Raked:
    """Rake a pool of ``counts`` (cells,) to ``totals`` (m,) of ``columns`` (cells, m).

    The first column must be all ones: its total is the size of the sample. Stops when every total
    is met within ``tolerance`` units, or when it can come no nearer (then ``largest_miss`` says so:
    no sample has these totals, or only one with cells emptied).
    ``softness`` (m,) is 0 where a total must be met. Elsewhere a miss costs its square over twice
    the softness, weighed against the distance from the pool (ridge calibration: Rao & Singh 1997),
    and ``largest_miss`` does not count it. ``start`` (m,) is a multiplier to begin from.
    """
    size = counts.astype(np.float64)
    give = np.zeros(len(totals)) if softness is None else softness
    if start is None:
        multiplier = np.zeros(columns.shape[1])
        multiplier[0] = np.log(max(totals[0], 1e-12) / size.sum())
    else:
        multiplier = start
    dual = _Dual(size, columns, totals, give)
    score = columns @ multiplier
    miss = np.inf
    iterations = 0
    while iterations < _ITERATIONS:
        iterations += 1
        probability = np.exp(np.minimum(score, 0.0))
        expected = size * probability
        gradient = columns.T @ expected - totals + give * multiplier
        miss = float(np.abs(gradient).max())
        if miss <= tolerance:
            break
        for flatness in _FLATNESS:
            curvature = np.where(score < 0.0, expected, flatness * expected)
            hessian = columns.T @ (columns * curvature[:, None])
            hessian[np.diag_indices_from(hessian)] += give + 1e-12 * (1.0 + np.trace(hessian))
            direction = -np.linalg.solve(hessian, gradient).astype(np.float64)
            step = dual.descend(score, multiplier, direction, gradient)
            if step > 0.0:
                break
        else:
            break
        multiplier = multiplier + step * direction
        score = columns @ multiplier
        if float(np.abs(multiplier).max()) > _FARTHEST:
            break
    return Raked(np.exp(np.minimum(score, 0.0)), multiplier, miss, iterations)


@dataclass(frozen=True, slots=True)
class _Dual:
    """The dual of a pool of ``size`` (cells,) with its columns, totals and their softness."""

    size: NDArray[np.float64]
    columns: NDArray[np.float64]
    totals: NDArray[np.float64]
    give: NDArray[np.float64]

    def at(self, score: NDArray[np.float64], multiplier: NDArray[np.float64]) -> float:
        """Its value; ``score`` (cells,) is that of the multiplier."""
        capped = np.where(score < 0.0, np.exp(np.minimum(score, 0.0)), 1.0 + score)
        soft = self.give @ multiplier**2 / 2.0
        return float(self.size @ capped - multiplier @ self.totals + soft)

    def descend(
        self,
        score: NDArray[np.float64],
        multiplier: NDArray[np.float64],
        direction: NDArray[np.float64],
        gradient: NDArray[np.float64],
    ) -> float:
        """Length of a step along ``direction`` that lowers it enough; 0 where none was found."""
        change = self.columns @ direction
        slope = float(gradient @ direction)
        here = self.at(score, multiplier)
        step = min(1.0, 8.0 / max(float(np.abs(change).max()), 1e-300))
        for _ in range(12):
            there = self.at(score + step * change, multiplier + step * direction)
            # The last digits are noise; near the solution the full step is the right one.
            if there <= here + 1e-4 * step * slope + 1e-13 * abs(here):
                return step
            step /= 2.0
        return 0.0
