"""Judges grades: their agreement as the whole, and each declared cut as a binary task.

A cut counts a case as positive from a grade on. Cuts are nested: two of them together tell how many
cases lie between. So a cut that leaves fewer patients than the minimum cell between it and another,
or beyond it, is no part; a group in which this is so shows no figure, in the whole and in all
parts. The label counts as a cut where it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evaluator.disclosure.protection import Also
from evaluator.disclosure.suppression import JOINT
from evaluator.probing.set_apart import SetApart
from evaluator.scoring.results import Evaluation
from evaluator.tasks.kinds import Judged, Kind, Part, one_score_apart
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures, top_of
from evaluator.tasks.weighed import Weigh, of_columns
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate
from metrics.figure_name import FigureName
from metrics.grades.agreement import nearest_grades
from metrics.grades.figures import Graded, grade_figures, grade_influences, grade_values
from metrics.group import Group

NOBODY: frozenset[str] = frozenset()
_MANY = 3
_OF_RANKS = ("prediction_probability", "kendall_tau_b")


def whole(given: ScoredCases, by: Judged) -> Evaluation:
    """Figures of the grades, for everyone and each group of the plan."""
    return top_of(given, by.plan, by.plan_digest, measures(given, by))


def measures(given: ScoredCases, by: Judged) -> Measures:
    """Figures of the grades, in any group."""
    graded = Graded(given.targets[:, 0], given.scores, by.task.lowest, by.task.highest)

    def figures(rows: Ints, group: Group, confidence: float) -> Mapping[str, Estimate]:
        return grade_figures(graded.part(rows), group, confidence)

    def influences(rows: Ints, group: Group) -> Mapping[str, Floats]:
        return grade_influences(graded.part(rows), group)

    return Measures(figures, influences, lambda rows: grade_values(graded.part(rows)))


def cuts(given: ScoredCases, by: Judged) -> dict[str, Part]:
    """Each cut with the minimum on either side and between; called from the same grade on."""
    everybody = np.ones(given.labels.size, dtype=np.bool_)
    return {
        f"grade >= {cut}": Part(
            replace(given.of_part(everybody, split, given.scores), comparators={}), float(cut)
        )
        for cut, split in _shown(given, by).items()
    }


def apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the grades set apart in the figures of the whole, which no threshold changes.

    The cuts tell how many cases lie on either side, so that distances count on each side. Kappa
    takes whole grades: predictions that are alike but for decimals are one score there. With
    ``_MANY`` grades that are shared by many cases, each with an unknown sum of references, a rare
    grade may stand beside them, as it does in honest predictions.
    """
    nearest = replace(given, scores=nearest_grades(given.scores, by.task.lowest, by.task.highest))
    found = [
        one_score_apart(cases, float(cut), by, many=_MANY)
        for cases in (given, nearest)
        for cut in (by.threshold, *by.task.cuts)
    ]
    by_distance = NOBODY.union(found[-1].by_score, *(each.by_probability for each in found))
    return SetApart(found[0].by_score, NOBODY, by_distance, NOBODY)


def between(given: ScoredCases, by: Judged) -> Also:
    """Groups in which some two cuts leave few patients between them, or one beyond it."""
    splits = _distinct([*_of_label(given, by), *_shown(given, by).values()])
    few = [
        group
        for group, member in _groups(given, by)
        if not _enough(splits, given.patients, member, by.minimum)
    ]
    return Also(insufficient=frozenset(few))


def _shown(given: ScoredCases, by: Judged) -> dict[int, Bools]:
    """Cuts that are parts, the lowest first, with the cases (n,) that are positive by each."""
    everybody = np.ones(given.labels.size, dtype=np.bool_)
    splits = _of_label(given, by)
    found: dict[int, Bools] = {}
    for cut in by.task.cuts:
        split = given.targets[:, 0] >= cut
        candidate = _distinct([*splits, split])
        if _enough(candidate, given.patients, everybody, by.minimum):
            found[cut], splits = split, candidate
    return found


def _of_label(given: ScoredCases, by: Judged) -> list[Bools]:
    """The label as a split, where it is a cut of the grade that leaves enough on either side."""
    grade, label = given.targets[:, 0], given.labels
    if not label.any() or not np.array_equal(label, grade >= grade[label].min()):
        return []
    everybody = np.ones(label.size, dtype=np.bool_)
    return [label] if _enough([label], given.patients, everybody, by.minimum) else []


def _distinct(splits: Sequence[Bools]) -> list[Bools]:
    """Nested splits, each once: those of equal size are the same."""
    return list({int(np.count_nonzero(split)): split for split in splits}.values())


def _enough(
    splits: Sequence[Bools], patients: NDArray[np.str_], member: Bools, minimum: int
) -> bool:
    """Whether each band between nested ``splits`` has the minimum of patients among a group."""
    band = np.zeros(member.size, dtype=np.int64)
    for split in splits:
        band += split
    return all(
        np.unique(patients[member & (band == number)]).size >= minimum
        for number in range(len(splits) + 1)
    )


def _groups(given: ScoredCases, by: Judged) -> Iterator[tuple[tuple[str, str], Bools]]:
    """Each level of each subgroup and intersection of the plan, with its cases (n,)."""
    for names in (*((name,) for name in by.plan.subgroups), *by.plan.intersections):
        rows = zip(*(given.attributes[name] for name in names), strict=True)
        levels = np.array([JOINT.join(row) for row in rows])
        for level in np.unique(levels):
            yield (JOINT.join(names), str(level)), levels == level


def weighs(given: ScoredCases, by: Judged, figure: FigureName) -> Weigh:
    """The grades by their ranks; by themselves, and as whole grades, where distances count."""
    if figure.base in _OF_RANKS:
        return of_columns([given.scores])
    nearest = nearest_grades(given.scores, by.task.lowest, by.task.highest).astype(np.int64)
    whole_grades = [nearest] if figure.base.endswith("_kappa") else ()
    return of_columns([given.scores], whole_grades, amounts=True)


KIND = Kind(
    top=whole,
    parts=cuts,
    apart=apart,
    tied=True,
    between=between,
    measures=measures,
    weighs=weighs,
)
