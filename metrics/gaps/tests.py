"""Tests that a figure is equal in every level of an attribute; for declared gaps.

Rates and AUROC: the levels of patients of the same class are permuted, within the strata of the
sampling design; a patient's cases move together. The statistic is the spread of the levels'
figures, each weighted by one over its variance. A rate's variance is at least that which all levels
share. An AUROC's is turned into that of the AUROC which all share, as a score test takes it: near 1
an AUROC has next to no variance of its own, and a level that is there by chance would seem sure.
Where levels also differ in something else, as in the number of images of a patient, the division by
the variance keeps the error of the test at what was declared (Janssen 1997; Chung & Romano 2013).
For the AUROC a score is
replaced by the share of its own level that it beats, which leaves every level's AUROC as it is, so
that levels whose scores have another place or spread and the same ROC curve are exchangeable. Cases
of a patient who is in several levels exchange their levels with each other and with nobody else.

Calibration: Welch's F of the levels' figures, with the linearised variance by patient. A
permutation would reject wherever the groups' predictions differ, which is no fault of the model.

Means of grades and masks have a test of their own (``means``).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics import arrays, edges
from metrics.arrays import Bools, Floats, Ints
from metrics.calibration import recalibration
from metrics.estimate import UndefinedMetric
from metrics.figure_name import FigureName
from metrics.group import Group, part_of
from metrics.intervals import linearised

Codes = NDArray[np.int16]

RATES = {
    "sensitivity": True,
    "false_negative_rate": True,
    "specificity": False,
    "false_positive_rate": False,
}
"""Rate -> the class that it is a share of."""
CALIBRATION = ("observed_minus_expected", "calibration_in_the_large", "calibration_slope")
DECLARABLE = ("auroc", *RATES, *CALIBRATION)
"""Figures of one score whose equality over the levels of an attribute can be tested."""
MEANS_OF_GRADES = ("mean_absolute_error", "mean_difference")
SHARES_OF_MASKS = {"missed_masks": "sensitivity", "false_masks": "false_positive_rate"}
MEANS_OF_MASKS = (
    *("mean_dice", "mean_iou", "mean_nsd_at_tolerance"),
    *SHARES_OF_MASKS,
)
"""The same of grades and of masks, by the bases of their names; shares with the rate they are."""

_WITH_PREVALENCE = (
    "differs between groups wherever their prevalence does, however a model treats both classes; "
    "declare sensitivity and specificity"
)
_LONG_TAIL = (
    "has a long tail, and a test takes a longer one in a small group for a gap; declare mean_dice "
    "or mean_nsd_at_tolerance_<mm>"
)
_REFUSED = {
    "ece": "has a bias that depends on the size of the group; declare observed_minus_expected",
    "ppv": _WITH_PREVALENCE,
    "npv": _WITH_PREVALENCE,
    "selection_rate": _WITH_PREVALENCE,
    "brier": _WITH_PREVALENCE,
    **dict.fromkeys(("mean_hd95", "mean_assd", "mean_masd"), _LONG_TAIL),
}
_MEANS = frozenset((*MEANS_OF_GRADES, *MEANS_OF_MASKS))
_WORTH_A_THREAD = 1 << 24
"""Cases times permutations: a tenth of a second of work."""


@dataclass(frozen=True, slots=True)
class GapTest:
    """p-value that a figure is equal in all levels, the statistic, and how it was judged."""

    p_value: float
    statistic: float
    method: str


def refuse_undeclarable(figure: str) -> None:
    """Raise UndefinedMetric with one sentence unless gaps in ``figure`` can be declared."""
    if figure not in DECLARABLE and FigureName.read(figure).base not in _MEANS:
        reason = _REFUSED.get(
            figure,
            f"has no test; declare one of {', '.join(DECLARABLE)}, of grades "
            f"{' or '.join(MEANS_OF_GRADES)}, of masks one of {', '.join(MEANS_OF_MASKS)}",
        )
        raise UndefinedMetric(f"a gap in {figure} cannot be tested: {figure} {reason}")


def gap_test(
    figure: str,
    whole: Group,
    level: Ints,
    *,
    threshold: float | None = None,
    permutations: int = 2000,
    seed: int = 0,
    fixed: bool = False,
    threads: int | None = None,
) -> GapTest:
    """Test that ``figure`` is equal in every level of an attribute.

    ``level`` (cases,) numbers the levels from 0; -1 for the cases of levels that are not compared.
    ``fixed`` says that the design also set how many patients of each level are positive. The
    p-value depends on the seed and not on ``threads``. Undefined with fewer than two levels, or
    where a level lacks what the figure needs.
    """
    refuse_undeclarable(figure)
    n_levels = levels_in(level)
    if figure not in DECLARABLE:
        raise UndefinedMetric(f"a gap in {figure} is no gap of one score")
    if figure in CALIBRATION:
        return _welch(figure, whole, level, n_levels, fixed=fixed)
    refuse_number(permutations)
    if figure == "auroc":
        run, units = _auroc(whole, level, n_levels, np.uint64(seed))
        name = "AUROCs over their DeLong variances"
    else:
        if threshold is None:
            raise UndefinedMetric(f"a gap in {figure} needs a threshold; none was declared")
        run, units = _rate(whole, level, n_levels, RATES[figure], threshold, np.uint64(seed))
        name = "rates over their variances"
    statistic = permuted(run, permutations, whole.y.size, threads)
    method = f"spread of {name}, {permutations} permutations of {units} of one class"
    return judged(statistic, method)


def levels_in(level: Ints) -> int:
    """How many levels are compared; raise UndefinedMetric for fewer than two."""
    n_levels = int(level.max(initial=-1)) + 1
    if n_levels < 2:
        raise UndefinedMetric(f"a gap needs two levels with data enough; got {n_levels}")
    return n_levels


def judged(statistic: Floats, method: str) -> GapTest:
    """The test of the first of some statistics, that of the data, among those of permutations."""
    at_least = np.count_nonzero(statistic >= statistic[0] * (1.0 - 1e-9) - 1e-12)
    return GapTest(float(at_least) / statistic.size, float(statistic[0]), method)


def refuse_number(permutations: int) -> None:
    """Raise UndefinedMetric for a number of permutations that cannot be made."""
    if not 1 <= permutations <= 10_000_000:
        raise UndefinedMetric(f"give 1 to 10,000,000 permutations; got {permutations}")


_Run = Callable[[int, Floats], None]
"""Statistics of the permutations from one number on, as many as the array has room for."""


def permuted(run: _Run, permutations: int, cases: int, threads: int | None) -> Floats:
    """Statistic of the data, then of each permutation."""
    found = np.zeros(1 + permutations)
    worth = 1 + cases * permutations // _WORTH_A_THREAD
    workers = max(1, min(threads or min(os.cpu_count() or 1, worth), permutations))
    if workers == 1:
        run(0, found)
        return found
    ends = np.linspace(0, found.size, workers + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        blocks = zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        list(pool.map(lambda block: run(block[0], found[block[0] : block[1]]), blocks))
    return found


@dataclass(frozen=True, slots=True)
class Items:
    """What moves whole: the item of each case, each item's level, and where strata begin."""

    item: Ints
    level: Codes
    starts: Ints

    @property
    def units(self) -> str:
        """What moves whole: patients, or cases where each patient has one."""
        return "patients" if self.level.size < self.item.size else "cases"


def items_of(y: Bools, patient: Ints, level: Ints, stratum: Ints) -> Items:
    """Group the cases into items by patient; those of one kind lie together as a stratum.

    ``stratum`` (cases,) is that of the design. Patients of one level are of a kind where they have
    the same classes and the same stratum; cases of a patient in several levels where they have the
    same class.
    """
    number, n_patients = arrays.renumbered(patient)
    low = np.full(n_patients, np.iinfo(np.int64).max)
    high = np.full(n_patients, -1)
    np.minimum.at(low, number, level)
    np.maximum.at(high, number, level)
    alone = (low < high)[number]
    classes = np.zeros(n_patients, dtype=np.int64)
    np.bitwise_or.at(classes, number, np.where(y, 1, 2))
    owner = np.where(alone, n_patients + np.arange(y.size), number)
    kind = np.where(alone, 8 + 2 * number + y, 4 * np.minimum(stratum, 1) + classes[number])
    _, place, item = np.unique(owner, return_index=True, return_inverse=True)
    order = np.argsort(kind[place], kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    starts = np.flatnonzero(np.diff(kind[place][order], prepend=-1))
    return Items(rank[item], level[place][order].astype(np.int16), np.append(starts, order.size))


def _rate(
    whole: Group, level: Ints, n_levels: int, wanted: bool, threshold: float, seed: np.uint64
) -> tuple[_Run, str]:
    kept = (whole.y == wanted) & (level >= 0)
    size = np.bincount(level[kept], minlength=n_levels)
    if not size.all():
        raise UndefinedMetric(
            f"a level has no {'positive' if wanted else 'negative'} case; leave it out"
        )
    patient = whole.patient[kept]
    hit = edges.called(whole.s[kept], threshold)
    items = items_of(whole.y[kept], patient, level[kept], whole.stratum[patient])
    n_items = items.level.size
    hits: Floats = np.bincount(items.item, hit, n_items).astype(np.float64)
    cases: Floats = np.bincount(items.item, minlength=n_items).astype(np.float64)
    if not 0 < hits.sum() < hit.size:
        return _alike, items.units
    if n_items == hit.size:
        return _of_cases(items, hits, size, seed), items.units
    within = _correlation_within(cases, hits)

    def run(first: int, out: Floats) -> None:
        from metrics.resampling.permutation import clustered_rates  # numba is costly to import

        clustered_rates(seed, first, items.level, items.starts, cases, hits, within, n_levels, out)

    return run, items.units


def _alike(first: int, out: Floats) -> None:
    """Every level has a rate of 0, or every level 1: nothing can differ."""
    out[:] = 0.0


def _of_cases(items: Items, hits: Floats, size: Ints, seed: np.uint64) -> _Run:
    """Permutations of items of one case: only the levels of the hits need to be drawn."""
    stratum = np.repeat(np.arange(items.starts.size - 1), np.diff(items.starts))
    order = np.lexsort((-hits, stratum))
    level = items.level[order]
    n_hits = np.bincount(stratum, hits).astype(np.int64)

    def run(first: int, out: Floats) -> None:
        from metrics.resampling.permutation import pearson  # numba is costly to import

        pearson(seed, first, level, items.starts, n_hits, size, out)

    return run


def _correlation_within(cases: Floats, hits: Floats) -> float:
    """Correlation of the outcomes of two cases of one item, from 0 to 1.

    Formula: sum of (r^2 - sum of its cases' squares) over p (1 - p) m (m - 1), r = hits - p m.
    """
    p = hits.sum() / cases.sum()
    residual = hits - p * cases
    squares = hits * (1.0 - p) ** 2 + (cases - hits) * p**2
    pairs = p * (1.0 - p) * float(np.sum(cases * (cases - 1.0)))
    found = float(np.sum(residual**2 - squares)) / pairs if pairs > 0 else 0.0
    return min(1.0, max(0.0, found))


def _auroc(whole: Group, level: Ints, n_levels: int, seed: np.uint64) -> tuple[_Run, str]:
    kept = level >= 0
    y, s, patient = whole.y[kept], whole.s[kept], whole.patient[kept]
    size = np.bincount(2 * level[kept] + y, minlength=2 * n_levels).reshape(n_levels, 2)
    if size.min() < 2:
        raise UndefinedMetric("a level has fewer than two cases of a class; leave it out")
    items = items_of(y, patient, level[kept], whole.stratum[patient])
    s = _aligned(y, s, level[kept], size)
    order = np.argsort(s, kind="stable")
    item = items.item[order].astype(np.int32)
    y_, tied = y[order].astype(np.uint8), _tied_until(s[order], y[order])
    if items.level.size == y.size and items.starts.size == 3:
        n_positive = int(items.starts[1])

        def run(first: int, out: Floats) -> None:
            from metrics.resampling.permutation import auroc  # numba is costly to import

            auroc(seed, first, items.level, n_positive, item, y_, tied, size, out)

        return run, items.units
    number = patient[order]
    by_patient = np.argsort(number, kind="stable").astype(np.int32)
    patients = np.append(np.flatnonzero(np.diff(number[by_patient], prepend=-1)), y.size)

    def run_clustered(first: int, out: Floats) -> None:
        from metrics.resampling.permutation import clustered_auroc  # numba is costly to import

        clustered_auroc(
            seed, first, items.level, items.starts, item, y_, tied, by_patient, patients,
            n_levels, out,
        )  # fmt: skip

    return run_clustered, items.units


def _aligned(y: Bools, s: Floats, level: Ints, size: Ints) -> Floats:
    """Share of its own level that each case beats, (cases,), were the classes mixed as in all.

    The order within a level stays, and with it every AUROC. Levels whose scores have another
    spread or place, and the same ROC curve, become alike, whatever their prevalence. One mixture
    for all levels does that; this one rests least on a small class, whose places are chance.
    """
    order = np.lexsort((s, level))
    of_class = size.sum(axis=0) / size.sum()
    label = y.astype(np.int64)
    share = (of_class[label] / size[level, label])[order]
    beaten = np.cumsum(share)
    start = np.append(
        True, (level[order][1:] != level[order][:-1]) | (s[order][1:] != s[order][:-1])
    )
    run = np.cumsum(start) - 1
    before = np.append(0.0, beaten)[np.flatnonzero(start)]
    end = np.append(before[1:], beaten[-1])
    found = np.empty(s.size)
    found[order] = np.round(((before + end) / 2.0)[run] - level[order], 12)
    return found


def _tied_until(s: Floats, y: Bools) -> NDArray[np.int32]:
    """End of each run of equal scores that holds both classes, at its first case; else 0."""
    found = np.zeros(s.size, dtype=np.int32)
    first = np.flatnonzero(np.append(True, s[1:] != s[:-1]))
    end = np.append(first[1:], s.size)
    positive = np.add.reduceat(y.astype(np.int64), first)
    mixed = (positive > 0) & (positive < end - first)
    found[first[mixed]] = end[mixed]
    return found


def _welch(figure: str, whole: Group, level: Ints, n_levels: int, *, fixed: bool) -> GapTest:
    """Welch's F (1951) of the levels' figures with the design's variance by patient.

    Where the design set the number of positives, levels share it: their covariance is taken into
    the contrasts, sum over strata of -S_ga S_gb / N.
    """
    value, error, freedom = np.zeros(n_levels), np.zeros(n_levels), np.zeros(n_levels)
    shares = np.zeros((n_levels, whole.drawn.size))
    sums = np.zeros((n_levels, whole.n_patients))
    for g in range(n_levels):
        part = part_of(whole, level == g, fixed=fixed)
        if figure != "observed_minus_expected":
            _refuse_certain(part, figure)
        value[g], influence, informative = _INFLUENCE[figure](part.y, part.s)
        found = linearised.error(part, influence)
        error[g] = found.standard_error
        freedom[g] = min(found.freedom, max(informative - 1.0, 1.0))
        sums[g] = np.bincount(whole.patient[level == g], influence, whole.n_patients)
        shares[g] = np.bincount(whole.stratum, sums[g], whole.drawn.size)
    if not error.min() > 0:
        raise UndefinedMetric(f"{figure} does not vary in a level; its gap cannot be tested")
    covariance = sums @ sums.T
    if not fixed:
        covariance -= (shares / np.maximum(whole.drawn, 1)) @ shares.T
    np.fill_diagonal(covariance, error**2)
    return _welch_f(value, covariance, freedom)


def _refuse_certain(group: Group, figure: str) -> None:
    """Refuse predictions p that hold next to no information, p (1 - p); labels play no part."""
    p = arrays.probabilities(group.s, group.y.size)
    own: Floats = np.bincount(group.patient, p * (1.0 - p), group.n_patients).astype(np.float64)
    known = arrays.kish_effective_n(own)
    if known < linearised.FEWEST_INFORMATIVE:
        raise UndefinedMetric(
            f"insufficient data: the predictions of a level are so certain that its {figure} "
            f"rests on {known:.0f} effective patients; {linearised.FEWEST_INFORMATIVE} are needed"
        )


def _welch_f(value: Floats, covariance: Floats, freedom: Floats) -> GapTest:
    from scipy.special import fdtrc  # scipy is costly to import

    k = value.size
    contrast = value[1:] - value[0]
    between = covariance[1:, 1:] - covariance[1:, :1] - covariance[:1, 1:] + covariance[0, 0]
    spread = float(contrast @ np.linalg.solve(between, contrast)) / (k - 1)
    weight = 1.0 / np.diag(covariance)
    lack = float(np.sum((1.0 - weight / weight.sum()) ** 2 / freedom))
    statistic = spread / (1.0 + 2.0 * (k - 2) / (k**2 - 1) * lack)
    known = (k**2 - 1) / (3.0 * lack) if lack > 0 else math.inf
    p = float(fdtrc(k - 1, min(known, 1e9), statistic))
    return GapTest(p, statistic, f"Welch's F({k - 1}, {known:.1f}) with variances by patient")


_Influence = tuple[float, Floats, float]
"""A figure's value, the influence of each case, and how many cases hold as much information."""


def _of_mean(y: Bools, p: Floats) -> _Influence:
    gap = y - arrays.probabilities(p, y.size)
    value = float(gap.mean())
    return value, (gap - value) / y.size, math.inf


def _of_intercept(y: Bools, p: Floats) -> _Influence:
    found = recalibration.recalibration_influences(y, p, with_slope=False)
    return found.fit.intercept, found.intercept, found.informative


def _of_slope(y: Bools, p: Floats) -> _Influence:
    found = recalibration.recalibration_influences(y, p)
    return found.fit.slope, found.slope, found.informative


_INFLUENCE: dict[str, Callable[[Bools, Floats], _Influence]] = {
    "observed_minus_expected": _of_mean,
    "calibration_in_the_large": _of_intercept,
    "calibration_slope": _of_slope,
}
"""Figure -> its value in a group and the influence of each case."""
