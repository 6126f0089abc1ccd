"""Simulated studies: every claim on the same cases, each by the bound that decides it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.claims import needed
from metrics.claims.claim import Part
from metrics.claims.studies import binormal_shift
from metrics.planning.truth import PlannedCohort, Truth, apportioned, belongs, group_of

LeastLevels = Floats
"""(parts, studies): the least level at which the bound of each part reaches its goal."""
_CELLS = 2_000_000
_LEFT_TO_CHANCE = 16
"""Numbers of positives of equal chance that stand for all, where these are left to chance."""


@dataclass(frozen=True, slots=True, eq=False)
class _Class:
    """The cases of one class in some studies.

    ``model`` and ``comparator`` (studies, cases) standard normal, positives' and negatives' alike;
    ``even`` (studies, cases) uniform; ``patient`` (cases,) numbers.
    """

    stratum: Ints
    patient: Ints
    model: Floats
    own: Floats
    even: Floats

    def within(self, strata: Bools) -> _Class:
        """The cases of some strata."""
        if strata.all():
            return self
        members = strata[self.stratum]
        return _Class(
            self.stratum[members],
            self.patient[members],
            self.model[:, members],
            self.own[:, members] if self.own.size else self.own,
            self.even[:, members] if self.even.size else self.even,
        )


def least_levels(
    parts: Sequence[tuple[Part, Truth]], cohort: PlannedCohort, runs: int, seed: int
) -> LeastLevels:
    """Simulate ``runs`` studies of the cohort; the same seed gives the same studies.

    The scores of a case are one normal number, which each part takes as its own truth says: an
    AUROC as scores of two normal classes, a rate as right where the number is on the right side of
    its quantile. So parts depend on each other as figures of one model do. A part whose group has
    too few cases never reaches its goal: 1. ValueError where a truth is impossible.
    """
    for part, truth in parts:
        truth.refuse_impossible(part)
    paired = any(part.comparator is not None for part, _ in parts)
    levels = []
    for number, (each, studies) in enumerate(_blocks(cohort, runs)):
        rng = np.random.default_rng([seed, number])
        classes = _drawn(each, studies, paired, rng)
        levels.append(np.stack([_least(part, truth, each, classes) for part, truth in parts]))
    return np.concatenate(levels, axis=1)


def _blocks(cohort: PlannedCohort, runs: int) -> Iterator[tuple[PlannedCohort, int]]:
    """Cohorts with a number of studies each, as many as fit into memory together."""
    total = sum(cohort.counts)
    cohorts = [cohort]
    if cohort.sampled:
        quantiles = (np.arange(_LEFT_TO_CHANCE) + 0.5) / _LEFT_TO_CHANCE
        cohorts = [_with_share(cohort, float(each)) for each in quantiles]
    for place, each in enumerate(cohorts):
        left = runs // len(cohorts) + (place < runs % len(cohorts))
        most = max(1, _CELLS // max(1, total))
        while left > 0:
            yield each, min(left, most)
            left -= most


def _with_share(cohort: PlannedCohort, at: float) -> PlannedCohort:
    """The cohort with numbers of positives at a quantile of what chance gives."""
    from scipy.stats import binom  # scipy is costly to import

    positives, negatives = cohort.counts
    cases = positives + negatives
    if not cases:
        return cohort
    total = int(binom.ppf(at, cases, positives / cases))
    expected = [each.positives / max(positives, 1) for each in cohort.strata]
    sizes = [each.positives + each.negatives for each in cohort.strata]
    counts = [min(m, size) for m, size in zip(apportioned(total, expected), sizes, strict=True)]
    strata = (
        replace(each, positives=m, negatives=size - m)
        for each, m, size in zip(cohort.strata, counts, sizes, strict=True)
    )
    return replace(cohort, strata=tuple(strata))


def _drawn(
    cohort: PlannedCohort, studies: int, paired: bool, rng: np.random.Generator
) -> tuple[_Class, _Class]:
    first = _class(cohort, [each.positives for each in cohort.strata], 0, studies, paired, rng)
    patients = int(first.patient.max()) + 1 if first.patient.size else 0
    counts = [each.negatives for each in cohort.strata]
    return first, _class(cohort, counts, patients, studies, paired, rng)


def _class(
    cohort: PlannedCohort,
    counts: Sequence[int],
    patients: int,
    studies: int,
    paired: bool,
    rng: np.random.Generator,
) -> _Class:
    stratum = np.repeat(np.arange(len(counts)), counts)
    patient = _patients(counts, cohort.images) + patients
    shape = studies, stratum.size
    nothing = np.empty((studies, 0))
    return _Class(
        stratum,
        patient,
        _normal(shape, patient, cohort, rng),
        _normal(shape, patient, cohort, rng) if paired else nothing,
        rng.random(shape) if paired else nothing,
    )


def patients_of(cohort: PlannedCohort, part: Part) -> tuple[Ints, Ints]:
    """Patient of each positive and of each negative case that a part is about, (cases,) each."""
    patients = []
    before = 0
    in_group = np.array([belongs(each, group_of(part)) for each in cohort.strata], dtype=np.bool_)
    for counts in (
        [each.positives for each in cohort.strata],
        [each.negatives for each in cohort.strata],
    ):
        number = _patients(counts, cohort.images) + before
        before = int(number.max()) + 1 if number.size else before
        patients.append(number[in_group[np.repeat(np.arange(len(counts)), counts)]])
    return patients[0], patients[1]


def _patients(counts: Sequence[int], images: float) -> Ints:
    """Patient of each case: as many of each stratum as have ``images`` cases on average."""
    patients, before = [], 0
    for count in counts:
        k = min(count, max(1, round(count / images))) if count else 0
        patients.append(before + np.arange(count) * k // max(count, 1))
        before += k
    return np.concatenate(patients).astype(np.int64) if patients else np.empty(0, np.int64)


def _normal(
    shape: tuple[int, int], patient: Ints, cohort: PlannedCohort, rng: np.random.Generator
) -> Floats:
    own = rng.standard_normal(shape)
    if cohort.images > 1.0 and cohort.within > 0.0 and patient.size:
        number = patient - patient[0]
        shared = rng.standard_normal((shape[0], int(number[-1]) + 1))
        own *= math.sqrt(1.0 - cohort.within)
        own += math.sqrt(cohort.within) * shared[:, number]
    return own


def _least(
    part: Part, truth: Truth, cohort: PlannedCohort, classes: tuple[_Class, _Class]
) -> Floats:
    in_group = np.array([belongs(each, group_of(part)) for each in cohort.strata], dtype=np.bool_)
    positive, negative = (each.within(in_group) for each in classes)
    never = np.ones(len(positive.model))
    if part.figure == "auroc":
        fewest = min(np.unique(each.patient).size for each in (positive, negative))
        if fewest < 2:
            return never
        clustered = cohort.images > 1.0
        return _of_area(part, truth, positive, negative, fewest, clustered=clustered)
    cases = positive if part.figure == "sensitivity" else negative
    if not cases.patient.size:
        return never
    return _of_share(part, truth, cases, clustered=cohort.images > 1.0)


def _of_area(
    part: Part, truth: Truth, positive: _Class, negative: _Class, fewest: int, *, clustered: bool
) -> Floats:
    from metrics.claims import kernels  # numba is costly to import

    patients = (positive.patient, negative.patient) if clustered else None
    first = _scores(truth, truth.value, positive.model, negative.model)
    if part.comparator is None:
        value, variance = kernels.areas(first, patients)
        return needed.of_area(value, variance, fewest, part.goal, upper=part.upper)
    theirs = (
        truth.correlation * each.model + math.sqrt(1.0 - truth.correlation**2) * each.own
        for each in (positive, negative)
    )
    second = _scores(replace(truth, pilot=None), truth.value - truth.difference, *theirs)
    value, variance = kernels.area_differences(first, second, patients)
    return needed.of_area_difference(value, variance, fewest, part.goal)


def _scores(
    truth: Truth, auroc: float, positive: Floats, negative: Floats
) -> tuple[Floats, Floats]:
    """Scores of two normal classes with this AUROC, or those of the pilot at the same quantiles."""
    from scipy.special import ndtr  # scipy is costly to import

    if truth.pilot is not None:
        ranked = [np.sort(each) for each in truth.pilot]
        scores = [
            each[np.minimum((ndtr(z) * each.size).astype(np.int64), each.size - 1)]
            for each, z in zip(ranked, (positive, negative), strict=True)
        ]
        return scores[0], scores[1]
    return positive + binormal_shift(auroc, truth.spread), negative * truth.spread


def _of_share(part: Part, truth: Truth, cases: _Class, *, clustered: bool) -> Floats:
    from scipy.special import ndtri  # scipy is costly to import

    limit = float(ndtri(truth.value))
    right = cases.model > -limit if part.figure == "sensitivity" else cases.model < limit
    n = right.shape[1]
    if part.comparator is None:
        goal = 1.0 - part.goal if part.upper else part.goal
        hits = ~right if part.upper else right
        if not clustered:
            return needed.of_count(hits.sum(axis=1), np.float64(n), goal)
        return needed.of_clustered_answers(hits.astype(np.float64), cases.patient, goal)
    alone, other_alone = truth.apart
    both_given_right = 1.0 - alone / truth.value
    given_wrong = other_alone / (1.0 - truth.value)
    theirs = cases.even < np.where(right, both_given_right, given_wrong)
    apart = right.astype(np.float64) - theirs
    if not clustered:
        first, second = (apart > 0).sum(axis=1), (apart < 0).sum(axis=1)
        return needed.of_pairs(first.astype(float), second.astype(float), np.float64(n), part.goal)
    return needed.of_clustered_pairs(apart, cases.patient, part.goal)
