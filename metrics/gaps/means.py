"""Tests that the mean of a measure of cases is equal in every level of an attribute.

For figures of grades and masks that are means over cases, such as the absolute error or Dice. The
levels of patients of the same class are permuted within the strata of the sampling design, a
patient's cases together, as for rates (``tests``). Each class weighs in a level as in all levels
together, so that levels in which only the prevalence differs are not told apart. The statistic is
the spread of these means, each over its own variance by patient: levels with the same mean and
unequal spreads are no gap, and a plain permutation would call one (Janssen 1997; Chung & Romano
2013).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.gaps.tests import (
    SHARES_OF_MASKS,
    GapTest,
    Items,
    gap_test,
    items_of,
    judged,
    levels_in,
    permuted,
    refuse_number,
)
from metrics.group import Group

FEWEST_ITEMS = 2
"""Patients of a class that a level needs, so that its mean has a variance."""


def mean_gap_test(
    figure: str,
    values: Floats,
    whole: Group,
    level: Ints,
    *,
    permutations: int = 2000,
    seed: int = 0,
    threads: int | None = None,
) -> GapTest:
    """Test that the mean of ``values`` is equal in every level, the classes weighing alike.

    ``values`` (cases,) are the measures that ``figure`` is the mean of, NaN where a case does not
    count; ``level`` (cases,) numbers the levels from 0, -1 for the cases of levels that are not
    compared. Formula: sum_g (m_g - m)^2 / V_g, m_g = sum_c q_c m_gc, q_c the share of class c among
    the cases that count, V_g the variance of m_g over patients, and m the mean weighted by 1 / V_g.
    The variance that all levels share is mixed in as if it were one patient's: a level whose cases
    agree by chance would seem sure. The shares of missed and of false masks are rates of a class,
    and are tested as such. Undefined with fewer than two levels, where a level has fewer than two
    patients of a class that counts, and where all values are equal.
    """
    if figure in SHARES_OF_MASKS:
        rated, rate = replace(whole, s=values), SHARES_OF_MASKS[figure]
        counted = np.where(np.isnan(values), -1, level)
        _refuse_none(figure, counted, levels_in(level))
        return gap_test(
            rate, rated, counted, threshold=0.5, permutations=permutations, seed=seed,
            threads=threads,
        )  # fmt: skip
    n_levels = levels_in(level)
    refuse_number(permutations)
    kept = (level >= 0) & ~np.isnan(values)
    y, x, patient = whole.y[kept], values[kept], whole.patient[kept]
    if not x.size or not np.ptp(x) > 0.0:
        raise UndefinedMetric(f"{figure} is the same in every case that counts; nothing can differ")
    items = items_of(y, patient, level[kept], whole.stratum[patient])
    cases, sums = (_by_class(items, y, w) for w in (np.ones(x.size), x))
    shares = cases.sum(axis=0) / x.size
    _refuse_few(cases, items, shares, n_levels)
    pooled = np.zeros(2)
    for c in np.flatnonzero(shares):
        residual = sums[:, c] - sums[:, c].sum() / cases[:, c].sum() * cases[:, c]
        pooled[c] = float(residual @ residual) / np.count_nonzero(cases[:, c])

    def run(first: int, out: Floats) -> None:
        from metrics.resampling.mean_permutation import class_means  # numba is costly to import

        class_means(
            np.uint64(seed), first, items.level, items.starts, cases, sums, shares, pooled,
            n_levels, out,
        )  # fmt: skip

    statistic = permuted(run, permutations, x.size, threads)
    weighing = ", each class weighing as in all," if shares.all() else ""
    return judged(
        statistic,
        f"spread of means{weighing} over their variances, {permutations} permutations of "
        f"{items.units} of one class",
    )


def _by_class(items: Items, y: Bools, weight: Floats) -> Floats:
    """Sums of ``weight`` (cases,) over the negatives and the positives of items (items, 2)."""
    columns = [np.bincount(items.item[c], weight[c], items.level.size) for c in (~y, y)]
    return np.stack(columns, axis=1).astype(np.float64)


def _refuse_none(figure: str, counted: Ints, n_levels: int) -> None:
    if not np.isin(np.arange(n_levels), counted).all():
        raise UndefinedMetric(f"a level has no case that counts in {figure}; leave it out")


def _refuse_few(cases: Floats, items: Items, shares: Floats, n_levels: int) -> None:
    for c, name in enumerate(("negative", "positive")):
        own = np.bincount(items.level[cases[:, c] > 0.0], minlength=n_levels)
        if shares[c] > 0.0 and own.min() < FEWEST_ITEMS:
            raise UndefinedMetric(
                f"a level has {own.min()} patients with a {name} case that counts; "
                f"{FEWEST_ITEMS} are needed"
            )
