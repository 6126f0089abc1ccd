"""Distance of a cohort from a population: Jensen-Shannon distance, deviations by attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.coded import Coded
from cohort_selection.matching.target import Target
from cohort_selection.sampling.randomness import generator
from metrics.target_population.divergence import jensen_shannon


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Distance of one attribute's shares in a cohort from those it is compared with.

    ``jsd`` is the Jensen-Shannon distance (square root, base 2: 0 to 1), as MIDRC-REACT;
    ``jsd_without_not_reported`` leaves that level out on both sides, None where nothing is left.
    ``maximum`` and ``mean`` are absolute differences of shares over the levels of either side,
    ``standardised`` the largest standardised difference of a level, ``not_reported`` the cohort's
    share of that level. ``chance_median`` and ``chance_high`` (95 %) are the distances that random
    draws of as many cases from the compared shares have: a joint table's distance says nothing
    without them. None where no seed for the draws was given.
    """

    attribute: str
    jsd: float
    jsd_without_not_reported: float | None
    maximum: float
    mean: float
    worst_level: str
    standardised: float = 0.0
    not_reported: float = 0.0
    chance_median: float | None = None
    chance_high: float | None = None


def representativeness(
    cases: Sequence[Case],
    against: Target | Sequence[Case],
    attributes: Sequence[str],
    *,
    seed: int | None = None,
) -> tuple[Deviation, ...]:
    """Compare cases with a target or with other cases, attribute by attribute.

    A patient counts once, in equal parts for each case. Attributes may be joint ("race x sex"); a
    target must name each of them.
    With a ``seed``, each distance gets its distribution under random draws.
    """
    found = []
    table = CaseTable.of(cases)
    others = against if isinstance(against, Target) else CaseTable.of(against)
    for attribute in attributes:
        wanted = (
            others.margins[attribute] if isinstance(others, Target) else shares(others, attribute)
        )
        row = deviation(attribute, shares(table, attribute), wanted)
        if seed is not None:
            median, high = chance(wanted, table.n_patients, generator(seed, "chance", attribute))
            row = replace(row, chance_median=median, chance_high=high)
        found.append(row)
    return tuple(found)


def chance(
    wanted: Mapping[str, float], n: int, rng: np.random.Generator, draws: int = 400
) -> tuple[float, float]:
    """Median and 95 % point of the distance of ``n`` random cases from their own population."""
    p = _normalised(wanted, sorted(wanted))
    counts = rng.multinomial(n, p, size=draws)
    found = [jensen_shannon(row / n, p) for row in counts]
    return float(np.median(found)), float(np.quantile(found, 0.95))


def shares(cases: Sequence[Case], attribute: str) -> dict[str, float]:
    """Share of each level among the patients of ``cases``; one with several counts in parts."""
    table = CaseTable.of(cases)
    column, n = table.variable(attribute), table.n_of_patient()[table.patient]
    part = np.ones(len(table))
    several = np.flatnonzero(n > 1)
    # The cases of a patient with one level count together, where the first of them stands.
    key = table.patient[several].astype(np.int64) * len(column.levels) + column.codes[several]
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    part[several] = 0.0
    part[several[first]] = times / n[several[first]]
    return {level: total / table.n_patients for level, total in summed(column, part).items()}


def summed(column: Coded, parts: NDArray[np.float64]) -> dict[str, float]:
    """The sum of ``parts`` (cases,) for each level that occurs, added in the order of the cases."""
    totals = np.bincount(column.codes, parts, minlength=len(column.levels))
    occurs = np.bincount(column.codes, minlength=len(column.levels)) > 0
    return {
        level: total
        for level, total, there in zip(column.levels, totals.tolist(), occurs, strict=True)
        if there
    }


def deviation(attribute: str, found: Mapping[str, float], wanted: Mapping[str, float]) -> Deviation:
    """Compare two tables of shares or counts over the levels that either of them has."""
    levels = sorted({*found, *wanted})
    reported = [level for level in levels if level != NOT_REPORTED]
    p, q = _normalised(found, levels), _normalised(wanted, levels)
    difference = np.abs(p - q)
    without = None
    if reported and all(sum(side.get(k, 0.0) for k in reported) > 0 for side in (found, wanted)):
        without = jensen_shannon(_normalised(found, reported), _normalised(wanted, reported))
    return Deviation(
        attribute=attribute,
        jsd=jensen_shannon(p, q),
        jsd_without_not_reported=without,
        maximum=float(difference.max()),
        mean=float(difference.mean()),
        worst_level=levels[int(difference.argmax())],
        standardised=_standardised(p, q),
        not_reported=float(p[levels.index(NOT_REPORTED)]) if NOT_REPORTED in levels else 0.0,
    )


def _standardised(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Largest standardised difference of a level (Austin 2009, Stat Med 28); capped at 10."""
    pooled = np.sqrt((p * (1 - p) + q * (1 - q)) / 2.0)
    return float(min((np.abs(p - q)[pooled > 0] / pooled[pooled > 0]).max(initial=0.0), 10.0))


def _normalised(table: Mapping[str, float], levels: Sequence[str]) -> NDArray[np.float64]:
    column = np.array([table.get(level, 0.0) for level in levels], dtype=np.float64)
    normalised: NDArray[np.float64] = column / column.sum()
    return normalised
