"""Measures the association of a cohort's attributes, and the part its pool accounts for.

Raking keeps the odds ratios of the pool, but the margins asked for can bring forward a corner of
the pool in which two attributes go together more than they do in all of it. Where two attributes
of the target would be more associated than in the pool, the chances give way: of all chances with
the same margins, those nearest to equal among which the pair is about as associated as in the pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import LABEL
from cohort_selection.sampling.joint_table import Cells

_INSIDE = 0.1  # of the excess: how far under its limit a pair is aimed at
_GIVES_WAY = 0.1  # of what V is over its limit: what a pull must have brought to be made harder
_GENTLEST, _STRONGEST = 0.1, 2.0
_HARDEST = 3.0  # times what a pair by itself would take, where that is more than the strongest
_FASTEST = 2.0  # times harder, at most, from one pull to the next


Pair = tuple[int, int]
"""Two attributes of a table, by their place."""


@dataclass(frozen=True, slots=True)
class Association:
    """How much more associated than in the pool, in Cramér's V, two attributes may be expected."""

    excess: float = 0.02

    def limits(self, cells: Cells, n_margins: int) -> dict[Pair, float]:
        """The largest V for each pair of the target's attributes, the first ``n_margins`` of cells.

        The label's pairs have none, since what goes with the disease is the case mix; nor have
        pairs that share a part, as "race x sex" and "race x age", which cannot be independent.
        """
        parts = [set(name.split(" x ")) for name in cells.attributes[:n_margins]]
        return {
            (a, b): cramers_v(pair_table(cells, (a, b), cells.counts)) + self.excess
            for a, b in combinations(range(n_margins), 2)
            if not parts[a] & parts[b] and LABEL not in parts[a] | parts[b]
        }

    def strengths(
        self,
        limits: Mapping[Pair, float],
        reached: Sequence[Mapping[Pair, float]],
        strength: Mapping[Pair, float],
    ) -> dict[Pair, float]:
        """How strongly to pull each pair towards independence, from what came of it so far.

        ``reached`` is each pair's V before any pull, and after each. Of a pair by itself V falls
        about as 1 / (1 + strength); one that no longer gives way is not pulled harder.
        """
        pulled = dict(strength)
        for pair, limit in limits.items():
            first, now = reached[0][pair], reached[-1][pair]
            aim = first / (limit - _INSIDE * self.excess) - 1.0
            if now <= limit:
                continue
            if pair not in strength:
                pulled[pair] = max(aim, _GENTLEST)
            elif reached[-2][pair] - now > _GIVES_WAY * (now - limit):
                faster = aim / (first / now - 1.0) if now < first else _FASTEST
                harder = pulled[pair] * min(max(faster, 1.0), _FASTEST)
                pulled[pair] = min(harder, max(_STRONGEST, _HARDEST * aim))
        return pulled


def pair_table(
    cells: Cells, pair: Pair, n: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """(levels, levels): ``n`` (cells,) summed for two attributes."""
    a, b = pair
    shape = len(cells.levels[a]), len(cells.levels[b])
    place = cells.codes[:, a] * shape[1] + cells.codes[:, b]
    summed = np.bincount(place, n, minlength=shape[0] * shape[1]).astype(np.float64)
    return summed.reshape(shape)


def cramers_v(table: NDArray[np.float64]) -> float:
    """Cramér's V of a table of counts, over the levels that occur; 0 where one has one level."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    table = table[rows > 0][:, columns > 0]
    smaller = min(table.shape) - 1
    if smaller < 1:
        return 0.0
    total = float(table.sum())
    independent = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    chi2 = float(((table - independent) ** 2 / independent).sum())
    return float(np.sqrt(chi2 / total / smaller))


def independent_cells(
    cells: Cells, pair: Pair, inside: NDArray[np.int64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cells of a pair as columns (cells inside, cells of the pair), and what independence has.

    ``expected`` is the patients expected of the cells inside; only its margins count.
    """
    a, b = (cells.codes[inside, k] for k in pair)
    of_a, of_b = np.bincount(a, expected), np.bincount(b, expected)
    here, which = np.unique(np.column_stack([a, b]), axis=0, return_inverse=True)
    columns = (which.reshape(-1)[:, None] == np.arange(len(here))).astype(np.float64)
    return columns, of_a[here[:, 0]] * of_b[here[:, 1]] / expected.sum()
