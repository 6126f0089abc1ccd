"""Scores marks against the lesions of the reference standard.

A case counts as one image: false marks are counted a case. Places are in mm on the grid of the
case's pictures. Which marks are on a lesion stands in the benchmark's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluator.scoring.results import Evaluation
from evaluator.tasks.few_regions_apart import few_marks_apart
from evaluator.tasks.kinds import Judged, Kind
from evaluator.tasks.matched_marks import matched_case
from evaluator.tasks.regions import stack_of_case
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import top_of
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate
from metrics.group import Group
from metrics.marks.figures import MarkMeasures, mark_figures, mark_influences
from metrics.marks.matching import MatchedCase


def top(given: ScoredCases, by: Judged) -> Evaluation:
    """Figures of marks for everyone and each group of the plan."""
    cases = [
        matched_case(case.regions, text, stack_of_case(case), by.task)
        for case, text in zip(given.cases, given.marked, strict=True)
    ]
    return of_cases(given, cases, by)


def of_cases(given: ScoredCases, cases: Sequence[MatchedCase], by: Judged) -> Evaluation:
    """The evaluation of matched cases."""

    def of(places: Ints) -> MarkMeasures:
        return MarkMeasures.of([cases[place] for place in places.tolist()], by.task.rates)

    def figures(places: Ints, group: Group, confidence: float) -> Mapping[str, Estimate]:
        return mark_figures(of(places), group, confidence)

    def influences(places: Ints, group: Group) -> Mapping[str, Floats]:
        return mark_influences(of(places), group)

    return top_of(given, by.plan, by.plan_digest, figures, influences)


KIND = Kind(top=top, parts=lambda given, by: {}, apart=few_marks_apart)
