"""How often a bound of any level reaches its goal where the truth is the goal."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.claims import needed
from metrics.claims.claim import Part
from metrics.claims.studies import (
    Counts,
    Truth,
    answers,
    binormal_shift,
    paired_answers,
    paired_scores,
    scores,
)

_AT_ONCE = 500_000
"""Cases that a processor simulates at once: 4 MB."""
_SPREADS = (0.6, 1.0, 1.6)
_WITHIN = (0.2, 0.5, 0.8)
_MOST_WITHIN = 0.8
"""Share that images of a patient have in common, beside the one assumed: an AUROC errs more."""
_MOST_ALIKE = 0.9
"""Correlation beyond which the scores of two programs of one AUROC are not tried."""
_FURTHER = (0.0, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2)
"""Chances that the comparator alone is right, beyond what the goal itself asks."""
_TAIL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What a comparator and repeated images are taken to be like.

    ``comparator`` is its figure on these cases; ``correlation`` that of the two scores of a case;
    ``within`` the share of the variance of scores that images of a patient share.
    """

    comparator: float | None = None
    correlation: float = 0.5
    within: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class AtGoal:
    """Distribution of the least level at which the bound reaches the goal, for one kind of data.

    ``levels`` rise; ``chances`` are those of a least level at or below each. ``studies`` were
    simulated, 0 where the chances are sums over all outcomes.
    """

    levels: Floats
    chances: Floats
    studies: int

    def error(self, level: float) -> float:
        """Chance that the bound of ``level`` reaches the goal."""
        place = int(np.searchsorted(self.levels, level, side="right"))
        return float(self.chances[place - 1]) if place else 0.0

    def standard_error(self, error: float) -> float:
        """Standard error of an ``error`` that was found here."""
        return math.sqrt(error * (1.0 - error) / self.studies) if self.studies else 0.0

    def largest(self, nominal: float, allowed: float) -> float:
        """The largest level up to ``nominal`` whose error and 2 SE are at most ``allowed``."""
        errors = self.chances
        if self.studies:
            errors = errors + 2.0 * np.sqrt(errors * (1.0 - errors) / self.studies)
        above = np.flatnonzero(errors > allowed)
        if not above.size or self.levels[above[0]] > nominal:
            return nominal
        return math.nextafter(float(self.levels[above[0]]), 0.0)


def events(studies: int, allowed: float) -> float:
    """How many of ``studies`` may err where their share and 2 SE are to be ``allowed`` at most."""
    return (math.sqrt(allowed * studies + 1.0) - 1.0) ** 2


def is_simulated(part: Part, counts: Counts) -> bool:
    """Whether the error of the part's bound is simulated; else it is a sum over all outcomes."""
    if part.figure == "auroc":
        return True
    patient = counts.positive if part.figure == "sensitivity" else counts.negative
    return bool(np.unique(patient).size < patient.size)


def at_goal(
    part: Part, counts: Counts, studies: int, assumed: Assumed, seed: int
) -> tuple[AtGoal, ...]:
    """The distribution for every kind of data that ``part`` is checked on.

    An AUROC: binormal scores whose negatives spread 0.6, 1 and 1.6 times as wide as the positives.
    A difference of two: such scores with the correlation assumed, and with that of two programs
    where one is the other with noise of its own. A rate: exact sums over the binomial; where
    patients repeat, answers alike in a patient by 0.2, 0.5 and 0.8. A difference of rates: exact
    sums over the trinomial, for chances of 0 to 0.2 that the comparator alone is right beyond what
    the goal asks; where patients repeat, simulated answers. ``seed`` and the kind of data fix the
    random numbers. ValueError where the cases cannot carry the claim.
    """
    if part.figure == "auroc":
        return tuple(_areas(part, counts, studies, assumed, seed))
    patient = counts.positive if part.figure == "sensitivity" else counts.negative
    kind = "positive" if part.figure == "sensitivity" else "negative"
    if not patient.size:
        raise ValueError(f"a claim on {part.figure} needs {kind} cases; the group has none")
    number, k = arrays.renumbered(patient)
    if k < patient.size and k < 2:
        raise ValueError(
            f"a claim on {part.figure} needs {kind} cases of two patients; the group has one"
        )
    if part.comparator is not None:
        return tuple(_paired_shares(part, number, k, studies, assumed, seed))
    return tuple(_shares(part, number, k, studies, seed))


def _areas(
    part: Part, counts: Counts, studies: int, assumed: Assumed, seed: int
) -> Iterator[AtGoal]:
    from metrics.claims import kernels  # numba is costly to import

    if not counts.positive.size or not counts.negative.size or counts.fewest < 2:
        raise ValueError(
            f"a claim on auroc needs two patients of each class; the group has "
            f"{np.unique(counts.positive).size} with positive and "
            f"{np.unique(counts.negative).size} with negative cases"
        )
    cases = counts.positive.size + counts.negative.size
    patients = (counts.positive, counts.negative) if counts.clustered else None
    aurocs = (part.goal, part.goal) if part.comparator is None else _both(part, assumed)
    correlations = {assumed.correlation}
    if part.comparator is not None:
        correlations.add(max(assumed.correlation, _alike(aurocs)))
    alike = {assumed.within}
    if counts.clustered:
        alike.add(max(assumed.within, _MOST_WITHIN))
    kinds = product(sorted(alike), _SPREADS, sorted(correlations))
    for place, (within, spread, correlation) in enumerate(kinds):
        truth = Truth(spread=spread, within=within, correlation=correlation)

        def least(generator: np.random.Generator, some: int, truth: Truth = truth) -> Floats:
            if part.comparator is None:
                drawn = scores(generator, some, counts, part.goal, truth)
                value, variance = kernels.areas(drawn, patients)
                return needed.of_area(value, variance, counts.fewest, part.goal, upper=part.upper)
            pair = paired_scores(generator, some, counts, aurocs, truth)
            value, variance = kernels.area_differences(*pair, patients)
            return needed.of_area_difference(value, variance, counts.fewest, part.goal)

        yield _simulated(least, studies, cases, (seed, place))


def _shares(part: Part, patient: Ints, k: int, studies: int, seed: int) -> Iterator[AtGoal]:
    goal = 1.0 - part.goal if part.upper else part.goal
    n = patient.size
    if k == n:
        yield _binomial(n, goal)
        return
    for place, within in enumerate(_WITHIN):

        def least(generator: np.random.Generator, some: int, within: float = within) -> Floats:
            right = answers(generator, some, patient, goal, within)
            return needed.of_clustered_answers(right, patient, goal)

        yield _simulated(least, studies, n, (seed, place))


def _paired_shares(
    part: Part, patient: Ints, k: int, studies: int, assumed: Assumed, seed: int
) -> Iterator[AtGoal]:
    first, second = _both(part, assumed)
    if k == patient.size:
        least = max(0.0, -part.goal)
        most = min(second, 1.0 - first)
        for only_second in sorted({min(least + further, most) for further in _FURTHER}):
            if only_second + part.goal + only_second > 0.0:
                yield _trinomial(patient.size, only_second, part.goal)
        return
    for place, within in enumerate(_WITHIN):
        truth = Truth(within=within, correlation=assumed.correlation)

        def needs(generator: np.random.Generator, some: int, truth: Truth = truth) -> Floats:
            ours, theirs = paired_answers(generator, some, patient, (first, second), truth)
            return needed.of_clustered_pairs(ours - theirs, patient, part.goal)

        yield _simulated(needs, studies, patient.size, (seed, place))


def _alike(aurocs: tuple[float, float]) -> float:
    """Correlation where the worse program's score is the better one's with noise of its own.

    Formula: z(A) / z(B) of the smaller to the larger AUROC, at most 0.9. The bound of a difference
    errs most where scores agree: 0.037 at a correlation of 0.8, 0.032 at 0.5 (105 + 420 cases,
    AUROCs of 0.85 and 0.90, level 0.025).
    """
    low, high = sorted(binormal_shift(each, 0.0) for each in aurocs)
    return min(_MOST_ALIKE, low / high) if low > 0.0 else 0.0


def _both(part: Part, assumed: Assumed) -> tuple[float, float]:
    """True figures of submission and comparator at the goal."""
    if assumed.comparator is None:
        raise ValueError(f"the {part.figure} of the comparator {part.comparator!r} is not given")
    second = min(max(assumed.comparator, 0.001), 0.999)
    first = second + part.goal
    if not 0.0 < first < 1.0:
        raise ValueError(
            f"the comparator {part.comparator!r} has a {part.figure} of {second:.3g}; a submission "
            f"that differs by {part.goal:g} would have {first:.3g}; take another margin"
        )
    return first, second


def _binomial(n: int, goal: float) -> AtGoal:
    """Clopper-Pearson's bound: the least level of k hits is the chance of k or more."""
    from scipy.stats import binom  # scipy is costly to import

    hits = np.arange(n, -1, -1)
    return AtGoal(needed.of_count(hits, n, goal), binom.sf(hits - 1, n, goal), 0)


def _trinomial(n: int, only_second: float, goal: float) -> AtGoal:
    """Tango's bound: sum over the pairs in which one alone is right, all but 1e-9 of the chance."""
    from scipy.special import gammaln, xlogy  # scipy is costly to import
    from scipy.stats import binom

    only_first = max(0.0, only_second + goal)
    ends = [
        (int(binom.ppf(_TAIL, n, p)), int(binom.isf(_TAIL, n, p))) if p > 0.0 else (0, 0)
        for p in (only_first, only_second)
    ]
    b, c = np.meshgrid(*(np.arange(low, high + 1) for low, high in ends), indexing="ij")
    b, c = (each[b + c <= n] for each in (b, c))
    rest = n - b - c
    logs = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(rest + 1)
    logs += xlogy(b, only_first) + xlogy(c, only_second)
    logs += xlogy(rest, 1.0 - only_first - only_second)
    levels = needed.of_pairs(b, c, n, goal)
    order = np.argsort(levels)
    chances = np.minimum(np.cumsum(np.exp(logs[order])) + 4.0 * _TAIL, 1.0)
    return AtGoal(levels[order], chances, 0)


def _simulated(
    least: Callable[[np.random.Generator, int], Floats],
    studies: int,
    cases: int,
    seed: tuple[int, int],
) -> AtGoal:
    """Least levels of simulated studies, some at a time, on every processor.

    Each lot has random numbers of its own, so that the processors change nothing.
    """
    some = max(1, _AT_ONCE // max(1, cases))

    def lot(first: int) -> Floats:
        return least(np.random.default_rng([*seed, first]), min(some, studies - first))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        levels = np.sort(np.concatenate(list(pool.map(lot, range(0, studies, some)))))
    return AtGoal(levels, np.arange(1, studies + 1) / studies, studies)
