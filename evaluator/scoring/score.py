"""Scores arrays: every figure of the plan, for every group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluator.case_tables.labels import Labels
from evaluator.case_tables.scoring_input import ScoringInput, ScoringInputError, read_tables
from evaluator.scoring.analysis_plan import NOT_REPORTED, AnalysisPlan, PlanError, read_plan
from evaluator.scoring.code_version import code_version
from evaluator.scoring.curves import curves_of
from evaluator.scoring.results import (
    ALL_LEVELS,
    OVERALL,
    Curve,
    Evaluation,
    Result,
)
from evaluator.scoring.target_population import TargetWeights
from metrics import arrays
from metrics.all_figures import Choices, figures, names
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.figure_name import FigureName, Kind
from metrics.gaps import fairness, multiplicity
from metrics.gaps.differences import MAX_MIN, Gap, Level, gaps
from metrics.gaps.tests import gap_test
from metrics.group import Group, everyone, part_of
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

PERMUTATIONS = 2_000
"""Of each declared gap."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A group of the plan: its cases among all, and why it has too few, if so."""

    attribute: str
    level: str
    member: Bools | None
    group: Group
    lacking: str | None


_Coded = tuple[NDArray[np.str_], Ints]
"""The levels of an attribute, sorted, and the level number of each case."""


@dataclass(frozen=True, slots=True)
class _Arranged:
    """The cases in the order in which they are scored; ``order`` leads there from the given one."""

    y: Bools
    s: Floats
    patient: Ints
    n_patients: int
    coded: Mapping[str, _Coded]
    order: Ints


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
) -> Evaluation:
    """Compute the whole report of one submission.

    ``y`` (cases,) labels 0/1; ``scores`` (cases,), positive where >= threshold; scores that are
    no probabilities have no calibration;
    ``patients`` (cases,) ids, None where every case is a patient; ``attributes`` maps a name to
    (cases,) levels. ``threshold`` is the submission's, else the plan's; without one there are no
    figures at an operating point. ``weights`` (cases,) give figures standardised to the population
    that they stand for; ``target`` holds such weights and how they came about. ``threads`` changes
    no bit of the result. Raises
    ScoringInputError for arrays that cannot be scored.
    """
    plan = plan or AnalysisPlan()
    given = _arranged(y, scores, patients, attributes or {}, plan)
    choices = _choices_for(given, plan, threshold)
    whole = everyone(given.y, given.s, given.patient, given.n_patients, plan.sampling_design)
    parts = list(_parts(whole, given.coded, plan))
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
    results += _declared_gaps(parts, whole, plan, choices, threads)
    effective = effective_patients(given.patient, given.n_patients) if whole.clustered else None
    return Evaluation(
        plan_digest=plan.digest,
        code_version=code_version(),
        n_cases=int(given.y.size),
        n_patients=given.n_patients,
        n_positive=int(given.y.sum()),
        results=tuple(results),
        curves=tuple(curves),
        confidence=plan.confidence,
        threshold=choices.threshold,
        sampling_design=plan.sampling_design,
        effective_patients=effective,
        declared_gaps=plan.declared_gaps,
        target=None if target is None else target.comparison,
    )


def _arranged(
    y: ArrayLike,
    scores: ArrayLike,
    patients: ArrayLike | None,
    attributes: Mapping[str, NDArray[np.str_]],
    plan: AnalysisPlan,
) -> _Arranged:
    """Check the arrays, and bring the cases into an order that theirs does not change."""
    try:
        y_ = arrays.labels(y)
        s_ = arrays.scores(scores, y_.size)
        patient, n_patients = arrays.clusters(patients, y_.size)
    except UndefinedMetric as problem:
        raise ScoringInputError(f"cannot be scored: {problem}") from None
    if not y_.size:
        raise ScoringInputError("there is no case to score")
    coded = {name: _coded(name, attributes, y_.size) for name in _named(plan)}
    # once: sorting what is sorted costs next to nothing
    ids = [] if patients is None else [patient]
    order = arrays.canonical_order(s_, y_, [*ids, *(code for _, code in coded.values())])
    return _Arranged(
        y=y_[order],
        s=s_[order],
        patient=patient if patients is None else patient[order],
        n_patients=n_patients,
        coded={name: (values, code[order]) for name, (values, code) in coded.items()},
        order=order,
    )


def _choices_for(given: _Arranged, plan: AnalysisPlan, threshold: float | None) -> Choices:
    """The choices of a plan, with what the cases say of them; a threshold comes before its own."""
    if threshold is not None and not np.isfinite(threshold):
        raise ScoringInputError(f"the threshold is {threshold}; give a number on the scores' scale")
    return replace(
        choices_of(plan, plan.threshold if threshold is None else threshold),
        cohort_prevalence=_prevalence(given.y),
        no_calibration=_no_calibration(given.s),
    )


def _weights(of_cases: ArrayLike, given: _Arranged) -> Floats:
    """Weights of the cases, in the order in which they are scored."""
    n = given.y.size
    w = np.asarray(of_cases, dtype=np.float64)
    if w.shape != (n,) or not (np.isfinite(w).all() and w.min() >= 0.0 and w.max() > 0.0):
        raise ScoringInputError(
            f"weights must be {n} numbers that are not negative, and not all 0; got shape {w.shape}"
        )
    return w[given.order]


def _standardized(
    everybody: _Part, w: Floats, plan: AnalysisPlan, choices: Choices, fitted: int
) -> Iterator[Result]:
    """Figures of the population that the weights stand for; none where plain ones lack data."""
    whole = everybody.group
    found = weighted.estimates(whole, w, choices.threshold, plan.confidence, fitted)
    for name, estimate in found.items():
        lacking = everybody.lacking
        shown = estimate if lacking is None else whole.undefined(lacking)
        yield Result(FigureName.read(name).of_kind(Kind.STANDARDIZED), *OVERALL, shown)


def _named(plan: AnalysisPlan) -> tuple[str, ...]:
    """The attributes that the plan groups cases by, each once."""
    crossed = (name for names_ in plan.intersections for name in names_)
    return tuple(dict.fromkeys((*plan.subgroups, *crossed)))


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


def _parts(whole: Group, coded: Mapping[str, _Coded], plan: AnalysisPlan) -> Iterator[_Part]:
    yield _Part(*OVERALL, None, whole, _lacking(whole, plan))
    for names_ in (*((name,) for name in plan.subgroups), *plan.intersections):
        attribute = " x ".join(names_)
        fixed = whole.fixed and attribute in plan.fixed_attributes
        for level, member in _levels([coded[name] for name in names_], whole.y.size):
            group = part_of(whole, member, fixed=fixed)
            yield _Part(attribute, level, member, group, _lacking(group, plan))


def _levels(coded: Sequence[tuple[NDArray[np.str_], Ints]], n: int) -> Iterator[tuple[str, Bools]]:
    """Each level, or combination of levels that occurs, with its cases."""
    code = np.zeros(n, dtype=np.int64)
    labels = [""]
    for values, number in coded:
        code = code * values.size + number
        labels = [f"{old} x {new}" if old else str(new) for old in labels for new in values]
    for place in np.flatnonzero(np.bincount(code)).tolist():
        yield labels[place], code == place


def _coded(name: str, attributes: Mapping[str, NDArray[np.str_]], n: int) -> _Coded:
    if name not in attributes:
        raise ScoringInputError(
            f"the plan asks for subgroups by {name!r}; the cases have "
            f"{', '.join(sorted(attributes)) or 'no attributes'}"
        )
    column = np.asarray(attributes[name], dtype=np.str_)
    if column.shape != (n,):
        raise ScoringInputError(f"attribute {name!r} has shape {column.shape} for {n} cases")
    values, code = np.unique(column, return_inverse=True)
    return values, code.astype(np.int64)


def _lacking(group: Group, plan: AnalysisPlan) -> str | None:
    """Why the group is too small for any figure, or None; patients are the units."""
    n_cases, n_positive = group.y.size, int(group.y.sum())
    positive, negative = n_positive, n_cases - n_positive
    if group.n_patients < n_cases:
        positive = arrays.renumbered(group.patient[group.y])[1]
        negative = arrays.renumbered(group.patient[~group.y])[1]
    enough = group.n_patients >= plan.minimum_cases
    if enough and min(positive, negative) >= plan.minimum_per_class:
        return None
    return (
        f"insufficient data: {n_cases} cases of {group.n_patients} patients, {n_positive} "
        f"positive, {n_cases - n_positive} negative; at least {plan.minimum_cases} patients and "
        f"{plan.minimum_per_class} of each class are needed"
    )


def _smooth(part: _Part, plan: AnalysisPlan) -> bool:
    everywhere = plan.smooth_calibration == "all"
    return everywhere or (plan.smooth_calibration == "overall" and part.member is None)


def _results(part: _Part, choices: Choices) -> Iterator[Result]:
    if part.lacking is not None:
        for name in names(choices):
            estimate = part.group.undefined(part.lacking)
            yield Result.named(name, part.attribute, part.level, estimate)
        return
    for name, estimate in figures(part.group, choices):
        yield Result.named(name, part.attribute, part.level, estimate)


def _curves(
    part: _Part, plan: AnalysisPlan, choices: Choices, threads: int | None
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


def _crossed(whole: Group, parts: Sequence[_Part], plan: AnalysisPlan) -> Iterator[Result]:
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
    parts: Sequence[_Part], whole: Group, plan: AnalysisPlan, choices: Choices
) -> Iterator[Result]:
    """How far the levels of each attribute are apart."""
    references = dict(plan.references)
    for attribute in dict.fromkeys(part.attribute for part in parts[1:]):
        mine = [part for part in parts if part.attribute == attribute]
        levels = [
            Level(part.level, part.group, whole.patient[part.member], _is_reported(part.level))
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


def _is_reported(level: str) -> bool:
    return NOT_REPORTED.casefold() not in level.casefold().split(" x ")


def _declared_gaps(
    parts: Sequence[_Part],
    whole: Group,
    plan: AnalysisPlan,
    choices: Choices,
    threads: int | None,
) -> Iterator[Result]:
    """P-values of the gaps that the plan declares, plain and adjusted for their number."""
    found: list[Estimate] = []
    for figure, attribute in plan.declared_gaps:
        code = np.full(whole.y.size, -1, dtype=np.int64)
        mine = [part for part in parts if part.attribute == attribute]
        tested = [part for part in mine if part.lacking is None]
        for number, part in enumerate(tested):
            code[part.member] = number
        if len(tested) < 2:
            reason = f"insufficient data: {len(tested)} of {len(mine)} levels have enough"
            found.append(whole.undefined(reason))
            continue
        try:
            test = gap_test(
                figure,
                whole,
                code,
                threshold=choices.threshold,
                permutations=PERMUTATIONS,
                seed=plan.seed,
                fixed=whole.fixed and attribute in plan.fixed_attributes,
                threads=threads,
            )
        except UndefinedMetric as reason:
            found.append(whole.undefined(str(reason)))
            continue
        method = f"{test.method}; levels: {len(tested)} of {len(mine)}"
        found.append(whole.estimate(test.p_value, (None, None), method))
    if not found:
        return
    shares = multiplicity.gap_weights(len(found), primary=True)
    adjusted = multiplicity.fallback([estimate.value for estimate in found], shares)
    for (figure, attribute), plain, p in zip(plan.declared_gaps, found, adjusted, strict=True):
        name = FigureName.read(figure)
        yield Result(name.of_kind(Kind.GAP_P), attribute, ALL_LEVELS, plain)
        if p is not None:
            method = f"fallback procedure over {len(found)} declared gaps"
            estimate = replace(plain, value=p, method=method)
            yield Result(name.of_kind(Kind.GAP_P_ADJUSTED), attribute, ALL_LEVELS, estimate)
