"""What every figure asks of its arrays: lengths that agree, no NaN, counts that support it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.estimate import UndefinedMetric

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PROBABILITY_FLOOR = 2.0**-24
"""Probabilities are kept this far from 0 and 1 where a logarithm is taken.

It is the step of a float32 below 1, so a saturated float32 sigmoid becomes its nearest neighbour.
"""


def labels(y: ArrayLike) -> Bools:
    """Turn labels 0/1 into booleans; anything else is undefined."""
    array = np.asarray(y)
    if array.ndim != 1:
        raise UndefinedMetric(f"labels must be one row of numbers; got {array.ndim} dimensions")
    if array.dtype == np.bool_:
        return array
    positive = array == 1
    if not np.all(positive | (array == 0)):
        raise UndefinedMetric("labels must be 0 or 1; another value was found")
    return np.asarray(positive, dtype=np.bool_)


def scores(s: ArrayLike, n: int) -> Floats:
    """Turn scores into float64 of length ``n``; NaN is undefined, infinities are kept."""
    array = np.asarray(s, dtype=np.float64)
    if array.shape != (n,):
        raise UndefinedMetric(f"{n} labels but scores of shape {array.shape}")
    if np.isnan(array).any():
        raise UndefinedMetric(f"{int(np.isnan(array).sum())} of {n} scores are NaN")
    return array


def probabilities(s: ArrayLike, n: int) -> Floats:
    """Turn probabilities into float64 of length ``n``; outside [0, 1] is undefined."""
    array = scores(s, n)
    if n and not (array.min() >= 0.0 and array.max() <= 1.0):
        raise UndefinedMetric(
            f"calibration needs probabilities between 0 and 1; scores run from "
            f"{array.min():g} to {array.max():g}"
        )
    return array


def weights(w: ArrayLike | None, n: int) -> Floats:
    """Turn case weights into float64 of length ``n``: 0, or within 1e-9 and 1e9; default 1."""
    if w is None:
        return np.ones(n)
    array = np.asarray(w, dtype=np.float64)
    if array.shape != (n,):
        raise UndefinedMetric(f"{n} labels but weights of shape {array.shape}")
    if not np.all((array == 0.0) | ((array >= 1e-9) & (array <= 1e9))):
        raise UndefinedMetric("weights must be 0 or between 1e-9 and 1e9; another was found")
    return array


def kish_effective_n(w: Floats) -> float:
    """Number of equal weights that tell as much as ``w``, which are not negative; 0 for none.

    Formula: (sum w)^2 / sum w^2. Source: Kish 1965, Survey Sampling.
    """
    square = float(w @ w)
    return float(w.sum()) ** 2 / square if square > 0 else 0.0


def both_classes(figure: str, positive: float, negative: float) -> None:
    """Raise unless there is weight on both classes."""
    if not (positive > 0 and negative > 0):
        raise UndefinedMetric(
            f"{figure} needs both classes; got {positive:g} positive, {negative:g} negative"
        )


def clusters(patients: ArrayLike | None, n: int) -> tuple[Ints, int]:
    """Number the patients 0..k-1 in sorted order of their ids; None makes each case a patient.

    Without ids the number is the row. A draw of replicates sorts the rows by
    ``canonical_order`` first, so that the draws do not follow the order of a file.
    """
    if patients is None:
        return np.arange(n), n
    array = np.asarray(patients)
    if array.shape != (n,):
        raise UndefinedMetric(f"{n} labels but patients of shape {array.shape}")
    distinct, number = np.unique(array, return_inverse=True)
    return number.astype(np.int64), int(distinct.size)


def renumbered(number: Ints) -> tuple[Ints, int]:
    """Renumber some of the patients 0..k-1 in the same order, without sorting."""
    present = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.bool_)
    present[number] = True
    place = np.cumsum(present) - 1
    return place[number], int(present.sum())


def logit(p: Floats) -> Floats:
    """Log odds of probabilities, kept ``PROBABILITY_FLOOR`` away from 0 and 1."""
    clipped = np.clip(p, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def expit(x: Floats) -> Floats:
    """Probability from log odds, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def canonical_order(s: Floats, y: Bools, keys: Sequence[Ints]) -> Ints:
    """Order of the cases by falling score, then label, then each of ``keys`` in turn.

    It is the same whatever order the cases came in, up to cases that agree in everything.
    ``s``, ``y`` and each key (cases,).
    """
    order = np.argsort(-s, kind="stable")
    falling = s[order]
    start = np.insert(falling[1:] != falling[:-1], 0, True)[: s.size]
    tied = np.flatnonzero(~(start & np.append(start[1:], True)))
    rows = order[tied]
    place = np.cumsum(start)[tied].astype(np.int64)
    for key in (y, *keys):
        place = _refined(place, key[rows].astype(np.int64))
    order[tied] = rows[np.argsort(place, kind="stable")]
    return order


def _refined(place: Ints, key: Ints) -> Ints:
    """Numbers that sort as ``place`` does and, where that is equal, as ``key``; both from 0."""
    size = int(key.max(initial=0)) + 1
    if int(place.max(initial=0)) + 1 > np.iinfo(np.int64).max // size:
        place = np.unique(place, return_inverse=True)[1].astype(np.int64)
    return place * size + key
