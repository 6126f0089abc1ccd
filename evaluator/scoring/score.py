"""Scores arrays: every figure of the plan, for every group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluator.case_tables.labels import Labels
from evaluator.case_tables.scoring_input import ScoringInput, ScoringInputError, read_tables
from evaluator.scoring.analysis_plan import AnalysisPlan, PlanError, read_plan
from evaluator.scoring.code_version import code_version
from evaluator.scoring.curves import curves_of
from evaluator.scoring.declared_gaps import PERMUTATIONS, Test, declared_gaps
from evaluator.scoring.groups import Arranged, PlanGroup, arranged, groups_of, is_reported
from evaluator.scoring.one_thread import one_thread
from evaluator.scoring.results import (
    OVERALL,
    Curve,
    Evaluation,
    Result,
)
from evaluator.scoring.target_population import TargetWeights
from metrics import arrays
from metrics.all_figures import Choices, figures, figures_of_probabilities, names
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.figure_name import FigureName, Kind
from metrics.gaps import fairness
from metrics.gaps.differences import MAX_MIN, Gap, Level, gaps
from metrics.gaps.tests import GapTest, gap_test
from metrics.group import Group, everyone
from metrics.intervals.linearised import effective_patients
from metrics.target_population import weighted

__all__ = [
    "AnalysisPlan",
    "Labels",
    "PlanError",
    "ScoringInput",
    "ScoringInputError",
    "read_plan",
    "read_tables",
    "score",
]


@one_thread
def score(
    y: ArrayLike,
    scores: ArrayLike,
    patients: ArrayLike | None = None,
    attributes: Mapping[str, NDArray[np.str_]] | None = None,
    plan: AnalysisPlan | None = None,
    threshold: float | None = None,
    *,
    weights: ArrayLike | None = None,
    target: TargetWeights | None = None,
    threads: int | None = None,
    ranks_only: bool = False,
) -> Evaluation:
    """Compute the whole report of one submission.

    ``y`` (cases,) labels 0/1; ``scores`` (cases,), positive where >= threshold; ``patients``
    (cases,) ids, None where every case is a patient; ``attributes``: name -> (cases,) levels.
    ``threshold`` is the submission's, else the plan's; without one no figure has an operating
    point. ``weights`` (cases,) standardise figures to the population that they stand for;
    ``target`` holds such weights and their origin. ``threads`` changes no bit of the result. Scores
    that are no probabilities, or with ``ranks_only`` all, are not calibrated. ScoringInputError.
    """
    plan = plan or AnalysisPlan()
    given = arranged(y, scores, patients, attributes or {}, plan)
    choices = _choices_for(given, plan, threshold, ranks_only=ranks_only)
    whole = everyone(given.y, given.s, given.patient, given.n_patients, plan.sampling_design)
    parts = list(groups_of(whole, given.coded, plan))
    results: list[Result] = []
    curves: list[Curve] = []
    for part in parts:
        mine = replace(choices, smooth_calibration=_smooth(part, plan))
        results += _results(part, mine)
        curves += _curves(part, plan, choices, threads)
    of_cases = weights if target is None else target.weights
    if of_cases is not None:
        w = _weights(of_cases, given)
        fitted = 0 if target is None else target.fitted
        results += _standardized(parts[0], w, plan, choices, fitted)
    results += _crossed(whole, parts, plan)
    results += _gaps(parts, whole, plan, choices)
    results += declared_gaps(parts, whole, plan, _test_of(whole, plan, choices, threads))
    left_out = figures_of_probabilities(choices) if ranks_only else frozenset()
    effective = effective_patients(given.patient, given.n_patients) if whole.clustered else None
    return Evaluation(
        plan_digest=plan.digest,
        code_version=code_version(),
        n_cases=int(given.y.size),
        n_patients=given.n_patients,
        n_positive=int(given.y.sum()),
        results=tuple(each for each in results if str(each.figure.plain) not in left_out),
        curves=tuple(curves),
        confidence=plan.confidence,
        threshold=choices.threshold,
        sampling_design=plan.sampling_design,
        effective_patients=effective,
        declared_gaps=plan.declared_gaps,
        target=None if target is None else target.comparison,
    )


def _test_of(whole: Group, plan: AnalysisPlan, choices: Choices, threads: int | None) -> Test:
    def test(figure: str, level: Ints, attribute: str) -> GapTest:
        return gap_test(
            figure,
            whole,
            level,
            threshold=choices.threshold,
            permutations=PERMUTATIONS,
            seed=plan.seed,
            fixed=whole.fixed and attribute in plan.fixed_attributes,
            threads=threads,
        )

    return test


_RANKS_ONLY = "scores of this kind are no probabilities"


def _choices_for(
    given: Arranged, plan: AnalysisPlan, threshold: float | None, *, ranks_only: bool
) -> Choices:
    """The choices of a plan, with what the cases say of them; a threshold comes before its own."""
    if threshold is not None and not np.isfinite(threshold):
        raise ScoringInputError(f"the threshold is {threshold}; give a number on the scores' scale")
    return replace(
        choices_of(plan, plan.threshold if threshold is None else threshold),
        cohort_prevalence=_prevalence(given.y),
        no_calibration=_RANKS_ONLY if ranks_only else _no_calibration(given.s),
    )


def _weights(of_cases: ArrayLike, given: Arranged) -> Floats:
    """Weights of the cases, in the order in which they are scored."""
    n = given.y.size
    w = np.asarray(of_cases, dtype=np.float64)
    if w.shape != (n,) or not (np.isfinite(w).all() and w.min() >= 0.0 and w.max() > 0.0):
        raise ScoringInputError(
            f"weights must be {n} numbers that are not negative, and not all 0; got shape {w.shape}"
        )
    return w[given.order]


def _standardized(
    everybody: PlanGroup, w: Floats, plan: AnalysisPlan, choices: Choices, fitted: int
) -> Iterator[Result]:
    """Figures of the population that the weights stand for; none where plain ones lack data."""
    whole = everybody.group
    found = weighted.estimates(whole, w, choices.threshold, plan.confidence, fitted)
    for name, estimate in found.items():
        lacking = everybody.lacking
        shown = estimate if lacking is None else whole.undefined(lacking)
        yield Result(FigureName.read(name).of_kind(Kind.STANDARDIZED), *OVERALL, shown)


def choices_of(plan: AnalysisPlan, threshold: float | None) -> Choices:
    """What a plan computes figures with, for a submission with this threshold."""
    area = plan.partial_auroc
    return Choices(
        confidence=plan.confidence,
        interval=plan.interval,
        ece_bins=plan.ece_bins,
        threshold=threshold,
        specificities=tuple(sorted(plan.specificities, reverse=True)),
        sensitivities=tuple(sorted(plan.sensitivities, reverse=True)),
        prevalences=plan.prevalences,
        partial_auroc=(area[0], area[1]) if area else None,
        seed=plan.seed,
    )


def _no_calibration(s: Floats) -> str:
    """Why the scores, of everybody, have no calibration; empty where they are probabilities."""
    try:
        arrays.probabilities(s, s.size)
    except UndefinedMetric as reason:
        return str(reason)
    return ""


def _prevalence(y: Bools) -> float:
    """Share of positive cases, kept off 0 and 1, where no other prevalence has a meaning."""
    return float(np.clip(np.count_nonzero(y) / y.size, 0.5 / y.size, 1.0 - 0.5 / y.size))


def _smooth(part: PlanGroup, plan: AnalysisPlan) -> bool:
    everywhere = plan.smooth_calibration == "all"
    return everywhere or (plan.smooth_calibration == "overall" and part.member is None)


def _results(part: PlanGroup, choices: Choices) -> Iterator[Result]:
    if part.lacking is not None:
        for name in names(choices):
            estimate = part.group.undefined(part.lacking)
            yield Result.named(name, part.attribute, part.level, estimate)
        return
    for name, estimate in figures(part.group, choices):
        yield Result.named(name, part.attribute, part.level, estimate)


def _curves(
    part: PlanGroup, plan: AnalysisPlan, choices: Choices, threads: int | None
) -> Iterator[Curve]:
    if part.lacking is not None:
        return iter(())
    return curves_of(
        part.group,
        (part.attribute, part.level),
        plan,
        with_band=part.member is None,
        calibrated=not choices.no_calibration,
        threads=threads,
    )


def _crossed(whole: Group, parts: Sequence[PlanGroup], plan: AnalysisPlan) -> Iterator[Result]:
    """AUROCs across the border of each group: its positives or negatives against the others'."""
    patients = whole.patient if whole.clustered else None
    for part in parts:
        if part.member is None or part.lacking is not None or part.member.all():
            continue
        for name, figure in (
            ("bnsp_auroc", fairness.bnsp_auroc),
            ("bpsn_auroc", fairness.bpsn_auroc),
        ):
            try:
                estimate = figure(
                    whole.y,
                    whole.s,
                    part.member,
                    patients,
                    confidence=plan.confidence,
                    interval=plan.interval,
                )
            except UndefinedMetric as reason:
                estimate = part.group.undefined(str(reason))
            yield Result.named(name, part.attribute, part.level, estimate)


def _gaps(
    parts: Sequence[PlanGroup], whole: Group, plan: AnalysisPlan, choices: Choices
) -> Iterator[Result]:
    """How far the levels of each attribute are apart."""
    references = dict(plan.references)
    for attribute in dict.fromkeys(part.attribute for part in parts[1:]):
        mine = [part for part in parts if part.attribute == attribute]
        levels = [
            Level(part.level, part.group, whole.patient[part.member], is_reported(part.level))
            for part in mine
            if part.lacking is None
        ]
        made = gaps(levels, len(mine), references.get(attribute), choices)
        if len(mine) >= 2 > len(levels):
            reason = f"insufficient data: {len(levels)} of {len(mine)} levels have enough"
            name = FigureName.read(plan.primary).of_kind(Kind.GAP)
            made = [Gap(str(name), MAX_MIN, whole.undefined(reason))]
        for gap in made:
            yield Result.named(gap.metric, attribute, gap.level, gap.estimate)
