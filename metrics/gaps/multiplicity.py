"""Tests several declared gaps with one error: the fallback procedure.

Each gap has a weight, its share of the level: the chance, 5 % say, of calling a gap where none is.
The gaps are tested in the order in which they were declared; one that is found hands its level on
to the next. A later gap is tested with its own share even where an earlier one is not found, so no
gate silences a large gap. The chance of calling any gap where none is stays at the level, whatever
the figures, attributes and their correlations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from metrics.estimate import UndefinedMetric


def gap_weights(declared: int, *, primary: bool) -> tuple[float, ...]:
    """Shares of the level of ``declared`` gaps in order; they sum to 1.

    The ``primary`` gap, the first, has one half and the others equally the other half; alone it
    has all. Without a primary gap all have as much. Undefined without a gap.
    """
    if declared < 1:
        raise UndefinedMetric(f"weights are shared by declared gaps; got {declared}")
    if not primary or declared == 1:
        return (1.0 / declared,) * declared
    return (0.5, *(0.5 / (declared - 1),) * (declared - 1))


def fallback(
    p_values: Sequence[float | None], weights: Sequence[float]
) -> tuple[float | None, ...]:
    """Adjusted p-values of gaps in their order; a gap is found where its own is at most alpha.

    Formula: the smallest over j <= i of max(p_i / (w_j + ... + w_i), the adjusted ones of j to
    i - 1), at most 1: gap i is tested at its share of alpha and the shares of the found gaps just
    before it. None, a gap that could not be tested, stays None and hands nothing on.
    Source: Wiens 2003; Wiens & Dmitrienko 2005.
    """
    if len(p_values) != len(weights):
        raise UndefinedMetric(f"{len(p_values)} p-values but {len(weights)} weights")
    if not all(weight > 0 for weight in weights) or math.fsum(weights) > 1.0 + 1e-9:
        raise UndefinedMetric("weights are shares of the level: above 0, and at most 1 together")
    adjusted: list[float | None] = []
    for i, p in enumerate(p_values):
        if p is None:
            adjusted.append(None)
            continue
        if not 0.0 <= p <= 1.0:
            raise UndefinedMetric(f"a p-value lies between 0 and 1; got {p}")
        adjusted.append(_adjusted(p, adjusted, weights[: i + 1]))
    return tuple(adjusted)


def _adjusted(p: float, before: Sequence[float | None], weights: Sequence[float]) -> float:
    """``before`` holds the adjusted p-values of the gaps before this one."""
    share = weights[-1]
    least, needed = min(1.0, p / share), 0.0
    for earlier, weight in zip(reversed(before), reversed(weights[:-1]), strict=True):
        if earlier is None:
            break
        share += weight
        needed = max(needed, earlier)
        least = min(least, max(p / share, needed))
    return least
