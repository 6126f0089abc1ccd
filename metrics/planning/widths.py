"""Width that the interval of an AUROC has in most cohorts, and the cases that a width takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from metrics.estimate import UndefinedMetric
from metrics.intervals.linearised import Error
from metrics.intervals.near_limits import binormal_variance, logit_share, score_area
from metrics.intervals.proportions import symmetric
from metrics.planning.saw_tooth import first_with

ASSURANCE = 0.8
"""Share of cohorts whose interval is no wider than planned, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Positives and negatives to plan for."""

    positives: int
    negatives: int


@dataclass(frozen=True, slots=True)
class Precision:
    """What a planned width stands for: an AUROC, its interval, and in how many cohorts.

    ``assurance`` is the share of cohorts whose interval is no wider.
    """

    auroc: float = 0.85
    confidence: float = 0.95
    interval: str = "score"
    assurance: float = ASSURANCE

    def half_width(self, positives: int, negatives: int) -> float | None:
        """Half of the width with so many cases; None with fewer than two of a class."""
        if min(positives, negatives) < 2:
            return None
        return auroc_half_width(
            self.auroc,
            positives,
            negatives,
            confidence=self.confidence,
            interval=self.interval,
            assurance=self.assurance,
        )


USUAL = Precision()
"""Where a benchmark says nothing."""


def auroc_half_width(
    auroc: float,
    positives: int,
    negatives: int,
    *,
    confidence: float = 0.95,
    interval: str = "score",
    assurance: float = ASSURANCE,
) -> float:
    """Half of the interval's width that a share ``assurance`` of cohorts does not exceed.

    The width varies with the AUROC that a cohort shows by chance, which is normal on the logit
    scale, and with the variance that it estimates from few cases, as that of normal values does:
    1 / (2 f) on the log scale, f the degrees of freedom. Both classes are taken as normal with
    equal spread. ``assurance`` is above 0.5. ``interval`` as in
    ``metrics.discrimination.delong.auroc_estimate``. Undefined with fewer than two cases of a
    class. A test compares it with drawn cohorts.
    """
    if min(positives, negatives) < 2:
        raise UndefinedMetric(
            "the width of an AUROC's interval needs two cases of each class; got "
            f"{positives} positive, {negatives} negative"
        )
    reach = NormalDist().inv_cdf(assurance)
    error = math.sqrt(binormal_variance(auroc, positives, negatives))
    below = reach * error / (auroc * (1.0 - auroc))
    observed = 1.0 / (1.0 + math.exp(below - math.log(auroc / (1.0 - auroc))))
    expected, wide = (
        (high - low) / 2.0
        for low, high in (
            _interval(value, positives, negatives, confidence, interval)
            for value in (auroc, observed)
        )
    )
    of_the_value = math.log(wide / expected) / reach
    of_the_variance = math.sqrt(0.5 / _freedom(positives, negatives))
    return expected * math.exp(reach * math.hypot(of_the_value, of_the_variance))


def needed_for_auroc(
    auroc: float,
    half_width: float,
    *,
    prevalence: float = 0.5,
    confidence: float = 0.95,
    interval: str = "score",
    assurance: float = ASSURANCE,
) -> Needed:
    """Fewest cases whose interval is no wider than ``2 half_width`` in most cohorts.

    A share ``assurance`` of cohorts has an interval as narrow, where the AUROC is ``auroc``.
    ValueError for what cannot be planned.
    """
    refuse_unplannable(auroc, half_width, prevalence)
    return _needed(auroc, half_width, prevalence, confidence, interval, assurance)


def refuse_unplannable(auroc: float, half_width: float, prevalence: float = 0.5) -> None:
    """Raise ValueError for a width that no cohort could reach."""
    if not 0.5 <= auroc < 1.0 or not (1e-4 <= half_width < 0.5 and 0.0 < prevalence < 1.0):
        raise ValueError(
            f"an AUROC of {auroc} +- {half_width}, prevalence {prevalence}, cannot be planned for; "
            "give an AUROC from 0.5, a half width from 0.0001 to under 0.5 and a prevalence "
            "between 0 and 1"
        )


@lru_cache(maxsize=256)
def _needed(
    auroc: float,
    half_width: float,
    prevalence: float,
    confidence: float,
    interval: str,
    assurance: float,
) -> Needed:
    def split(n: int) -> Needed:
        positives = max(2, round(n * prevalence))
        return Needed(positives, max(2, n - positives))

    def is_narrow(n: int) -> bool:
        counts = split(n)
        width = auroc_half_width(
            auroc,
            counts.positives,
            counts.negatives,
            confidence=confidence,
            interval=interval,
            assurance=assurance,
        )
        return width <= half_width

    n = first_with(is_narrow, above=3)
    assert n is not None  # some size is narrow enough
    return split(n)


def _interval(
    value: float, positives: int, negatives: int, confidence: float, interval: str
) -> tuple[float, float]:
    variance = binormal_variance(value, positives, negatives)
    error = math.sqrt(variance)
    if interval == "symmetric":
        return symmetric(value, error, confidence, (0.0, 1.0))
    known = Error(error, _freedom(positives, negatives))
    if interval == "logit":
        return logit_share(value, known, min(positives, negatives), confidence)
    return score_area(value, known, positives, negatives, confidence)


def _freedom(positives: int, negatives: int) -> float:
    """Satterthwaite's, where the placements of both classes vary as much."""
    m, n = positives, negatives
    return float((1.0 / m + 1.0 / n) ** 2 / (1.0 / (m**2 * (m - 1)) + 1.0 / (n**2 * (n - 1))))
