"""How far each case moves a figure of ordinal grades.

A figure's influences add up to 0; the sum of their squares is its variance for single cases
(``linearised`` has it over patients and strata).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.grades import agreement

_LARGEST = 1e100
"""Squares of larger grades overflow."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """For each case (cases,): concordant less discordant pairs, and the untied in each grade."""

    balance: Floats
    untied_reference: Floats
    untied_grade: Floats


def finite_grades(reference: ArrayLike, grade: ArrayLike) -> tuple[Floats, Floats]:
    """Both as (cases,) floats; raise UndefinedMetric for fewer than two cases or no numbers."""
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(grade, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or a.size < 2:
        raise UndefinedMetric(
            f"an interval needs two grades of two cases at least; got shapes {a.shape}, {b.shape}"
        )
    if not (np.abs(a) <= _LARGEST).all() or not (np.abs(b) <= _LARGEST).all():
        raise UndefinedMetric("grades must be finite numbers of at most 1e100")
    return a, b


def pairs_of(a: Floats, b: Floats) -> Pairs:
    """Count the pairs of each case with all others; ``a`` the reference, ``b`` the grade."""
    from metrics.resampling.rank_kernels import pair_balances  # numba is costly to import

    ranks_a, ranks_b = (np.unique(x, return_inverse=True)[1].astype(np.int64) for x in (a, b))
    balance = np.zeros(a.size, dtype=np.int64)
    pair_balances(np.argsort(ranks_a, kind="stable"), ranks_a, ranks_b, balance)
    return Pairs(balance.astype(np.float64), _untied(ranks_a), _untied(ranks_b))


def of_prediction_probability(pairs: Pairs, value: float) -> Floats:
    """Formula: (b - (2 P - 1) u) / sum of u: b a case's balance, u its untied pairs."""
    untied = float(pairs.untied_reference.sum())
    return (pairs.balance - (2.0 * value - 1.0) * pairs.untied_reference) / untied


def of_kendall_tau_b(pairs: Pairs, value: float) -> Floats:
    """Formula: 2 b / sqrt(A B) - tau (u_a / A + u_b / B): A and B the sums of u_a and u_b."""
    a, b = pairs.untied_reference, pairs.untied_grade
    whole_a, whole_b = float(a.sum()), float(b.sum())
    return 2.0 * pairs.balance / math.sqrt(whole_a * whole_b) - value * (a / whole_a + b / whole_b)


def of_quadratic_weighted_kappa(a: Floats, b: Floats, value: float) -> Floats:
    """Influence of 1 - O / E, O the mean squared distance and E the expected one.

    Its variance for single cases is that of Fleiss, Cohen & Everitt 1969 for large samples.
    """
    from_a, from_b = a - a.mean(), b - b.mean()
    apart = float(a.mean() - b.mean())
    expected = from_a**2 + from_b**2 + apart * (apart + 2.0 * (from_a - from_b))
    return ((1.0 - value) * expected - (a - b) ** 2) / (float(expected.mean()) * a.size)


def of_linear_weighted_kappa(
    a: Floats, b: Floats, lowest: int, highest: int, value: float
) -> Floats:
    """Influence of 1 - O / E, O the mean distance and E the expected one.

    Its variance for single cases is that of Fleiss, Cohen & Everitt 1969 for large samples.
    """
    margin_a, margin_b, distance = agreement.margins(a, b, lowest, highest)
    of_a = (distance @ margin_b)[(a - lowest).astype(np.int64)]
    of_b = (distance @ margin_a)[(b - lowest).astype(np.int64)]
    whole = float(margin_a @ distance @ margin_b)
    return ((1.0 - value) * (of_a + of_b - whole) - np.abs(a - b)) / (whole * a.size)


def of_mean(values: Floats) -> Floats:
    """Formula: (x - mean x) / n."""
    return np.asarray((values - values.mean()) / values.size, dtype=np.float64)


def of_deviation(values: Floats, deviation: float) -> Floats:
    """Influence of a standard deviation s. Formula: ((x - mean x)^2 - s^2) / (2 s n)."""
    square = (values - values.mean()) ** 2
    return np.asarray((square - square.mean()) / (2.0 * deviation * values.size), dtype=np.float64)


def _untied(ranks: Ints) -> Floats:
    return np.asarray(ranks.size - np.bincount(ranks)[ranks], dtype=np.float64)
