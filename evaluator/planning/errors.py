"""The error of every bound at its goal on the planned cohort, and the levels tightened for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrics.claims.at_goal import Assumed
from metrics.claims.claim import FIXED_SEQUENCE, Part, Study, families
from metrics.claims.error import Tightened, tightened
from metrics.claims.procedures import levels_used
from metrics.claims.spending import level_of_look
from metrics.claims.studies import Counts
from metrics.planning.simulated import patients_of
from metrics.planning.truth import PlannedCohort, Truths


@dataclass(frozen=True, slots=True)
class PartError:
    """The levels of one part of a claim, rising; empty where ``refused`` says why none will do."""

    claim: str
    part: Part
    levels: tuple[Tightened, ...]
    refused: str = ""


def errors_at_goal(study: Study, cohort: PlannedCohort, truths: Truths) -> tuple[PartError, ...]:
    """Simulate each part at its goal with the cohort's counts; exact parts keep their levels.

    A comparator has the figure that is assumed of it; the seal takes its figure on the cases.
    """
    errors = []
    for claim in study.claims:
        for place, part in enumerate(claim.parts):
            counts = Counts(*patients_of(cohort, part))
            truth = truths[claim.name, place]
            other = None if part.comparator is None else truth.value - truth.difference
            try:
                levels = tightened(
                    part, counts, levels_used(study), assumed=Assumed(comparator=other)
                )
            except ValueError as problem:
                errors.append(
                    PartError(claim=claim.name, part=part, levels=(), refused=str(problem))
                )
            else:
                errors.append(PartError(claim.name, part, tuple(levels.values())))
    return tuple(errors)


@dataclass(frozen=True, slots=True)
class Levels:
    """The level to make a bound with: that of the simulation, or the nominal one without it."""

    table: Mapping[tuple[Part, float], float]

    @classmethod
    def of(cls, errors: Sequence[PartError]) -> Levels:
        """Those of a study's parts."""
        return cls({(each.part, one.nominal): one.used for each in errors for one in each.levels})

    def __call__(self, part: Part, level: float) -> float:
        """The level of one part."""
        for (known, nominal), used in self.table.items():
            if known == part and abs(nominal - level) <= 1e-12:
                return used
        return level


def looks_at(study: Study, level: float) -> str:
    """The looks at which a nominal level, or a step of Holm's from it, is used: "1", "1-3"."""
    steps = 1
    if study.procedure != FIXED_SEQUENCE:
        steps = max(len(family) for family in families(study))
    numbers = [
        look
        for look in range(1, study.looks + 1)
        for whole in (level_of_look(look, study.looks, study.alpha, study.spending),)
        if abs(whole / level - round(whole / level)) < 1e-6 and whole / level < steps + 0.5
    ]
    if not numbers:
        return ""
    if len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return ", ".join(map(str, numbers))
