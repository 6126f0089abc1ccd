"""Cells of claims: how often a study calls a false claim met where the truth is its goal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist

import numpy as np

from metrics.arrays import Floats
from metrics.claims.at_goal import Assumed
from metrics.claims.bounds import bound
from metrics.claims.claim import FIXED_SEQUENCE, HOLM, Bound, CaseData, Claim, Part, Study
from metrics.claims.error import tightened
from metrics.claims.procedures import Verdict, decided, levels_used
from metrics.claims.spending import EQUAL, level_of_look
from metrics.claims.studies import Counts, Truth, binormal_shift, paired_scores
from metrics.estimate import UndefinedMetric
from metrics.group import FIXED_PREVALENCE, SAMPLED
from perf.coverage import counting

RUNS = 20_000
FALSE = "false claim met"
_NORMAL = NormalDist()
_ALPHA = 0.025


@dataclass(frozen=True, slots=True)
class Population:
    """Binormal scores of a submission and of a comparator, with a threshold for both calls.

    Positives have spread 1 and a mean of ``shift``, negatives the ``spread`` and a mean of 0; the
    comparator's positives have a mean of ``other``, and both scores of a case the ``correlation``.
    Images of a patient share ``within`` of the variance.
    """

    shift: float
    threshold: float
    spread: float = 1.0
    other: float = 1.0
    correlation: float = 0.5
    within: float = 0.5

    def figure(self, part: Part) -> float:
        """True figure, or difference of submission less comparator."""
        own = self._of(part.figure, self.shift)
        return own if part.comparator is None else own - self._of(part.figure, self.other)

    def comparator(self, part: Part) -> float:
        """True figure of the comparator."""
        return self._of(part.figure, self.other)

    def aurocs(self) -> tuple[float, float]:
        """True AUROCs of submission and comparator."""
        return self._of("auroc", self.shift), self._of("auroc", self.other)

    def _of(self, figure: str, shift: float) -> float:
        if figure == "auroc":
            return _NORMAL.cdf(shift / math.sqrt(1.0 + self.spread**2))
        if figure == "sensitivity":
            return _NORMAL.cdf(shift - self.threshold)
        return _NORMAL.cdf(self.threshold / self.spread)


@dataclass(frozen=True, slots=True)
class Group:
    """A level of an attribute: its population and patients of either class; ``images`` each.

    ``images`` 0 stands for 1 to 5.
    """

    population: Population
    positive: int
    negative: int
    images: int = 1

    def counts(self, design: str, generator: np.random.Generator) -> Counts:
        """The cases of one cohort; sampled, the number of positive patients is left to chance."""
        patients, m = self.positive + self.negative, self.positive
        if design == SAMPLED:
            m = int(generator.binomial(patients, self.positive / patients))
            m = min(max(m, 10), patients - 10)  # a class with fewer patients has no claim
        images = np.full(patients, self.images)
        if self.images == 0:
            images = generator.integers(1, 6, patients)
        return Counts.of(
            (np.arange(patients) < m).repeat(images), np.arange(patients).repeat(images)
        )


@dataclass(frozen=True, slots=True)
class ClaimCell:
    """A study of claims, some false by a hair, on cohorts of one kind.

    ``study`` is judged at its first look. The cohort is drawn once for each chunk of runs, and its
    levels are tightened for its own counts as at seal.
    """

    title: str
    study: Study
    groups: tuple[Group, ...]
    design: str = FIXED_PREVALENCE
    runs: int = RUNS
    chunk: int = 2_500

    @property
    def name(self) -> str:
        """``claims`` and the title."""
        return f"claims/{self.title}"

    @property
    def level(self) -> float:
        """Nominal level of the look, for all claims together."""
        return level_of_look(1, self.study.looks, self.study.alpha, self.study.spending)

    @property
    def cases(self) -> int:
        """Patients of all groups."""
        return sum(group.positive + group.negative for group in self.groups)

    def simulate(self, first: int, last: int) -> counting.Counts:
        """Judge the study on each run's scores; count where a false claim is met."""
        counts = counting.Counts()
        for run in range(first, last):
            counts.test(FALSE, bool(self.met(run) & self.false))
        return counts

    def met(self, run: int) -> frozenset[str]:
        """Names of the claims that are met in one run."""
        return self._verdicts(run, *self._cohort(run // self.chunk))

    def used(self, part: Part, level: float) -> float:
        """The level of a part's bound on the first cohort, in place of the nominal one."""
        return self._cohort(0)[1][part, level]

    def group(self, part: Part) -> Group:
        """The group that a part is about."""
        return self.groups[int(part.level or 0)]

    @property
    def false(self) -> frozenset[str]:
        """Names of the claims that do not hold."""
        return frozenset(
            claim.name
            for claim in self.study.claims
            if any(
                self.group(part).population.figure(part) <= part.goal + 1e-9 for part in claim.parts
            )
        )

    def _cohort(self, number: int) -> tuple[Sequence[Counts], dict[tuple[Part, float], float]]:
        return _sealed(self, number if self.design == SAMPLED else 0)

    def _verdicts(
        self, run: int, cohort: Sequence[Counts], levels: dict[tuple[Part, float], float]
    ) -> frozenset[str]:
        """Names of the claims that are met in one run."""
        generator = counting.generator(self.name, run)
        drawn = [
            _drawn(group.population, counts, generator)
            for group, counts in zip(self.groups, cohort, strict=True)
        ]

        def bound_of(part: Part, level: float) -> Bound | UndefinedMetric:
            place = int(part.level or 0)
            data = _data(part, self.groups[place].population, cohort[place], drawn[place])
            try:
                return bound(part, data, levels[part, level])
            except UndefinedMetric as reason:
                return reason

        found = decided(self.study, bound_of, self.level)
        return frozenset(each.claim for each in found if each.verdict is Verdict.MET)


@cache
def _sealed(
    cell: ClaimCell, number: int
) -> tuple[tuple[Counts, ...], dict[tuple[Part, float], float]]:
    """The cases of a cohort by group, and the level used for each part and nominal level."""
    generator = counting.generator(f"{cell.name}/cohort", number)
    cohort = tuple(group.counts(cell.design, generator) for group in cell.groups)
    nominal = [level for level in levels_used(cell.study) if level <= cell.level * (1.0 + 1e-12)]
    levels = {}
    for claim in cell.study.claims:
        for part in claim.parts:
            place = int(part.level or 0)
            population = cell.groups[place].population
            assumed = Assumed(comparator=population.comparator(part))
            found = tightened(part, cohort[place], nominal, assumed=assumed)
            levels.update({(part, level): each.used for level, each in found.items()})
    return cohort, levels


def _drawn(
    population: Population, counts: Counts, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Scores of submission and comparator, positives first."""
    truth = Truth(
        spread=population.spread, within=population.within, correlation=population.correlation
    )
    pair = paired_scores(generator, 1, counts, population.aurocs(), truth)
    first, second = (np.concatenate([each[0][0], each[1][0]]) for each in pair)
    return first, second


def _data(
    part: Part, population: Population, counts: Counts, drawn: tuple[Floats, Floats]
) -> CaseData:
    other = drawn[1] if part.figure == "auroc" else drawn[1] >= population.threshold
    return CaseData(
        labels=np.repeat([True, False], [counts.positive.size, counts.negative.size]),
        scores=drawn[0],
        patients=np.concatenate([counts.positive, counts.negative]),
        comparator=None if part.comparator is None else other,
        threshold=population.threshold,
    )


def of_auroc(auroc: float, spread: float = 1.0, other: float = 0.5) -> Population:
    """A submission of the ``auroc`` and a comparator of ``other``; the threshold is midway."""
    shift = binormal_shift(auroc, spread)
    return Population(shift, shift / 2.0, spread, binormal_shift(other, spread))


def of_rates(
    sensitivity: float, specificity: float, spread: float = 1.0, other: float = 0.5
) -> Population:
    """A submission of both rates, and a comparator of the sensitivity ``other``."""
    threshold = spread * _NORMAL.inv_cdf(specificity)
    return Population(
        threshold + _NORMAL.inv_cdf(sensitivity),
        threshold,
        spread,
        threshold + _NORMAL.inv_cdf(other),
    )


def part(figure: str, goal: float, level: str = "") -> Part:
    """A lower bound of a figure of all, or of the group ``level``."""
    return Part(figure=figure, goal=goal, attribute="group" if level else "", level=level)


def against(figure: str, margin: float = 0.0) -> Part:
    """Superior to the comparator, or not inferior by the ``margin``."""
    if not margin:
        return Part(figure=figure, goal=0.0, comparator="predicate")
    return Part(figure=figure, goal=-margin, margin=margin, comparator="predicate")


def one(*parts: Part, looks: int = 1) -> Study:
    """A study of one claim."""
    claims = (Claim(name="1", parts=parts),)
    return Study(claims=claims, alpha=_ALPHA, looks=looks, spending=EQUAL)


def several(procedure: str, *claims: tuple[Part, ...], gate: int = 0, looks: int = 1) -> Study:
    """A study of several claims; those from number ``gate`` on stand behind all before it."""
    names = [str(i + 1) for i in range(len(claims))]
    after = tuple(names[:gate])
    return Study(
        claims=tuple(
            Claim(name=name, parts=parts, after=after if gate and i >= gate else ())
            for i, (name, parts) in enumerate(zip(names, claims, strict=True))
        ),
        alpha=_ALPHA,
        procedure=procedure,
        looks=looks,
        spending=EQUAL,
    )


def claim_cells() -> Iterator[ClaimCell]:
    """Every kind of claim at its boundary, from 60 to 2,000 cases."""
    yield from _area_cells()
    yield from _rate_cells()
    yield from _comparator_cells()
    yield from _group_cells()
    yield from _procedure_cells()


def _area_cells() -> Iterator[ClaimCell]:
    fixed = (
        (0.8, 1.0, 30, 30, 1, 1),
        (0.8, 1.0, 50, 450, 1, 1),
        (0.8, 1.0, 50, 450, 1, 3),
        (0.8, 0.6, 50, 450, 1, 1),
        (0.9, 0.6, 100, 100, 1, 1),
        (0.9, 1.0, 200, 1_800, 1, 1),
        (0.95, 0.6, 100, 400, 1, 1),
        (0.95, 1.0, 300, 300, 1, 20),
        (0.8, 1.6, 1_000, 1_000, 1, 1),
        (0.8, 1.0, 60, 60, 3, 1),
        (0.8, 1.0, 30, 120, 4, 3),
    )
    for auroc, spread, m, n, images, looks in fixed:
        group = Group(of_auroc(auroc, spread), m, n, images)
        yield _single(part("auroc", auroc), group, FIXED_PREVALENCE, looks)
    sampled = (
        (0.75, 1.0, 30, 30, 1),
        (0.8, 1.0, 50, 450, 1),
        (0.85, 0.6, 200, 1_800, 1),
        (0.85, 1.0, 60, 140, 0),
    )
    for auroc, spread, m, n, images in sampled:
        group = Group(of_auroc(auroc, spread), m, n, images)
        yield _single(part("auroc", auroc), group, SAMPLED, 1)
    alike = replace(of_auroc(0.85, 0.6), within=0.8)
    cell = _single(part("auroc", 0.85), Group(alike, 60, 140, 0), FIXED_PREVALENCE, 1)
    yield replace(cell, title=f"{cell.title}/within 0.8")


def _rate_cells() -> Iterator[ClaimCell]:
    for goal, m, images, design, looks in (
        (0.8, 60, 1, FIXED_PREVALENCE, 1),
        (0.85, 205, 1, FIXED_PREVALENCE, 3),
        (0.8, 100, 1, SAMPLED, 1),
        (0.85, 100, 0, FIXED_PREVALENCE, 1),
        (0.85, 40, 5, FIXED_PREVALENCE, 1),
        (0.8, 200, 4, FIXED_PREVALENCE, 3),
        (0.85, 100, 0, SAMPLED, 1),
    ):
        group = Group(of_rates(goal, 0.8), m, m, images)
        yield _single(part("sensitivity", goal), group, design, looks)
    for goal, n, images in ((0.75, 1_000, 1), (0.8, 150, 0)):
        group = Group(of_rates(0.8, goal), 60, n, images)
        yield _single(part("specificity", goal), group, FIXED_PREVALENCE, 1)


def _comparator_cells() -> Iterator[ClaimCell]:
    for other, margin, spread, m, n, images, design, looks in (
        (0.9, 0.05, 1.0, 105, 420, 1, FIXED_PREVALENCE, 1),
        (0.85, 0.05, 1.0, 248, 248, 1, FIXED_PREVALENCE, 1),
        (0.85, 0.1, 1.0, 50, 450, 1, FIXED_PREVALENCE, 3),
        (0.85, 0.05, 1.0, 60, 60, 3, FIXED_PREVALENCE, 1),
        (0.85, 0.05, 0.6, 100, 400, 1, SAMPLED, 1),
        (0.8, 0.0, 1.0, 100, 100, 1, FIXED_PREVALENCE, 1),
        (0.8, 0.0, 1.0, 50, 450, 1, FIXED_PREVALENCE, 3),
    ):
        population = of_auroc(other - margin, spread, other)
        yield _single(against("auroc", margin), Group(population, m, n, images), design, looks)
    for other, margin in ((0.9, 0.05), (0.8, 0.0)):
        # as alike as where the worse program is the better one with noise of its own
        alike = replace(of_auroc(other - margin, 1.0, other), correlation=0.81)
        cell = _single(against("auroc", margin), Group(alike, 105, 420), FIXED_PREVALENCE, 1)
        yield replace(cell, title=f"{cell.title}/correlation 0.81")
    for other, margin, m, images, design, looks in (
        (0.9, 0.05, 205, 1, FIXED_PREVALENCE, 1),
        (0.85, 0.1, 60, 1, FIXED_PREVALENCE, 1),
        (0.85, 0.05, 1_000, 1, FIXED_PREVALENCE, 3),
        (0.85, 0.1, 100, 0, FIXED_PREVALENCE, 1),
        (0.85, 0.05, 200, 1, SAMPLED, 1),
        (0.85, 0.0, 200, 1, FIXED_PREVALENCE, 1),
        (0.85, 0.0, 60, 3, FIXED_PREVALENCE, 1),
    ):
        population = of_rates(other - margin, 0.8, 1.0, other)
        yield _single(
            against("sensitivity", margin), Group(population, m, m, images), design, looks
        )


def _group_cells() -> Iterator[ClaimCell]:
    """Worst group: the last of four lies at the goal, the others far above."""
    areas = [Group(of_auroc(auroc), 50, 75) for auroc in (0.95, 0.95, 0.95, 0.75)]
    parts = [part("auroc", 0.75, str(i)) for i in range(4)]
    yield ClaimCell("worst group/auroc/4 x 50+75", one(*parts), tuple(areas))
    rates = [Group(of_rates(share, 0.8), 60, 60, 0) for share in (0.97, 0.97, 0.97, 0.8)]
    parts = [part("sensitivity", 0.8, str(i)) for i in range(4)]
    title = "worst group/sensitivity/4 x 60+60, 1 to 5 images"
    yield ClaimCell(title, one(*parts), tuple(rates), SAMPLED)


def _procedure_cells() -> Iterator[ClaimCell]:
    both = part("sensitivity", 0.85), part("specificity", 0.75)
    for title, rates, images in (
        ("one at its goal", (0.85, 0.9), 1),
        ("one at its goal", (0.85, 0.9), 0),
        ("both at their goals", (0.85, 0.75), 1),
    ):
        group = Group(of_rates(*rates), 150, 250, images)
        few = "" if images else ", 1 to 5 images"
        yield ClaimCell(f"co-primary/{title}/150+250{few}", one(*both), (group,))
    at_goal = Group(of_rates(0.8, 0.8), 150, 250)
    area = part("auroc", 0.883)  # rates of 0.8 and 0.8 have an AUROC of 0.88298
    sensitivity, specificity = part("sensitivity", 0.8), part("specificity", 0.8)
    all_false = (area,), (sensitivity,), (specificity,)
    easy = (part("auroc", 0.75),)
    for procedure in (FIXED_SEQUENCE, HOLM):
        for title, claims, gate, looks in (
            ("all at their goals", all_false, 0, 1),
            ("the first true", (easy, *all_false[1:]), 0, 3),
            ("the first true, a gate", (easy, *all_false[1:]), 1, 1),
        ):
            study = several(procedure, *claims, gate=gate, looks=looks)
            yield ClaimCell(f"{procedure}/{title}/150+250/{looks} looks", study, (at_goal,))
    group = Group(of_rates(0.8, 0.8), 150, 250, 0)
    title = f"{HOLM}/all at their goals/150+250, 1 to 5 images, sampled"
    yield ClaimCell(title, several(HOLM, *all_false), (group,), SAMPLED)


def _single(part: Part, group: Group, design: str, looks: int) -> ClaimCell:
    kind = "goal"
    if part.comparator is not None:
        kind = "superior" if part.margin is None else f"not inferior by {part.margin:g}"
    shown = (
        f"{part.goal:g}"
        if part.comparator is None
        else (f"{group.population.comparator(part):.3g}")
    )
    images = {0: ", 1 to 5 images", 1: ""}.get(group.images, f", {group.images} images")
    title = (
        f"{part.figure}/{kind} {shown}/{group.positive}+{group.negative}{images}/"
        f"spread {group.population.spread:g}/{design}/{looks} looks"
    )
    return ClaimCell(title, one(part, looks=looks), (group,), design)
