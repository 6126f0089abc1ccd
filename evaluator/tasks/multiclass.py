"""Judges classes that exclude each other: the whole, and each class against the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from evaluator.probing.set_apart import SetApart, depends_on_threshold
from evaluator.scoring.results import Evaluation
from evaluator.tasks.kinds import Judged, Kind, Part, one_score_apart
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures, top_of
from evaluator.tasks.weighed import Weigh, of_columns
from metrics.arrays import Floats, Ints
from metrics.edges import called
from metrics.estimate import Estimate
from metrics.figure_name import FigureName
from metrics.group import Group
from metrics.outputs.classes import (
    HAND_TILL,
    LOG_LOSS,
    MACRO_AUROC,
    Classified,
    class_figures,
    class_influences,
)

NOBODY: frozenset[str] = frozenset()


def whole(given: ScoredCases, by: Judged) -> Evaluation:
    """Figures of all classes, for everyone and each group of the plan."""
    return top_of(given, by.plan, by.plan_digest, measures(given, by))


def measures(given: ScoredCases, by: Judged) -> Measures:
    """Figures of all classes, in any group."""
    cases, fewest = _classified(given, by), by.plan.minimum_per_class

    def figures(rows: Ints, group: Group, confidence: float) -> Mapping[str, Estimate]:
        return class_figures(_some(cases, rows), group, confidence, fewest, by.plan.seed)

    def influences(rows: Ints, group: Group) -> Mapping[str, Floats]:
        return class_influences(_some(cases, rows), group, fewest)

    return Measures(figures, influences)


def classes(given: ScoredCases, by: Judged) -> dict[str, Part]:
    """Each class against the rest; a case is called the class from the threshold on."""
    return dict(_classes(given, by))


def apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the probabilities of any class set apart, and classes that few cases are called.

    A called class is the most probable one, so no threshold decides it. The parts call by the
    threshold: where few cases are called a class by one of the two rules alone, the figures of the
    whole less those of the parts would be theirs.
    """
    found = [one_score_apart(part.cases, by.threshold, by) for _, part in _classes(given, by)]
    called_class = _classified(given, by).called
    few = []
    for number in range(len(by.task.outputs)):
        here = called_class == number
        by_one_rule = here != called(given.outputs[:, number], by.threshold)
        for chosen in (here, by_one_rule):
            few.append(one_score_apart(replace(given, scores=chosen.astype(np.float64)), 0.5, by))
    return SetApart(
        NOBODY.union(*(each.by_score for each in found)),
        NOBODY.union(*(each.by_threshold for each in few)),
        NOBODY.union(*(each.by_probability for each in found)),
        NOBODY.union(*(each.by_log_odds for each in found)),
    )


def _classified(given: ScoredCases, by: Judged) -> Classified:
    of_class = given.targets.argmax(axis=1).astype(np.int64)
    return Classified.of(of_class, given.outputs, by.task.outputs)


def _some(cases: Classified, rows: Ints) -> Classified:
    return replace(cases, of_class=cases.of_class[rows], p=cases.p[rows])


def _classes(given: ScoredCases, by: Judged) -> Iterator[tuple[str, Part]]:
    everybody = np.ones(given.labels.size, dtype=np.bool_)
    for place, name in enumerate(by.task.outputs):
        cases = given.of_part(everybody, given.targets[:, place] == 1.0, given.outputs[:, place])
        yield name, Part(replace(cases, comparators={}), by.threshold)


def weighs(given: ScoredCases, by: Judged, figure: FigureName) -> Weigh:
    """The probabilities of each class, and the called class where the figure is of calls."""
    return of_columns(
        list(given.outputs.T),
        [_classified(given, by).called] if depends_on_threshold(figure) else (),
        amounts=figure.base not in (HAND_TILL, MACRO_AUROC),
        log_odds=figure.base == LOG_LOSS,
    )


KIND = Kind(top=whole, parts=classes, apart=apart, tied=True, measures=measures, weighs=weighs)
