"""Compiled loops over many simulated studies: AUROC, difference of two, their variance."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Floats, Ints
from metrics.resampling.kernels import placement_sums

Classes = tuple[Floats, Floats]
"""Scores of the positives (studies, m) and of the negatives (studies, n)."""
Patients = tuple[Ints, Ints]
"""Patient of each positive (m,) and of each negative case (n,), numbered from 0 together."""


def areas(scores: Classes, patients: Patients | None = None) -> tuple[Floats, Floats]:
    """AUROC and its DeLong variance of each study, (studies,) each.

    The variance is over patients where ``patients`` are given (Obuchowski 1997). Ties count one
    half. The same numbers as ``metrics.claims.areas.area`` study by study, up to rounding.
    """
    if patients is not None:
        return _compared((scores,), patients)
    positive, negative = (np.sort(each, axis=1) for each in scores)
    value, variance = np.empty(len(positive)), np.empty(len(positive))
    _areas(positive, negative, value, variance)
    return value, variance


def area_differences(
    first: Classes, second: Classes, patients: Patients | None = None
) -> tuple[Floats, Floats]:
    """AUROC of ``first`` less that of ``second`` and its DeLong variance, (studies,) each.

    Both score the same cases in the same order. Otherwise as ``areas``.
    """
    return _compared((first, second), patients)


def _compared(scores: tuple[Classes, ...], patients: Patients | None) -> tuple[Floats, Floats]:
    """Sums of placements, the second score's taken off, case by case."""
    studies, m = scores[0][0].shape
    n = scores[0][1].shape[1]
    of_positive = np.zeros((studies, m), np.int64)
    of_negative = np.zeros((studies, n), np.int64)
    for sign, (positive, negative) in zip((1, -1), scores, strict=False):
        orders = np.argsort(positive, axis=1), np.argsort(negative, axis=1)
        _place(positive, negative, *orders, sign, of_positive)
        _place(negative, positive, orders[1], orders[0], -sign, of_negative)
    value, variance = np.empty(studies), np.empty(studies)
    if patients is None:
        _independent(of_positive, of_negative, value, variance)
        return value, variance
    own = np.concatenate(patients)
    k = int(own.max()) + 1
    counts = tuple(np.unique(each).size for each in (*patients, own))
    _clustered(of_positive, of_negative, *patients, k, *counts, value, variance)
    return value, variance


@numba.njit(nogil=True, cache=True)
def _areas(
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    value: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> None:
    """Both scores rise along each study."""
    m = positive.shape[1]
    n = negative.shape[1]
    for i in range(positive.shape[0]):
        twice, squares_positive, squares_negative = placement_sums(positive[i], negative[i])
        value[i] = twice / (2 * m * n)
        variance[i] = squares_positive / (2 * n) ** 2 / (m - 1) / m
        variance[i] += squares_negative / (2 * m) ** 2 / (n - 1) / n


@numba.njit(nogil=True, cache=True)
def _place(
    scores: NDArray[np.float64],
    others: NDArray[np.float64],
    order: NDArray[np.int64],
    order_of_others: NDArray[np.int64],
    sign: int,
    out: NDArray[np.int64],
) -> None:
    """Add to ``out``, at each case, twice how many of the others it beats, ties one half."""
    m = scores.shape[1]
    n = others.shape[1]
    ranked = np.empty(n)
    for i in range(scores.shape[0]):
        for j in range(n):
            ranked[j] = others[i, order_of_others[i, j]]
        below = 0
        upto = 0
        for j in range(m):
            case = order[i, j]
            x = scores[i, case]
            while below < n and ranked[below] < x:
                below += 1
            upto = max(upto, below)
            while upto < n and ranked[upto] <= x:
                upto += 1
            out[i, case] += sign * (below + upto)


@numba.njit(nogil=True, cache=True)
def _independent(
    of_positive: NDArray[np.int64],
    of_negative: NDArray[np.int64],
    value: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> None:
    m = of_positive.shape[1]
    n = of_negative.shape[1]
    for i in range(of_positive.shape[0]):
        value[i] = of_positive[i].sum() / (2 * m * n)
        variance[i] = _squares(of_positive[i]) / (2 * n) ** 2 / (m - 1) / m
        variance[i] += _squares(of_negative[i]) / (2 * m) ** 2 / (n - 1) / n


@numba.njit(nogil=True, cache=True)
def _squares(counts: NDArray[np.int64]) -> float:
    """Sum of squares about the mean."""
    mean = counts.sum() / counts.size
    total = 0.0
    for count in counts:
        total += (count - mean) ** 2
    return total


@numba.njit(nogil=True, cache=True)
def _clustered(
    of_positive: NDArray[np.int64],
    of_negative: NDArray[np.int64],
    patient_of_positive: NDArray[np.int64],
    patient_of_negative: NDArray[np.int64],
    k: int,
    with_positive: int,
    with_negative: int,
    patients: int,
    value: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> None:
    """Variance over patients: sums of centred placements of each (Obuchowski 1997)."""
    m = of_positive.shape[1]
    n = of_negative.shape[1]
    for i in range(of_positive.shape[0]):
        value[i] = of_positive[i].sum() / (2 * m * n)
        first = np.zeros(k)
        second = np.zeros(k)
        mean = of_positive[i].sum() / m
        for j in range(m):
            first[patient_of_positive[j]] += (of_positive[i, j] - mean) / (2 * n)
        mean = of_negative[i].sum() / n
        for j in range(n):
            second[patient_of_negative[j]] += (of_negative[i, j] - mean) / (2 * m)
        s10 = with_positive / ((with_positive - 1) * m) * (first * first).sum()
        s01 = with_negative / ((with_negative - 1) * n) * (second * second).sum()
        s11 = 2.0 * patients / (patients - 1) * (first * second).sum()
        variance[i] = s10 / m + s01 / n + s11 / (m * n)
