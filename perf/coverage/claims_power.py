"""Cells of planned power: how often a study that the plan gives a power is met as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

from scipy.stats import multivariate_normal

from metrics.claims.claim import HOLM, Part
from metrics.planning.joint import study_power
from metrics.planning.truth import PlannedCohort, Stratum, Truth
from perf.coverage import counting
from perf.coverage.claims import (
    ClaimCell,
    Group,
    Population,
    against,
    of_auroc,
    of_rates,
    one,
    part,
    several,
)

MET = "all claims met"
PLANNED = "all claims met, by the plan"
_NORMAL = NormalDist()
_SEED = 1


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A study whose claims are true, judged on cohorts of one kind, and the power planned for it.

    The plan is told the population's own figures, spread, correlation and discordance.
    """

    judged: ClaimCell

    @property
    def name(self) -> str:
        """``claims/planned`` and the title of the study."""
        return f"claims/planned/{self.judged.title}"

    @property
    def runs(self) -> int:
        """Studies judged, and studies that the plan simulates."""
        return self.judged.runs

    @property
    def chunk(self) -> int:
        """Studies after which counts are kept."""
        return self.judged.chunk

    def simulate(self, first: int, last: int) -> counting.Counts:
        """Count the studies that are met as a whole; the plan's with the first of them."""
        counts = counting.Counts()
        names = {claim.name for claim in self.judged.study.claims}
        for run in range(first, last):
            counts.test(MET, self.judged.met(run) == names)
        if first == 0:
            power = self.planned()
            counts.rows[PLANNED] = [self.runs, round(self.runs * power)]
        return counts

    def planned(self) -> float:
        """Chance that all claims are met, as the plan gives it for the levels of the seal."""
        cell = self.judged
        found = study_power(
            cell.study,
            {
                (claim.name, place): _truth(cell, each)
                for claim in cell.study.claims
                for place, each in enumerate(claim.parts)
            },
            _cohort(cell),
            runs=self.runs,
            seed=_SEED,
            used=cell.used,
        )
        return found.together.value


def _cohort(cell: ClaimCell) -> PlannedCohort:
    (images,) = {group.images for group in cell.groups}
    (within,) = {group.population.within for group in cell.groups}
    return PlannedCohort(
        strata=tuple(
            Stratum(
                positives=group.positive * images,
                negatives=group.negative * images,
                groups=frozenset({("group", str(i))}),
            )
            for i, group in enumerate(cell.groups)
        ),
        images=float(images),
        within=within if images > 1 else 0.0,
    )


def _truth(cell: ClaimCell, part: Part) -> Truth:
    population = cell.group(part).population
    alone = population.figure(replace(part, comparator=None, goal=0.5, margin=None))
    difference = 0.0 if part.comparator is None else population.figure(part)
    return Truth(
        value=alone,
        difference=difference,
        spread=population.spread,
        correlation=population.correlation,
        discordance=_discordance(population),
    )


def _discordance(population: Population) -> float:
    """Share of the positives that submission and comparator call differently."""
    own = population.shift - population.threshold
    theirs = population.other - population.threshold
    covariance = [[1.0, population.correlation], [population.correlation, 1.0]]
    both = float(multivariate_normal(cov=covariance).cdf([own, theirs]))
    return _NORMAL.cdf(own) + _NORMAL.cdf(theirs) - 2.0 * both


def planned_cells() -> Iterator[PlannedCell]:
    """Each kind of claim, at sizes about those that a power of 0.8 needs."""
    for title, study, groups in (
        ("auroc 0.80", one(part("auroc", 0.8)), (Group(of_auroc(0.85), 265, 265),)),
        (
            "auroc 0.85, spread 0.6",
            one(part("auroc", 0.85)),
            (Group(of_auroc(0.9, 0.6), 150, 600),),
        ),
        (
            "auroc not inferior by 0.05",
            one(against("auroc", 0.05)),
            (Group(of_auroc(0.85, 1.0, 0.85), 248, 248),),
        ),
        (
            "sensitivity not inferior by 0.1",
            one(against("sensitivity", 0.1)),
            (Group(of_rates(0.85, 0.8, 1.0, 0.85), 150, 60),),
        ),
        (
            "sensitivity 0.85 and specificity 0.75",
            one(part("sensitivity", 0.85), part("specificity", 0.75)),
            (Group(of_rates(0.92, 0.82), 318, 318),),
        ),
        (
            "auroc 0.75 in each of 4 groups",
            one(*(part("auroc", 0.75, str(i)) for i in range(4))),
            tuple(Group(of_auroc(0.87), 60, 60) for _ in range(4)),
        ),
        (
            "auroc 0.80, then sensitivity 0.70, by Holm, 3 images",
            several(HOLM, (part("auroc", 0.8),), (part("sensitivity", 0.7),)),
            (Group(of_rates(0.8, 0.8), 90, 90, 3),),
        ),
    ):
        sizes = " and ".join(sorted({f"{group.positive}+{group.negative}" for group in groups}))
        yield PlannedCell(ClaimCell(f"{title}/{sizes}", study, groups))
