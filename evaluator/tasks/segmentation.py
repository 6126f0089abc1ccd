"""Scores masks against the masks of the reference standard.

A case is one plane or one volume; all its lesions together are one mask. Distances are in mm, by
the distances between pixels that the picture's own header says. What empty masks count stands in
the benchmark's file.
"""

from __future__ import annotations

from collections.abc import Mapping

from cohort_selection.task.declaration import LEFT_OUT, Task
from evaluator.scoring.results import Evaluation
from evaluator.tasks.few_regions_apart import few_masks_apart
from evaluator.tasks.kinds import Judged, Kind
from evaluator.tasks.regions import drawn_mask, reference_mask, stack_of_case
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures, top_of
from evaluator.tasks.weighed import of_texts
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate
from metrics.group import Group
from metrics.masks.empty_rules import EmptyRules
from metrics.masks.figures import MaskMeasures, mask_figures, mask_influences, mask_values
from metrics.masks.measures import PairMeasures, measure_pair

WORST = "mean_hd"
"""Left out: the largest distance is one pixel's, of one patient."""


def empty_rules(task: Task) -> EmptyRules:
    """What empty masks count, as the benchmark's file says."""
    return EmptyRules(
        both_empty=_counted(task.both_empty),
        false_mask=_counted(task.false_mask),
        missed_mask=_counted(task.missed_mask),
        distance_both_empty=task.distance_both_empty_mm,
        distance_penalty_mm=task.distance_penalty_mm,
    )


def _counted(value: float | str | None) -> float | None:
    return None if value is None or value == LEFT_OUT else float(value)


def measured(given: ScoredCases, task: Task) -> list[PairMeasures]:
    """What each case measures, in their order; one case at a time is in memory."""
    return [_measured(place, given, task.tolerances_mm) for place in range(len(given.cases))]


def _measured(place: int, given: ScoredCases, tolerances: tuple[float, ...]) -> PairMeasures:
    case = given.cases[place]
    stack = stack_of_case(case)
    reference = reference_mask(case.regions, stack)
    drawn = drawn_mask(given.marked[place], stack)
    if len(stack.shape) == 2:
        reference, drawn = reference[0], drawn[0]
    return measure_pair(reference, drawn, stack.spacing_mm, tolerances)


def top(given: ScoredCases, by: Judged) -> Evaluation:
    """Figures of masks for everyone and each group of the plan."""
    return top_of(given, by.plan, by.plan_digest, measures(given, by))


def measures(given: ScoredCases, by: Judged) -> Measures:
    """Figures of masks in any group; each case is measured once."""
    pairs = measured(given, by.task)
    rules = empty_rules(by.task)

    def of(places: Ints) -> MaskMeasures:
        kept = [pairs[place] for place in places.tolist()]
        return MaskMeasures.of(kept, by.task.tolerances_mm, rules)

    def figures(places: Ints, group: Group, confidence: float) -> Mapping[str, Estimate]:
        found = mask_figures(of(places), group, confidence)
        return {name: each for name, each in found.items() if name != WORST}

    def influences(places: Ints, group: Group) -> Mapping[str, Floats]:
        found = mask_influences(of(places), group)
        return {name: each for name, each in found.items() if name != WORST}

    return Measures(figures, influences, lambda places: mask_values(of(places)))


KIND = Kind(
    top=top,
    parts=lambda given, by: {},
    apart=few_masks_apart,
    measures=measures,
    weighs=lambda given, by, figure: of_texts(given.marked),
)
