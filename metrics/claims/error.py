"""The level for a bound whose error at the goal would else be larger than declared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metrics.claims.at_goal import Assumed, AtGoal, at_goal, events, is_simulated
from metrics.claims.claim import Part
from metrics.claims.studies import Counts

ALLOWED = 1.12
"""Error of a bound that a study may have, in multiples of its level: estimate and 2 SE together."""
_LEAST_SHARE = 0.05
"""A bound that must be made at less than this share of its level is none."""
_LEAST_EVENTS = 10.0
"""Studies that may err, or their share is too little known."""
_EVENTS, _FEWEST_EVENTS = 500.0, 25.0
"""Studies that err at the smallest level: where as many can be afforded, and always."""
_STUDIES, _FEWEST, _MOST = 50_000, 20_000, 400_000
"""Simulated studies of each kind of data: where as many can be afforded, always, and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightened:
    """The level ``used`` for a bound of a ``nominal`` level.

    ``error`` is the chance that the bound at ``used`` reaches the goal where the truth is the
    goal: the largest over all kinds of data tried. ``standard_error`` is that of its simulation, 0
    for a sum over all outcomes.
    """

    nominal: float
    used: float
    error: float
    standard_error: float


def tightened(
    part: Part,
    counts: Counts,
    levels: Sequence[float],
    *,
    assumed: Assumed | None = None,
    seed: int = 1,
    affordable: int = 200_000_000,
) -> dict[float, Tightened]:
    """For each nominal level the level to use, by nominal level.

    An exact bound is used at its level. For any other one, studies with the cohort's own
    ``counts`` are simulated at the goal (``metrics.claims.at_goal``), and the level is the
    largest at which error + 2 standard errors is at most 1.12 times the nominal level, for every
    kind of data. One simulation serves all levels; the same seed gives the same levels.
    ``affordable`` is the number of cases that are simulated for one kind of data, more only where
    fewer studies would not tell. ValueError where a class has too few patients, where no level
    from a twentieth of the nominal one on will do, where a level is too small for the studies that
    can be simulated, and where not even perfect scores would show an AUROC.
    """
    studies = _studies(min(levels), counts, affordable)
    if is_simulated(part, counts) and events(studies, ALLOWED * min(levels)) < _LEAST_EVENTS:
        raise ValueError(
            f"the level {min(levels):.2g} of a claim on {part.figure} is too small to be checked "
            f"by {studies} simulated studies; declare fewer looks or claims"
        )
    errors = at_goal(part, counts, studies, assumed or Assumed(), seed)
    return {level: _used(part, counts, level, errors) for level in levels}


def _studies(level: float, counts: Counts, affordable: int) -> int:
    cases = counts.positive.size + counts.negative.size
    number = max(_STUDIES, _EVENTS / level)
    fewest = max(_FEWEST, _FEWEST_EVENTS / level)
    return math.ceil(min(_MOST, max(fewest, min(number, affordable / max(1, cases)))))


def _used(part: Part, counts: Counts, nominal: float, errors: Sequence[AtGoal]) -> Tightened:
    allowed = ALLOWED * nominal
    used = min(each.largest(nominal, allowed) for each in errors)
    if used < nominal:
        used = _down(used)
    if used < _LEAST_SHARE * nominal:
        raise ValueError(
            f"a claim on {part.figure} with goal {part.goal:g} cannot be decided by "
            f"{counts.positive.size} positive and {counts.negative.size} negative cases: its "
            f"bound at the level {nominal:.3g} would err with "
            f"{max(each.error(nominal) for each in errors):.3g}; take another goal or more cases"
        )
    _refuse_unreachable(part, counts, used)
    worst = max(errors, key=lambda each: each.error(used))
    error = worst.error(used)
    return Tightened(
        nominal=nominal, used=used, error=error, standard_error=worst.standard_error(error)
    )


def _refuse_unreachable(part: Part, counts: Counts, used: float) -> None:
    """Raise ValueError where scores that separate the classes would not show the AUROC.

    Their bound is ``used``^(1/k), k the patients of the smaller class: so many patients hold none
    of a share 1 - goal more often than ``used``. Scores that miss one pair would show it.
    """
    if part.figure != "auroc" or part.comparator is not None:
        return
    goal = 1.0 - part.goal if part.upper else part.goal
    if goal**counts.fewest > used:
        raise ValueError(
            f"a claim on auroc with goal {part.goal:g} cannot be shown by "
            f"{counts.positive.size} positive and {counts.negative.size} negative cases: even "
            f"scores that separate the classes have a bound of "
            f"{abs(float(part.upper) - used ** (1.0 / counts.fewest)):.3f} at the level "
            f"{used:.3g}; take another goal or more cases"
        )


def _down(level: float) -> float:
    """The level with three digits, rounded down: the same on every machine."""
    digits = 2 - math.floor(math.log10(level)) if level > 0.0 else 0
    return math.floor(level * 10.0**digits) / 10.0**digits
