"""The one place where the study asks Sequestra for figures, intervals and p-values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import OVERALL, Result
from evaluator.scoring.score import score
from metrics import arrays
from metrics.estimate import Estimate, UndefinedMetric
from metrics.gaps.multiplicity import fallback, gap_weights
from metrics.gaps.power import detectable_gaps
from metrics.gaps.tests import gap_test
from metrics.group import FIXED_PREVALENCE, everyone
from metrics.target_population import weighted
from metrics.target_population.raking import rake
from perf.coverage.cohorts import Cohort, Images, Stratum
from perf.coverage.populations import (
    PARTIAL,
    PREVALENCE,
    SENSITIVITY,
    SPECIFICITY,
    Binormal,
    exact_figures,
    figures_at_cohort_prevalence,
    ideal_sample,
)

REPLICATES = 500
PERMUTATIONS = 399
"""Fewer than a report has: they serve a share over thousands of runs, not one interval."""
MAX_MIN = "max - min"

Tested = tuple[str, str]
"""A declared gap: figure and attribute."""


def plan(design: str, seed: int, **wanted: Any) -> AnalysisPlan:
    """The plan that cells are scored with."""
    common = AnalysisPlan(
        sampling_design=design,
        specificities=(SPECIFICITY,),
        sensitivities=(SENSITIVITY,),
        prevalences=(PREVALENCE,),
        partial_auroc=PARTIAL,
        replicates=REPLICATES,
        smooth_calibration="none",
        seed=seed,
    )
    return replace(common, **wanted)


def results(cohort: Cohort, chosen: AnalysisPlan, threshold: float) -> tuple[Result, ...]:
    """Every row of the report of a cohort."""
    many = cohort.n_patients < cohort.y.size
    patients = cohort.patient if many else None
    attributes = dict(cohort.attributes)
    return score(cohort.y, cohort.s, patients, attributes, chosen, threshold, threads=1).results


def overall(
    cohort: Cohort, design: str, threshold: float, seed: int, *, smooth: bool
) -> dict[str, Estimate]:
    """The figures over every case, by name."""
    chosen = plan(design, seed, smooth_calibration="overall" if smooth else "none")
    return {
        row.metric: row.estimate
        for row in results(cohort, chosen, threshold)
        if (row.attribute, row.level) == OVERALL
    }


def standardised(
    cohort: Cohort,
    design: str,
    threshold: float,
    target: Mapping[str, Mapping[str, float]],
) -> dict[str, Estimate]:
    """Figures weighted to the margins of a target, by name; none where no weights meet them."""
    try:
        raked = rake(cohort.attributes, target, cohort.patient)
    except UndefinedMetric:
        return {}
    group = everyone(cohort.y, cohort.s, cohort.patient, cohort.n_patients, design)
    return weighted.estimates(group, raked.weights, threshold, 0.95, raked.n_fitted)


def truths(population: Binormal, threshold: float, cohort: Cohort) -> dict[str, float]:
    """The population's figures by name, those at the cohort's prevalence among them."""
    mixed = figures_at_cohort_prevalence(population, threshold, float(cohort.y.mean()))
    return {**exact_figures(population, threshold), **mixed}


@lru_cache(maxsize=64)
def curve_truths(population: Binormal, threshold: float) -> Mapping[str, float]:
    """The figures of the population's calibration curves, by name, from an ideal sample."""
    y, s = ideal_sample(population)
    chosen = plan(FIXED_PREVALENCE, 0, smooth_calibration="overall", replicates=0)
    rows = score(y, s, None, None, chosen, threshold, threads=1).results
    return {
        row.metric: row.estimate.value
        for row in rows
        if row.estimate.value is not None and not row.metric.endswith("_p")
    }


def gap_rows(cohort: Cohort, design: str, threshold: float, seed: int) -> tuple[Result, ...]:
    """Every row of a report by the attribute ``group``, without what gaps do not need."""
    lean: dict[str, Any] = dict.fromkeys(
        ("specificities", "sensitivities", "prevalences", "partial_auroc"), ()
    )
    lean["replicates"] = 0
    return results(cohort, plan(design, seed, subgroups=("group",), **lean), threshold)


def p_values(
    cohort: Cohort,
    design: str,
    threshold: float,
    seed: int,
    tested: Sequence[Tested],
    *,
    adjusted: bool = False,
) -> dict[Tested, float]:
    """P-values of declared gaps; the first gap is the primary one.

    The tests are called as ``score`` calls them, without the rest of a report. ``adjusted`` over
    all of them by the plan's procedure. What could not be tested is left out.
    """
    number, n_patients = arrays.renumbered(cohort.patient)
    whole = everyone(cohort.y, cohort.s, number, n_patients, design)
    levels = {attribute: compared_levels(cohort, attribute) for _, attribute in tested}
    found: list[float | None] = []
    for figure, attribute in tested:
        try:
            test = gap_test(
                figure,
                whole,
                levels[attribute],
                threshold=threshold,
                permutations=PERMUTATIONS,
                seed=seed,
            )
        except UndefinedMetric:
            found.append(None)
        else:
            found.append(test.p_value)
    if adjusted:
        found = list(fallback(found, gap_weights(len(found), primary=True)))
    return {gap: p for gap, p in zip(tested, found, strict=True) if p is not None}


def compared_levels(cohort: Cohort, attribute: str) -> NDArray[np.int64]:
    """Number of each case's level among those with data enough, -1 in the others; (cases,)."""
    names, code = np.unique(cohort.attributes[attribute], return_inverse=True)
    number = np.full(names.size, -1, dtype=np.int64)
    enough = [level for level in range(names.size) if _enough(cohort, code == level)]
    number[enough] = np.arange(len(enough))
    return number[code]


def _enough(cohort: Cohort, member: NDArray[np.bool_]) -> bool:
    """Whether a plan gives the level figures."""
    least = AnalysisPlan()
    of_class = (
        np.unique(cohort.patient[member & (cohort.y == label)]).size for label in (True, False)
    )
    patients = np.unique(cohort.patient[member]).size
    return patients >= least.minimum_cases and min(of_class) >= least.minimum_per_class


def stated_gap(
    strata: Sequence[Stratum],
    images: Images,
    design: str,
    threshold: float,
    figure: str,
    power: float,
) -> float | None:
    """How far the last level must lie below the others for its gap to be called with ``power``.

    As planning says it: from the sizes and what all levels are taken to share. None for patients
    of several images, which planning does not know.
    """
    if images is not Images.ONE:
        return None
    population = strata[0].population
    assumed = population.auroc
    if figure != "auroc":
        assumed = exact_figures(population, threshold)[figure]
    positives = [round(stratum.n * stratum.population.prevalence) for stratum in strata]
    negatives = [stratum.n - n for stratum, n in zip(strata, positives, strict=True)]
    found = detectable_gaps(figure, positives, negatives, assumed, power=power)
    return found[-1].difference
