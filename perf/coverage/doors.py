"""The one place where the study asks Sequestra for figures, intervals and p-values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from evaluator.analysis_plan import AnalysisPlan
from evaluator.results import OVERALL, Result
from evaluator.scoring import score
from metrics.estimate import Estimate
from metrics.group import FIXED_PREVALENCE
from perf.coverage.cohorts import Cohort
from perf.coverage.populations import (
    PARTIAL,
    PREVALENCE,
    SENSITIVITY,
    SPECIFICITY,
    Binormal,
    exact_figures,
    ideal_sample,
)

REPLICATES = 500
PERMUTATIONS = 399
"""Fewer than a report has: they serve a share over thousands of runs, not one interval."""
MAX_MIN = "max - min"
ALL_LEVELS = "all levels"

Tested = tuple[str, str]
"""A declared gap: figure and attribute."""


def plan(design: str, seed: int, **wanted: Any) -> AnalysisPlan:
    """The plan that cells are scored with."""
    common = AnalysisPlan(
        specificities=(SPECIFICITY,),
        sensitivities=(SENSITIVITY,),
        prevalences=(PREVALENCE,),
        partial_auroc=PARTIAL,
        replicates=REPLICATES,
        smooth_calibration="none",
        seed=seed,
    )
    if hasattr(common, "sampling_design"):
        wanted["sampling_design"] = design
    else:
        wanted["stratified"] = design == FIXED_PREVALENCE
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


@lru_cache(maxsize=64)
def truths(population: Binormal, threshold: float, smooth: bool) -> Mapping[str, float]:
    """The population's figures by name; those of calibration curves from an ideal sample."""
    known = dict(exact_figures(population, threshold))
    if smooth:
        y, s = ideal_sample(population)
        chosen = plan(FIXED_PREVALENCE, 0, smooth_calibration="overall", replicates=0)
        for row in score(y, s, None, None, chosen, threshold, threads=1).results:
            value = row.estimate.value
            if value is not None and not row.metric.endswith("_p"):
                known.setdefault(row.metric, value)
    return known


def gap_rows(cohort: Cohort, design: str, threshold: float, seed: int) -> tuple[Result, ...]:
    """Every row of a report by the attribute ``group``."""
    return results(cohort, plan(design, seed, subgroups=("group",)), threshold)


def p_values(
    cohort: Cohort,
    design: str,
    threshold: float,
    seed: int,
    tested: Sequence[Tested],
    *,
    adjusted: bool = False,
) -> dict[Tested, float]:
    """P-values of declared gaps, the first of which is the primary one.

    ``adjusted`` over all of them by the plan's procedure. What could not be tested is left out.
    """
    wanted: dict[str, Any] = {"subgroups": tuple(dict.fromkeys(a for _, a in tested))}
    if hasattr(AnalysisPlan, "primary_gap"):
        wanted |= {"primary_gap": tested[0], "gaps": tuple(tested)}
    rows = results(cohort, plan(design, seed, replicates=100, **wanted), threshold)
    suffix = "_gap_p_adjusted" if adjusted else "_gap_p"
    names = {(f"{figure}{suffix}", attribute): (figure, attribute) for figure, attribute in tested}
    found = {}
    for row in rows:
        key = names.get((row.metric, row.attribute))
        if key is not None and row.level == ALL_LEVELS and row.estimate.value is not None:
            found[key] = row.estimate.value
    return found


def stated_gap(
    cohort: Cohort, design: str, threshold: float, figure: str, power: float
) -> float | None:
    """Difference to G1 that ``metrics.gap_power`` says the groups' sizes detect with ``power``.

    None until it is connected: the cells of ``power`` then count nothing.
    """
    return None
