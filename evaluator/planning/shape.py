"""The cohort that a study is planned on: shares of its groups, prevalence, images a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import LABEL, Case
from cohort_selection.matching.feasibility import Crossed, Prospect
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.declaration import JOINT
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.planning.assumptions_of import DEFAULT, Assumption, PlanningError
from metrics.group import SAMPLED
from metrics.planning.truth import PlannedCohort, Shape, Stratum

POOL, TARGET = "the pool", "the target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a plan stands on.

    ``columns`` maps each claimed attribute to levels that occur in combination, for the levels of
    'each'. ``cohort`` is the one that the pool can give, None without a pool, and ``patients`` its
    number of patients. ``said`` has prevalence, images of a patient and unreadable cases.
    """

    shape: Shape
    columns: Mapping[str, Sequence[str]]
    said: Mapping[str, Assumption]
    cohort: PlannedCohort | None = None
    patients: int = 0


def from_pool(
    benchmark: Benchmark, prospect: Prospect, pool: CaseTable, assumed: Mapping[str, Assumption]
) -> Ground:
    """The ground of the cohort that a draw from ``pool`` would reach."""
    study = study_of(benchmark)
    images = assumed["images_per_patient"]
    if images.source == DEFAULT:
        many = benchmark.cohort.cases_per_patient == "all"
        mean = len(pool) / max(1, pool.n_patients) if many else 1.0
        images = Assumption(mean, POOL)
    positives = sum(each.positives for each in prospect.crossed)
    negatives = sum(each.negatives for each in prospect.crossed)
    if min(positives, negatives) <= 0.0:
        raise PlanningError(
            "the cohort that the pool can give has one class only; a claim needs both: sequester "
            "more patients, or change the target"
        )
    prevalence = assumed["prevalence"]
    if prevalence.source == DEFAULT:
        prevalence = Assumption(positives / (positives + negatives), POOL)
    return _ground(
        benchmark,
        study,
        prospect.crossed,
        {**assumed, "images_per_patient": images, "prevalence": prevalence},
        patients=positives + negatives,
    )


def from_target(benchmark: Benchmark, assumed: Mapping[str, Assumption]) -> Ground:
    """The ground without a pool: shares of groups and prevalence are those of the target.

    Raises PlanningError where a claimed attribute is none of the target's.
    """
    study = study_of(benchmark)
    margins = benchmark.cohort.target.margins
    prevalence = assumed["prevalence"]
    if prevalence.source == DEFAULT and "1" in margins.get(LABEL, {}):
        prevalence = Assumption(margins[LABEL]["1"], TARGET)
    names = study.single_attributes
    if lacking := [name for name in names if name not in margins]:
        raise PlanningError(
            f"a claim is about groups of {lacking[0]}, whose shares the target does not say; give "
            "the catalog, as --catalog FOLDER"
        )
    share = prevalence.value
    crossed = []
    for levels in product(*(margins[name] for name in names)):
        part = 1.0
        for name, level in zip(names, levels, strict=True):
            part *= margins[name][level]
        crossed.append(Crossed(levels, part * share, part * (1.0 - share)))
    return _ground(benchmark, study, crossed, {**assumed, "prevalence": prevalence}, patients=0)


def drawn(
    benchmark: Benchmark, cases: Sequence[Case], unreadable: float, within: float
) -> PlannedCohort:
    """The cohort of drawn cases, with its own counts."""
    names = study_of(benchmark).single_attributes
    counts = Counter((tuple(case.attributes[name] for name in names), case.label) for case in cases)
    kinds = sorted({levels for levels, _ in counts})
    patients = len({case.patient_id for case in cases})
    return PlannedCohort(
        strata=tuple(
            Stratum(
                positives=_readable(counts[levels, 1], unreadable),
                negatives=_readable(counts[levels, 0], unreadable),
                groups=_groups(study_of(benchmark), names, levels),
            )
            for levels in kinds
        ),
        images=len(cases) / max(1, patients),
        within=within,
    )


def shape_of(cohort: PlannedCohort, unreadable: float) -> Shape:
    """Cohorts of any size in the proportions of this one."""
    positives, negatives = (max(1, each) for each in cohort.counts)
    return Shape(
        ratio=negatives / positives,
        positives=[each.positives / positives for each in cohort.strata],
        negatives=[each.negatives / negatives for each in cohort.strata],
        groups=[each.groups for each in cohort.strata],
        images=cohort.images,
        within=cohort.within,
        sampled=cohort.sampled,
        unreadable=unreadable,
    )


def _ground(
    benchmark: Benchmark,
    study: DeclaredStudy,
    crossed: Sequence[Crossed],
    assumed: Mapping[str, Assumption],
    *,
    patients: float,
) -> Ground:
    names = study.single_attributes
    prevalence, images = assumed["prevalence"].value, assumed["images_per_patient"].value
    unreadable, within = assumed["unreadable"].value, assumed["within_patient"].value
    sampled = benchmark.analysis.sampling_design == SAMPLED
    filled = [each for each in crossed if each.positives > 0.0 or each.negatives > 0.0]
    positives = sum(each.positives for each in filled)
    negatives = sum(each.negatives for each in filled)
    groups = [_groups(study, names, each.levels) for each in filled]
    cohort = None
    if patients:
        cases = patients * images
        cohort = PlannedCohort(
            strata=tuple(
                Stratum(
                    positives=_readable(
                        round(each.positives / positives * cases * prevalence), unreadable
                    ),
                    negatives=_readable(
                        round(each.negatives / negatives * cases * (1.0 - prevalence)), unreadable
                    ),
                    groups=group,
                )
                for each, group in zip(filled, groups, strict=True)
            ),
            images=images,
            within=within,
            sampled=sampled,
        )
    return Ground(
        shape=Shape(
            ratio=(1.0 - prevalence) / prevalence,
            positives=[each.positives / positives for each in filled],
            negatives=[each.negatives / negatives for each in filled],
            groups=groups,
            images=images,
            within=within,
            sampled=sampled,
            unreadable=unreadable,
        ),
        columns={name: [each.levels[k] for each in filled] for k, name in enumerate(names)},
        said=assumed,
        cohort=cohort,
        patients=round(patients),
    )


def _readable(cases: int, unreadable: float) -> int:
    return floor(cases * (1.0 - unreadable) + 1e-9)


def _groups(
    study: DeclaredStudy, names: Sequence[str], levels: Sequence[str]
) -> frozenset[tuple[str, str]]:
    """The claimed groups that cases with these levels are in, as claims write them."""
    level = dict(zip(names, levels, strict=True))
    return frozenset(
        (by, JOINT.join(level[name] for name in by.split(JOINT))) for by in study.grouped_by
    )


def study_of(benchmark: Benchmark) -> DeclaredStudy:
    """The study that a benchmark declares; raise PlanningError where it declares none."""
    if benchmark.study is None:
        raise PlanningError(
            f"{benchmark.path.name} declares no claims, so there is nothing to plan; add a "
            "[[claims]] table"
        )
    return benchmark.study
