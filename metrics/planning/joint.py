"""Power of every claim and of all together, through the procedure of the study."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Bools, Floats
from metrics.claims.claim import FIXED_SEQUENCE, STEPS, Bound, Part, Study, families
from metrics.claims.procedures import Verdict, decided, steps
from metrics.claims.spending import level_of_look
from metrics.planning.simulated import least_levels
from metrics.planning.truth import PlannedCohort, Truths

Used = Callable[[Part, float], float]
"""The level at which the bound of a part is made in place of a nominal one."""


@dataclass(frozen=True, slots=True)
class Power:
    """A chance, and two standard errors of its simulation: 0 where it is exact."""

    value: float
    error: float = 0.0

    @classmethod
    def of(cls, share: float, runs: int) -> Power:
        """That of a share of simulated studies."""
        return cls(share, 2.0 * math.sqrt(max(share * (1.0 - share), 1.0 / runs) / runs))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPower:
    """Power of a study at its first look.

    ``alone``: chance that each claim holds at the level of ``first_level``, whatever becomes of
    the others; ``met``: through the procedure; ``together``: that all are met.
    """

    alone: Mapping[str, Power]
    met: Mapping[str, Power]
    together: Power


def nominal(part: Part, level: float) -> float:
    """The level itself, where no bound is tightened."""
    del part
    return level


def first_level(study: Study, claim: str, look: int = 1) -> float:
    """The level at which a claim is tested first: Holm's first step divides it."""
    alpha = level_of_look(look, study.looks, study.alpha, study.spending)
    if study.procedure == FIXED_SEQUENCE:
        return alpha
    family = next(each for each in families(study) if claim in {one.name for one in each})
    return alpha / len(family)


def study_power(
    study: Study,
    truths: Truths,
    cohort: PlannedCohort,
    *,
    runs: int,
    seed: int,
    used: Used = nominal,
    look: int = 1,
) -> StudyPower:
    """Simulate the study on ``runs`` cohorts and decide each by its procedure."""
    places = [(claim, place) for claim in study.claims for place in range(len(claim.parts))]
    least = least_levels(
        [(claim.parts[place], truths[claim.name, place]) for claim, place in places],
        cohort,
        runs,
        seed,
    )
    row = {(claim.name, place): k for k, (claim, place) in enumerate(places)}
    alone = {}
    for claim in study.claims:
        level = first_level(study, claim.name, look)
        holds = np.ones(runs, dtype=np.bool_)
        for place, part in enumerate(claim.parts):
            holds &= least[row[claim.name, place]] <= used(part, level)
        alone[claim.name] = Power.of(float(holds.mean()), runs)
    reached = _met(study, least, row, used, look)
    return StudyPower(
        alone=alone,
        met={name: Power.of(float(each.mean()), runs) for name, each in reached.items()},
        together=Power.of(float(np.all(list(reached.values()), axis=0).mean()), runs),
    )


def _met(
    study: Study, least: Floats, row: Mapping[tuple[str, int], int], used: Used, look: int
) -> dict[str, Bools]:
    """Which studies met each claim: each pattern of bounds that occurs is decided once."""
    alpha = level_of_look(look, study.looks, study.alpha, study.spending)
    levels = tuple(alpha / step for step in steps(study))
    places = [
        (part, row[claim.name, place], level)
        for claim in study.claims
        for place, part in enumerate(claim.parts)
        for level in levels
    ]
    reached = np.stack([least[k] <= used(part, level) for part, k, level in places])
    column = {(id(part), level): i for i, (part, _, level) in enumerate(places)}
    patterns, which = np.unique(reached, axis=1, return_inverse=True)
    which = which.ravel()
    verdicts = np.empty((len(study.claims), patterns.shape[1]), dtype=np.bool_)
    for i in range(patterns.shape[1]):

        def bound_of(part: Part, level: float, i: int = i) -> Bound:
            return _bound(part, level, holds=bool(patterns[column[id(part), level], i]))

        verdicts[:, i] = [each.verdict is Verdict.MET for each in decided(study, bound_of, alpha)]
    return {claim.name: verdicts[k, which] for k, claim in enumerate(study.claims)}


def _bound(part: Part, level: float, *, holds: bool) -> Bound:
    """A printed bound that reaches the goal, or one that misses it by a thousandth."""
    away = 0 if holds else (1 if part.upper else -1)
    return Bound(
        figure=part.figure,
        value=part.goal,
        bound=round(part.goal * STEPS + away) / STEPS,
        level=level,
        n_cases=0,
        n_positive=0,
        n_patients=0,
        method="planned",
    )
