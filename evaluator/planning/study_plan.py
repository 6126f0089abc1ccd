"""The plan of a study: sizes for each claim and for all, and the power of the pool's cohort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.matching.feasibility import Prospect
from evaluator.assumptions import NOTHING_SAID, Assumed
from evaluator.benchmark.specification import Benchmark
from evaluator.planning.assumptions_of import (
    Assumption,
    Assumptions,
    Pilot,
    assumed_of,
    truths,
    used_keys,
)
from evaluator.planning.shape import Ground, drawn, from_pool, from_target, shape_of, study_of
from metrics.claims.claim import Claim, Study
from metrics.claims.spending import level_of_look
from metrics.planning import exact, sizes
from metrics.planning.joint import Power, Used, first_level, nominal, study_power
from metrics.planning.sizes import Size
from metrics.planning.truth import PlannedCohort, Shape, Truths, group_of

ALL = ""
"""The name under which all claims together stand."""
LEAST_POWER = 0.5
"""A cohort on which a claim would be shown less often than that is refused."""
RUNS, RUNS_OF_A_SIZE = 10_000, 3000
SEED = 1
_CURVE = (0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a plan is computed from: the study with its levels, its truths and its ground."""

    study: Study
    truths: Truths
    ground: Ground
    assumed: Mapping[str, Assumptions]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClaim:
    """One claim, or all together (``name`` empty).

    ``sizes`` are readable cases of the whole cohort by power; ``alone`` the power at the level of
    its first test on the pool's cohort, ``met`` that through the procedure; None without a pool.
    ``counts``: positives and negatives of its population in that cohort.
    """

    name: str
    level: float
    assumed: Assumptions
    sizes: Mapping[float, Size | None]
    alone: Power | None = None
    met: Power | None = None
    counts: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """Sizes and powers of a study; the last of ``claims`` is all of them together.

    ``curve``: number of positives -> power of each claim by name, and of all by "".
    """

    benchmark: str
    claims: tuple[PlannedClaim, ...]
    said: Mapping[str, Assumption]
    shape: Shape
    cohort: PlannedCohort | None
    patients: int
    alpha: float
    procedure: str
    looks: int
    spending: str
    runs: int
    curve: Mapping[int, Mapping[str, Power]]


def basis_of(
    benchmark: Benchmark,
    options: Assumed = NOTHING_SAID,
    *,
    pool: tuple[Prospect, CaseTable] | None = None,
    pilot: Pilot | None = None,
) -> Basis:
    """Gather assumptions and ground; raise PlanningError or ClaimsError.

    ``pool`` is what a draw would reach and the cases it is drawn from.
    """
    declared = study_of(benchmark)
    of_study = assumed_of(None, declared, options, benchmark.analysis)
    if pool is None:
        ground = from_target(benchmark, of_study)
    else:
        ground = from_pool(benchmark, pool[0], pool[1], of_study)
    study = declared.with_levels(ground.columns)
    assumed = {
        claim.name: assumed_of(claim, declared, options, benchmark.analysis)
        for claim in declared.claims
    }
    if pilot is not None:
        assumed = {name: {**each, **pilot.assumed} for name, each in assumed.items()}
    return Basis(study=study, truths=truths(study, assumed, pilot), ground=ground, assumed=assumed)


def plan(basis: Basis, name: str, *, runs: int = RUNS, used: Used = nominal) -> StudyPlan:
    """Plan a study; ``used`` are the levels at which bounds are made on the pool's cohort."""
    study, ground = basis.study, basis.ground
    at_pool = None
    if ground.cohort is not None:
        at_pool = powers(basis, ground.cohort, runs=runs, used=used)
    of_a_size = max(200, round(runs * RUNS_OF_A_SIZE / RUNS))
    planned = []
    for claim in study.claims:
        size = sizes.for_claim(study, claim, basis.truths, ground.shape, runs=of_a_size, seed=SEED)
        planned.append(_planned(basis, claim, size, at_pool))
    together = sizes.for_all(study, basis.truths, ground.shape, runs=of_a_size, seed=SEED)
    planned.append(
        PlannedClaim(
            name=ALL,
            level=level_of_look(1, study.looks, study.alpha, study.spending),
            assumed={},
            sizes=together,
            met=None if at_pool is None else at_pool[ALL][1],
            counts=None if ground.cohort is None else ground.cohort.counts,
        )
    )
    return StudyPlan(
        benchmark=name,
        claims=tuple(planned),
        said=ground.said,
        shape=ground.shape,
        cohort=ground.cohort,
        patients=ground.patients,
        alpha=study.alpha,
        procedure=study.procedure,
        looks=study.looks,
        spending=study.spending,
        runs=runs,
        curve=_curve(basis, planned, of_a_size),
    )


def powers(
    basis: Basis, cohort: PlannedCohort, *, runs: int = RUNS, used: Used = nominal
) -> dict[str, tuple[Power, Power]]:
    """Of each claim, and of all (""), the power alone and through the procedure, on a cohort."""
    study = basis.study
    simulated = None
    if len(study.claims) > 1 or not exact.is_exact(study.claims[0], cohort):
        simulated = study_power(study, basis.truths, cohort, runs=runs, seed=SEED, used=used)
    answers = {}
    for claim in study.claims:
        if exact.is_exact(claim, cohort):
            level = first_level(study, claim.name)
            alone = Power(exact.of_cohort(claim, basis.truths, cohort, level, used))
        elif simulated is not None:
            alone = simulated.alone[claim.name]
        answers[claim.name] = (alone, alone if simulated is None else simulated.met[claim.name])
    only = answers[study.claims[0].name][1]
    together = only if simulated is None else simulated.together
    answers[ALL] = (together, together)
    return answers


def hopeless(
    benchmark: Benchmark,
    pool: tuple[Prospect, CaseTable],
    options: Assumed = NOTHING_SAID,
    pilot: Pilot | None = None,
    runs: int = 2000,
) -> Iterator[str]:
    """A sentence for each claim that the pool's cohort would show with a power below 0.5."""
    yield from too_small(basis_of(benchmark, options, pool=pool, pilot=pilot), runs)


def too_small(basis: Basis, runs: int) -> Iterator[str]:
    """The same of a study whose assumptions and ground are known; nothing without a pool."""
    cohort = basis.ground.cohort
    if cohort is None:
        return
    for name, (alone, _) in powers(basis, cohort, runs=runs).items():
        if name != ALL and alone.value + alone.error < LEAST_POWER:
            yield _too_small(basis, name, alone)


def _too_small(basis: Basis, name: str, power: Power) -> str:
    """Why a claim cannot be sealed on the cohort that the pool gives, in one sentence."""
    claim = next(each for each in basis.study.claims if each.name == name)
    cohort = basis.ground.cohort
    positives, negatives = (0, 0) if cohort is None else cohort.counts
    keys = used_keys(claim.parts, basis.ground.shape.images)
    values = ", ".join(f"{key} {basis.assumed[name][key].value:.3g}" for key in keys)
    return (
        f"claim {name!r} would be shown by the cohort that the pool can give, {positives} "
        f"positives and {negatives} negatives to score, with a power of {power.value:.2f}, if "
        f"{values}; a study with less than {LEAST_POWER:g} is not worth its cases: lower the goal, "
        "sequester more patients, or correct what is assumed"
    )


def of_drawn(benchmark: Benchmark, cases: Sequence[Case]) -> tuple[Basis, PlannedCohort]:
    """The study on drawn cases, and the cohort with their own counts."""
    declared = study_of(benchmark)
    of_study = assumed_of(None, declared, NOTHING_SAID, benchmark.analysis)
    cohort = drawn(benchmark, cases, of_study["unreadable"].value, of_study["within_patient"].value)
    columns = CaseTable.of(cases).combinations(declared.single_attributes)
    study = declared.with_levels(columns)
    assumed = {
        claim.name: assumed_of(claim, declared, NOTHING_SAID, benchmark.analysis)
        for claim in declared.claims
    }
    shape = shape_of(cohort, of_study["unreadable"].value)
    ground = Ground(shape=shape, columns=columns, said=of_study, cohort=cohort)
    basis = Basis(study=study, truths=truths(study, assumed), ground=ground, assumed=assumed)
    return basis, cohort


def fewest(cohort: PlannedCohort, claim: Claim) -> tuple[int, int]:
    """Fewest positives and fewest negatives of the groups that a claim is about."""
    positives, negatives = zip(*(cohort.of(group_of(part)) for part in claim.parts), strict=True)
    return min(positives), min(negatives)


def to_draw(cases: int, unreadable: float) -> int:
    """Cases to draw so that so many can be scored."""
    return ceil(cases / (1.0 - unreadable) - 1e-9)


def _planned(
    basis: Basis,
    claim: Claim,
    size: Mapping[float, Size | None],
    at_pool: Mapping[str, tuple[Power, Power]] | None,
) -> PlannedClaim:
    cohort, keys = basis.ground.cohort, used_keys(claim.parts, basis.ground.shape.images)
    alone, together = (None, None) if at_pool is None else at_pool[claim.name]
    return PlannedClaim(
        name=claim.name,
        level=first_level(basis.study, claim.name),
        assumed={key: basis.assumed[claim.name][key] for key in keys},
        sizes=size,
        alone=alone,
        met=together,
        counts=None if cohort is None else fewest(cohort, claim),
    )


def _curve(basis: Basis, planned: Sequence[PlannedClaim], runs: int) -> dict[int, dict[str, Power]]:
    """Power over the number of positives, about the size for all claims together."""
    reached = [size.positives for each in planned for size in each.sizes.values() if size]
    if not reached:
        return {}
    whole = [size for size in planned[-1].sizes.values() if size]
    middle = max(reached) if not whole else whole[0].positives
    curve: dict[int, dict[str, Power]] = {}
    for share in _CURVE:
        positives = max(2, round(share * middle))
        cohort = basis.ground.shape.cohort(positives)
        answers = powers(basis, cohort, runs=runs)
        curve[positives] = {name: alone for name, (alone, _) in answers.items()}
    return curve
