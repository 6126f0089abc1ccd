"""The cases that one part of a claim would need, at once: for a sentence beside a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

from metrics.claims.claim import Claim, Part
from metrics.intervals.near_limits import binormal_variance
from metrics.planning import exact
from metrics.planning.saw_tooth import MOST, first_always, first_with
from metrics.planning.truth import Shape, Truth

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class NeededCases:
    """Positives and negatives; ``exact`` is False where a normal approximation gave them."""

    positives: int
    negatives: int
    exact: bool


def needed(
    part: Part,
    truth: float,
    level: float,
    *,
    power: float = 0.8,
    negatives_per_positive: float = 1.0,
    discordance: float = 0.1,
    comparator: float = 0.85,
) -> NeededCases | None:
    """Cases of the part's group with which it would be shown, if ``truth`` is the true value.

    Of a part with a comparator ``truth`` is the difference, ``discordance`` the share that both
    call differently and ``comparator`` the comparator's figure. Rates are exact, every larger
    number having the power too; AUROCs by a normal approximation on the logit scale (a difference:
    on its own), with the variance of two normal classes. None where the truth does not reach the
    goal, where it is impossible, and where more than 100,000 positives are needed.
    """
    if (truth >= part.goal) if part.upper else (truth <= part.goal):
        return None
    if part.figure == "auroc":
        if part.comparator is None:
            return _area(part, truth, level, power, negatives_per_positive)
        return _difference(part, truth, level, power, negatives_per_positive, comparator)
    assumed = Truth(value=truth)
    if part.comparator is not None:
        assumed = Truth(value=comparator + truth, difference=truth, discordance=discordance)
    return _rate(part, assumed, level, power, negatives_per_positive)


def _rate(part: Part, truth: Truth, level: float, power: float, ratio: float) -> NeededCases | None:
    claim = Claim(name="", parts=(replace(part, attribute="", level=""),))
    shape = Shape(ratio=ratio)
    try:
        least = first_always(
            lambda n: exact.of_sizes(claim, {("", 0): truth}, shape, n, level), power
        )
    except ValueError:
        return None
    if least is None:
        return None
    return NeededCases(least.n, round(least.n * ratio), exact=True)


def _area(part: Part, truth: float, level: float, power: float, ratio: float) -> NeededCases | None:
    if not 0.0 < truth < 1.0:
        return None
    away = abs(math.log(truth / (1.0 - truth)) - math.log(part.goal / (1.0 - part.goal)))

    def has(m: int) -> bool:
        error = math.sqrt(binormal_variance(truth, m, ratio * m)) / (truth * (1.0 - truth))
        return away / error >= _NORMAL.inv_cdf(1.0 - level) + _NORMAL.inv_cdf(power)

    return _smallest(has, ratio)


def _difference(
    part: Part, truth: float, level: float, power: float, ratio: float, comparator: float
) -> NeededCases | None:
    ours = comparator + truth
    if not (0.0 < ours < 1.0 and 0.0 < comparator < 1.0):
        return None

    def has(m: int) -> bool:
        one, other = (binormal_variance(each, m, ratio * m) for each in (ours, comparator))
        # placements correlate a little less than scores, here by 0.5
        variance = one + other - 2.0 * 0.47 * math.sqrt(one * other)
        away = (truth - part.goal) / math.sqrt(variance)
        return away >= _NORMAL.inv_cdf(1.0 - level) + _NORMAL.inv_cdf(power)

    return _smallest(has, ratio)


def _smallest(has: Callable[[int], bool], ratio: float) -> NeededCases | None:
    positives = first_with(has, above=1, most=MOST)
    if positives is None:
        return None
    return NeededCases(positives, max(2, round(positives * ratio)), exact=False)
