"""Ranks submissions by a figure of any kind, from how far each case moves it.

A figure that has influences is near its value plus their sum, so that the difference of two
submissions has the difference of their influences. Its variance is the one that every smooth figure
has here (``metrics.intervals.linearised``): over patients, within the strata of the design. For an
AUROC it is DeLong's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Floats
from metrics.comparison.all_pairs import Pairs, reach_zero
from metrics.comparison.ranking import Ranked, standing
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import Group
from metrics.intervals.linearised import PatientSums
from metrics.resampling import replicates as resampling
from metrics.resampling.sums import LANES

_ALIKE = 1e-12
"""Influences that differ by less than this share of their size are the same."""
_NEVER_ZERO = float(np.finfo(np.float64).tiny)
"""The smallest p-value: that of more than a thousand coins would be written as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One submission's figure of a group, and how far each case moves it (cases,).

    ``at`` gives the figure with its interval at a confidence. ``influence`` None where the figure
    has none. ``team`` and ``best_of`` are those of ``Submitted``.
    """

    estimate: Estimate
    at: Callable[[float], Estimate]
    influence: Floats | None
    team: str = ""
    best_of: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Board:
    """The submissions that have the figure; see ``ranking.Board``."""

    sign: float
    by_name: Mapping[str, Measured]
    undefined: Mapping[str, str]
    value: Floats
    replicates: Floats


def ranked_by_influence(
    group: Group,
    submissions: Mapping[str, Measured],
    *,
    figure: str,
    higher_is_better: bool,
    replicates: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Ranked:
    """Rank submissions that answered the same cases by one figure of any kind.

    Influences follow the order of the cases of ``group``; all submissions share labels,
    patients and design. Pairs are those of ``influence_pairs``. A replicate is the figure
    plus the influences of the cases, each as often as it was drawn more than once: the patients are
    drawn once for all submissions, within the strata of the design. Standings are made as in
    ``ranked``. Undefined where no submission has the figure. Source: Deville 1999 and Davison &
    Hinkley 1997, section 2.7, for figures that are taken as linear in the weights of the cases.
    """
    found: dict[str, Measured] = {}
    undefined: dict[str, str] = {}
    for name, each in submissions.items():
        if each.estimate.value is None or each.influence is None:
            undefined[name] = each.estimate.undefined or f"{figure} has no influences"
        else:
            found[name] = each
    if not found:
        reason = next(iter(undefined.values()), "got none")
        raise UndefinedMetric(f"no submission has the figure: {reason}")
    value = np.array([each.estimate.value for each in found.values()], dtype=np.float64)
    influence = np.stack([each.influence for each in found.values() if each.influence is not None])
    drawn = _replicates(group, value, influence, replicates, seed)
    board = _Board(1.0 if higher_is_better else -1.0, found, undefined, value, drawn)
    pairs = influence_pairs(group, value, influence, confidence)
    return standing(board, found, pairs, figure, confidence, seed)


def influence_pairs(group: Group, value: Floats, influence: Floats, confidence: float) -> Pairs:
    """All pairs of a figure that has influences, paired over the patients that all share.

    ``value`` (submissions,); ``influence`` (submissions, cases). Formula: t = D / SE, SE that of
    the difference of influences, Student's t with Satterthwaite's degrees of freedom over the
    classes. No p-value is below 2^(1 - c), c = (sum |e|)^2 / sum e^2 patients on whom the two
    differ, e_p what patient p adds to D: c coins can agree by chance, and c is their number where
    each of them adds as much, as in McNemar's test. Bounds are not numbers where two submissions
    differ and show no variance. Undefined with fewer than two patients. Source: Deville 1999;
    Satterthwaite 1946; McNemar 1947.
    """
    if group.n_patients < 2:
        raise UndefinedMetric("a difference needs two patients; got one")
    from scipy.special import stdtr, stdtrit  # scipy is costly to import

    sums = PatientSums.of(group, influence)
    share = np.bincount(group.patient, minlength=group.n_patients) / group.y.size
    first, second = np.triu_indices(value.size, 1)
    difference = value[first] - value[second]
    error, freedom, coins = (np.zeros(first.size) for _ in range(3))
    whole = np.stack([np.bincount(group.patient, each, group.n_patients) for each in influence])
    start = 0
    for one in range(value.size - 1):
        here = slice(start, start + value.size - 1 - one)
        others = slice(one + 1, None)
        error[here], freedom[here] = sums.less(one, others).errors(group)
        moved = whole[one] - whole[others]
        size = np.abs(whole[one]).max() + np.abs(whole[others]).max(axis=1)
        error[here][np.abs(moved).max(axis=1) <= _ALIKE * size] = 0.0
        coins[here] = _coins(moved + difference[here][:, None] * share)
        start = here.stop
    sure = np.maximum(freedom, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2.0 * stdtr(np.minimum(sure, 1e9), -np.abs(difference) / error)
    alike = error == 0.0
    p = np.maximum(np.where(alike, 0.0, p), np.exp2(1.0 - coins).clip(_NEVER_ZERO, 1.0))
    p[difference == 0.0] = 1.0
    half = stdtrit(np.minimum(sure, 1e9), 0.5 + confidence / 2.0) * error
    over = ", over patients" if group.clustered else ""
    made = Pairs(
        first,
        second,
        difference,
        difference - half,
        difference + half,
        error,
        p,
        sums.covariance(group),
        f"paired influences{over}, Student's t",
    )
    reach_zero(made, confidence)
    unknown = alike & (difference != 0.0)
    made.low[unknown] = made.high[unknown] = np.nan
    return made


def _coins(added: Floats) -> Floats:
    """How many patients of equal weight make each difference; ``added`` (pairs, patients)."""
    square = (added**2).sum(axis=1)
    whole = np.abs(added).sum(axis=1) ** 2
    return np.divide(whole, square, out=np.zeros_like(square), where=square > 0.0)


def _replicates(
    group: Group, value: Floats, influence: Floats, replicates: int, seed: int
) -> Floats:
    """Figures (submissions, replicates) in replicates that all submissions share."""
    design = group.drawn.size > 1
    drawn = resampling.units(group.y, group.patient, group.n_patients, stratified=design)
    found = np.empty((value.size, -(-replicates // LANES) * LANES))
    about = value - influence.sum(axis=1)

    def use(here: slice, weights: NDArray[np.uint8]) -> None:
        found[:, here] = about[:, None] + influence @ weights.astype(np.float64)

    resampling.each_block(drawn, use, replicates=replicates, seed=seed, submissions=value.size)
    return found[:, :replicates]
