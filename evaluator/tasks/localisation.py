"""Scores marks against the lesions of the reference standard.

A case counts as one image: false marks are counted a case. Places are in mm on the grid of the
case's pictures. Which marks are on a lesion stands in the benchmark's file.
"""

from __future__ import annotations

from collections.abc import Mapping

from evaluator.scoring.results import Evaluation
from evaluator.tasks.few_regions_apart import few_marks_apart
from evaluator.tasks.kinds import Judged, Kind
from evaluator.tasks.matched_marks import matched_case
from evaluator.tasks.regions import stack_of_case
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures, top_of
from evaluator.tasks.weighed import of_texts
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate
from metrics.group import Group
from metrics.marks.figures import MarkMeasures, mark_figures, mark_influences


def top(given: ScoredCases, by: Judged) -> Evaluation:
    """Figures of marks for everyone and each group of the plan."""
    return top_of(given, by.plan, by.plan_digest, measures(given, by))


def measures(given: ScoredCases, by: Judged) -> Measures:
    """Figures of marks in any group; the marks of each case are matched once."""
    cases = [
        matched_case(case.regions, text, stack_of_case(case), by.task)
        for case, text in zip(given.cases, given.marked, strict=True)
    ]

    def of(places: Ints) -> MarkMeasures:
        return MarkMeasures.of([cases[place] for place in places.tolist()], by.task.rates)

    def figures(places: Ints, group: Group, confidence: float) -> Mapping[str, Estimate]:
        return mark_figures(of(places), group, confidence)

    def influences(places: Ints, group: Group) -> Mapping[str, Floats]:
        return mark_influences(of(places), group)

    return Measures(figures, influences)


KIND = Kind(
    top=top,
    parts=lambda given, by: {},
    apart=few_marks_apart,
    measures=measures,
    weighs=lambda given, by, figure: of_texts(given.marked),
)
