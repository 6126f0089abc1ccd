"""The least level at which a bound reaches its goal: one simulation then serves all levels.

A lower bound at the one-sided level L reaches the goal exactly where L is at least this number,
which is the p-value of the test that the bound inverts. All functions take arrays (studies,) and
return one; 1 where no level will do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.claims import tango
from metrics.claims.shares import effective_numbers
from metrics.intervals.no_variance import NO_VARIANCE


def of_area(
    value: ArrayLike, variance: ArrayLike, fewest: int, goal: float, *, upper: bool = False
) -> Floats:
    """Of an AUROC's lower bound (``metrics.claims.areas.Area``), or of its ``upper`` one.

    Formula: the normal tail above (logit A - logit g) A (1 - A) / SE; without variance
    (g / A)^k, k the ``fewest`` patients of a class. An upper bound is the lower one of 1 - A.
    """
    from scipy.special import logit, ndtr  # scipy is costly to import

    a, v = (np.asarray(each, dtype=np.float64) for each in (value, variance))
    if upper:
        a, goal = 1.0 - a, 1.0 - goal
    varies = (v > NO_VARIANCE) & (a > 0.0) & (a < 1.0)
    inside = np.where(varies, a, 0.5)
    error = np.sqrt(np.where(varies, v, 1.0))
    tail = ndtr((logit(goal) - logit(inside)) * inside * (1.0 - inside) / error)
    share = np.divide(goal, a, out=np.ones_like(a), where=a > goal)
    return np.where(varies, tail, share**fewest)


def of_area_difference(value: ArrayLike, variance: ArrayLike, fewest: int, goal: float) -> Floats:
    """Of the lower bound of a difference of AUROCs (``metrics.claims.areas.AreaDifference``).

    Formula: the normal tail above (D - g) / SE; without variance ((1 + g) / (1 + D))^k.
    """
    from scipy.special import ndtr  # scipy is costly to import

    d, v = (np.asarray(each, dtype=np.float64) for each in (value, variance))
    varies = v > NO_VARIANCE
    tail = ndtr((goal - d) / np.sqrt(np.where(varies, v, 1.0)))
    share = np.divide(1.0 + goal, 1.0 + d, out=np.ones_like(d), where=d > goal)
    return np.where(varies, tail, share**fewest)


def of_count(hits: ArrayLike, n: ArrayLike, goal: float) -> Floats:
    """Of Clopper-Pearson's lower bound: the binomial chance of ``hits`` or more of ``n``.

    An upper bound is the lower one of the cases that are no hits, its goal 1 - g.
    """
    from scipy.special import betainc  # scipy is costly to import

    counts, whole = (np.asarray(each, dtype=np.float64) for each in (hits, n))
    none = counts <= 0.0
    return np.where(none, 1.0, betainc(np.where(none, 1.0, counts), whole - counts + 1.0, goal))


def of_clustered_share(
    value: ArrayLike, effective: ArrayLike, freedom: float, goal: float
) -> Floats:
    """Of Wilson's lower bound at the effective number of cases, by Student's t."""
    p, n = (np.asarray(each, dtype=np.float64) for each in (value, effective))
    return _tail((p - goal) / np.sqrt(goal * (1.0 - goal) / n), freedom)


def of_clustered_answers(hits: Floats, patient: Ints, goal: float) -> Floats:
    """The same of answers (studies, cases), 1 for a hit, over the patient of each case (cases,)."""
    effective, freedom = _effective(hits, patient)
    return of_clustered_share(hits.mean(axis=1), effective, freedom, goal)


def of_clustered_pairs(apart: Floats, patient: Ints, goal: float) -> Floats:
    """Of Tango's lower bound over patients; ``apart`` (studies, cases) is first less second."""
    effective, freedom = _effective(apart, patient)
    share = effective / patient.size
    b, c = (share * (apart == sign).sum(axis=1) for sign in (1, -1))
    return of_pairs(b, c, effective, goal, freedom)


def of_pairs(
    only_first: ArrayLike,
    only_second: ArrayLike,
    n: ArrayLike,
    goal: float,
    freedom: float = np.inf,
) -> Floats:
    """Of Tango's lower bound of a paired difference: the tail above his score at the goal."""
    return _tail(tango.score(only_first, only_second, n, goal), freedom)


def _effective(values: Floats, patient: Ints) -> tuple[Floats, float]:
    """Effective cases of each study, and the freedom that all share."""
    number, k = arrays.renumbered(patient)
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(k))
    sums = np.add.reduceat(values[:, order], starts, axis=1)
    size = np.bincount(number).astype(np.float64)
    return effective_numbers(sums, (values * values).sum(axis=1), size)


def _tail(distance: Floats, freedom: float) -> Floats:
    from scipy.special import ndtr, stdtr  # scipy is costly to import

    if not freedom < 1e6:
        return np.asarray(ndtr(-distance))
    return np.asarray(stdtr(max(freedom, 1.0), -distance))
