"""Scores a task as a whole: its figures for everyone and each group of the plan, and their gaps.

The figures are those of a kind of task; minimum counts, groups and gaps are those of every report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.code_version import code_version
from evaluator.scoring.groups import PlanGroup, coded, groups_of, is_reported
from evaluator.scoring.results import Evaluation, Result
from evaluator.tasks.scored_cases import ScoredCases
from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from metrics.gaps.differences import MAX_MIN, Gap, Level, figure_gaps
from metrics.group import Group, everyone
from metrics.intervals.linearised import effective_patients

Figures = Callable[[Ints, Group, float], Mapping[str, Estimate]]
"""The figures of a group at a confidence, by name: always the same names.

The first argument holds the places (cases,) of the group's cases among those given.
"""
Influences = Callable[[Ints, Group], Mapping[str, Floats]]
"""How far each case (cases,) of a group moves a figure; a figure may be left out."""


def top_of(
    given: ScoredCases,
    plan: AnalysisPlan,
    plan_digest: str,
    figures: Figures,
    influences: Influences,
) -> Evaluation:
    """The evaluation of a task as a whole, without parts and without curves.

    A group has data enough by its label, positive or negative, as in a binary task. ``outputs`` and
    ``targets`` of the cases decide the order in which they are summed, so that the order of a file
    changes no bit. Raises ScoringInputError where the plan asks for an attribute that no case has.
    """
    order = _order(given)
    y = np.asarray(given.labels, dtype=np.bool_)[order]
    patient, n_patients = arrays.clusters(given.patients[order], y.size)
    attributes = {name: column[order] for name, column in given.attributes.items()}
    scores = np.asarray(given.scores, dtype=np.float64)[order]
    whole = everyone(y, scores, patient, n_patients, plan.sampling_design)
    groups = list(groups_of(whole, coded(attributes, plan, y.size), plan))

    def places(part: PlanGroup) -> Ints:
        return order if part.member is None else order[part.member]

    results = [each for part in groups for each in _results(part, places(part), figures, plan)]
    results += _gaps(groups, whole, places, figures, influences, plan)
    return Evaluation(
        plan_digest=plan_digest,
        code_version=code_version(),
        n_cases=int(y.size),
        n_patients=n_patients,
        n_positive=int(y.sum()),
        results=tuple(results),
        curves=(),
        confidence=plan.confidence,
        sampling_design=plan.sampling_design,
        effective_patients=effective_patients(patient, n_patients) if whole.clustered else None,
    )


def _order(given: ScoredCases) -> Ints:
    """An order of the cases by what is known of each, whatever order they came in."""
    outputs = given.outputs if given.outputs.size else given.scores[:, None]
    targets = np.where(np.isnan(given.targets), -1.0, given.targets)
    keys = [*outputs.T[::-1], *targets.T[::-1], given.labels]
    keys += [given.attributes[name] for name in sorted(given.attributes)]
    return np.lexsort([given.patients, *keys[::-1]]).astype(np.int64)


def _results(part: PlanGroup, places: Ints, figures: Figures, plan: AnalysisPlan) -> list[Result]:
    found = figures(places, part.group, plan.confidence)
    if part.lacking is not None:
        found = dict.fromkeys(found, part.group.undefined(part.lacking))
    return [
        Result.named(name, part.attribute, part.level, _of_group(part.group, estimate))
        for name, estimate in found.items()
    ]


def _of_group(group: Group, estimate: Estimate) -> Estimate:
    """The figure with the counts of its group: those of a figure that counts fewer are no count."""
    counts = group.undefined("")
    return replace(
        estimate,
        n_cases=counts.n_cases,
        n_patients=counts.n_patients,
        n_positive=counts.n_positive,
    )


def _gaps(
    groups: Sequence[PlanGroup],
    whole: Group,
    places: Callable[[PlanGroup], Ints],
    figures: Figures,
    influences: Influences,
    plan: AnalysisPlan,
) -> Iterator[Result]:
    references = dict(plan.references)
    for attribute in dict.fromkeys(part.attribute for part in groups[1:]):
        mine = [part for part in groups if part.attribute == attribute]
        enough = [part for part in mine if part.lacking is None]
        levels = [
            Level(part.level, part.group, whole.patient[part.member], is_reported(part.level))
            for part in enough
        ]

        def of(
            i: int, confidence: float, kept: Sequence[PlanGroup] = enough
        ) -> Mapping[str, Estimate]:
            return figures(places(kept[i]), kept[i].group, confidence)

        def moved(i: int, kept: Sequence[PlanGroup] = enough) -> Mapping[str, Floats]:
            return influences(places(kept[i]), kept[i].group)

        made = figure_gaps(levels, len(mine), references.get(attribute), plan.confidence, of, moved)
        if len(mine) >= 2 > len(levels):
            reason = f"insufficient data: {len(levels)} of {len(mine)} levels have enough"
            name = FigureName.read(plan.primary).of_kind(Kind.GAP)
            made = [Gap(str(name), MAX_MIN, whole.undefined(reason))]
        for gap in made:
            yield Result.named(gap.metric, attribute, gap.level, gap.estimate)
