"""Judges several findings a case: each finding by itself, and their macro averages as the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from evaluator.probing.set_apart import SetApart
from evaluator.scoring.results import Evaluation
from evaluator.tasks.kinds import Judged, Kind, Part, one_score_apart
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures, top_of
from evaluator.tasks.weighed import Weigh, of_columns
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate
from metrics.figure_name import FigureName
from metrics.group import Group
from metrics.outputs.findings import finding_figures, finding_influences

NOBODY: frozenset[str] = frozenset()


def whole(given: ScoredCases, by: Judged) -> Evaluation:
    """Macro averages over all findings, for everyone and each group of the plan."""
    return top_of(given, by.plan, by.plan_digest, measures(given, by))


def measures(given: ScoredCases, by: Judged) -> Measures:
    """Macro averages over all findings, in any group."""
    names, fewest = by.task.outputs, by.plan.minimum_per_class

    def figures(rows: Ints, group: Group, confidence: float) -> Mapping[str, Estimate]:
        targets, outputs = given.targets[rows], given.outputs[rows]
        return finding_figures(targets, outputs, group, confidence, names, fewest)

    def influences(rows: Ints, group: Group) -> Mapping[str, Floats]:
        return finding_influences(given.targets[rows], given.outputs[rows], group, names, fewest)

    return Measures(figures, influences)


def findings(given: ScoredCases, by: Judged) -> dict[str, Part]:
    """Each finding on the cases in which it is known; one that is known nowhere is no part."""
    return dict(_findings(given, by))


def apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the scores of any finding set apart: a mean less the other findings' gives it back.

    The whole has areas alone, which no threshold and no distance of a score changes.
    """
    found = [one_score_apart(part.cases, by.threshold, by) for _, part in _findings(given, by)]
    by_score = NOBODY.union(*(each.by_score for each in found))
    return SetApart(by_score, NOBODY, NOBODY, NOBODY)


def _findings(given: ScoredCases, by: Judged) -> Iterator[tuple[str, Part]]:
    for place, name in enumerate(by.task.outputs):
        target = given.targets[:, place]
        known = ~np.isnan(target)
        if known.any():
            cases = given.of_part(known, target == 1.0, given.outputs[:, place])
            # what comparators say is said of the label of the whole
            yield name, Part(replace(cases, comparators={}), by.threshold)


def weighs(given: ScoredCases, by: Judged, figure: FigureName) -> Weigh:
    """The scores of each finding by their ranks, in the cases in which it is known."""
    known = np.where(np.isnan(given.targets), np.nan, given.outputs)
    return of_columns(list(known.T))


KIND = Kind(top=whole, parts=findings, apart=apart, measures=measures, weighs=weighs)
