"""Scores a task as a whole: its figures for everyone and each group of the plan, and their gaps.

The figures are those of a kind of task; minimum counts, groups and gaps are those of every report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.code_version import code_version
from evaluator.scoring.declared_gaps import PERMUTATIONS, Test, declared_gaps
from evaluator.scoring.groups import PlanGroup, coded, groups_of, is_reported
from evaluator.scoring.results import Evaluation, Result
from evaluator.tasks.scored_cases import ScoredCases
from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.figure_name import FigureName, Kind
from metrics.gaps.differences import MAX_MIN, Gap, Level, figure_gaps
from metrics.gaps.means import mean_gap_test
from metrics.gaps.tests import GapTest
from metrics.group import Group, everyone
from metrics.intervals.linearised import effective_patients

Figures = Callable[[Ints, Group, float], Mapping[str, Estimate]]
"""The figures of a group at a confidence, by name: always the same names.

The first argument holds the places (cases,) of the group's cases among those given.
"""
Influences = Callable[[Ints, Group], Mapping[str, Floats]]
"""How far each case (cases,) of a group moves a figure; a figure may be left out."""


Values = Callable[[Ints], Mapping[str, Floats]]
"""What each case (cases,) counts in a figure that is a mean, NaN where it does not count."""


def no_values(places: Ints) -> Mapping[str, Floats]:
    """For kinds of tasks without figures that are means of what single cases count."""
    return {}


@dataclass(frozen=True, slots=True)
class Measures:
    """What a kind of task measures in the cases given, wherever a group of them lies."""

    figures: Figures
    influences: Influences
    values: Values = no_values


def top_of(
    given: ScoredCases, plan: AnalysisPlan, plan_digest: str, measures: Measures
) -> Evaluation:
    """The evaluation of a task as a whole, without parts and without curves.

    A group has data enough by its label, positive or negative, as in a binary task. ``outputs`` and
    ``targets`` of the cases decide the order in which they are summed, so that the order of a file
    changes no bit. Raises ScoringInputError where the plan asks for an attribute that no case has.
    """
    order = _order(given)
    whole = whole_group(given, order, plan.sampling_design)
    y, patient, n_patients = whole.y, whole.patient, whole.n_patients
    attributes = {name: column[order] for name, column in given.attributes.items()}
    groups = list(groups_of(whole, coded(attributes, plan, y.size), plan))

    def places(part: PlanGroup) -> Ints:
        return order if part.member is None else order[part.member]

    results = [
        each for part in groups for each in _results(part, places(part), measures.figures, plan)
    ]
    results += _gaps(groups, whole, places, measures, plan)
    values = measures.values(order) if plan.declared_gaps else {}
    if values:
        results += declared_gaps(groups, whole, plan, _test(values, whole, plan))
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
        declared_gaps=plan.declared_gaps if values else (),
    )


def _test(values: Mapping[str, Floats], whole: Group, plan: AnalysisPlan) -> Test:
    """Tests figures that are means of the ``values`` of the cases of ``whole``, in its order."""

    def test(figure: str, level: Ints, attribute: str) -> GapTest:
        if figure not in values:
            raise UndefinedMetric(f"a gap in {figure} is no mean of what the cases count")
        return mean_gap_test(
            figure, values[figure], whole, level, permutations=PERMUTATIONS, seed=plan.seed
        )

    return test


def whole_group(given: ScoredCases, order: Ints, sampling_design: str) -> Group:
    """All cases as a group, in an order (cases,)."""
    y = np.asarray(given.labels, dtype=np.bool_)[order]
    patient, n_patients = arrays.clusters(given.patients[order], y.size)
    scores = np.asarray(given.scores, dtype=np.float64)[order]
    return everyone(y, scores, patient, n_patients, sampling_design)


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
    measures: Measures,
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
            return measures.figures(places(kept[i]), kept[i].group, confidence)

        def moved(i: int, kept: Sequence[PlanGroup] = enough) -> Mapping[str, Floats]:
            return measures.influences(places(kept[i]), kept[i].group)

        made = figure_gaps(levels, len(mine), references.get(attribute), plan.confidence, of, moved)
        if len(mine) >= 2 > len(levels):
            reason = f"insufficient data: {len(levels)} of {len(mine)} levels have enough"
            name = FigureName.read(plan.primary).of_kind(Kind.GAP)
            made = [Gap(str(name), MAX_MIN, whole.undefined(reason))]
        for gap in made:
            yield Result.named(gap.metric, attribute, gap.level, gap.estimate)
