"""Finds masks and marks that set few cases apart, whose labels any figure would then tell.

A mask drawn in one case alone, all others left empty, reads off that case's lesion: the others
count what the benchmark's file says of empty masks, and the mean moves by what the one case counts.
The rule of single scores (``evaluator/probing/set_apart.py``) is applied to what can be seen of the
regions alone, so that nothing is learned from being refused:

- what is drawn in a case stands for a score. Cases drawn alike, pixel for pixel, or not at all,
  share one. Cases that share none must be as many as the minimum cell, or none;
- the cases in which something is drawn, and those in which nothing is, must each be half the
  minimum cell, or none; else the shares of missed and of false masks are not shown, which count
  them;
- no case may outweigh the others by how much is drawn in it (the side of a square as large, or the
  number of marks): masks of one pixel, or of nearly the whole picture, in all cases but few would
  leave the few alone with a figure, and so would marks all over all pictures but few.

One part looks at the reference standard, since regions may miss on purpose: masks in the corner of
every picture differ from each other and count 0 for sure, and the figure is then that of the few
cases drawn elsewhere. Regions must overlap a lesion, or be on one, in half the minimum cell of the
cases, of everyone and of each group; fewer, none among them, and no figure is shown. Who aims at
one case is thus refused whatever its label is. Being refused tells that fewer were hit, and so a
label to somebody who knows the labels of all others aimed at; the rule of smallest cells has the
same limit. Where all cases are drawn alike nothing is set apart, and this part does not apply.

Where the rule is broken for everyone, no figure is shown; where it is broken in a group, those of
its attribute go. Known limit: as many cases as the rule asks may be aimed at together, and their
sum, rounded, is shown; quotas and held results slow such a search down. A structure of one size in
everybody, missed in one case, is not told from a search: its figures are not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.task.declaration import Task
from evaluator.disclosure.suppression import JOINT
from evaluator.probing.set_apart import OVERALL_ATTRIBUTE, SetApart, set_apart
from evaluator.tasks.kinds import Judged
from evaluator.tasks.matched_marks import matched_case
from evaluator.tasks.regions import drawn_mask, marks_of, reference_mask, stack_of_case
from evaluator.tasks.scored_cases import ScoredCases

Floats = NDArray[np.float64]


def few_masks_apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the masks set apart, for everyone and each declared group."""
    patterns = ["\n".join(_runs(text)) for text in given.marked]
    return _apart(given, by, patterns, np.sqrt(given.scores), _overlaps)


def few_marks_apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the marks set apart, for everyone and each declared group."""
    marks = [marks_of(text) for text in given.marked]
    places = [sorted((mark.corner, mark.size, mark.score) for mark in each) for each in marks]
    patterns = [str(each) if each else "" for each in places]
    numbers = np.array([float(len(each)) for each in marks])
    return _apart(given, by, patterns, numbers, lambda case, text: _is_hit(case, text, by.task))


def _runs(text: str) -> list[str]:
    """The drawn runs of a case, without the names of its pictures."""
    rows = [row.split(",", 2)[2] for row in text.split("\n") if row]
    return [runs for runs in rows if runs]


def _overlaps(case: Case, text: str) -> bool:
    stack = stack_of_case(case)
    return bool((reference_mask(case.regions, stack) & drawn_mask(text, stack)).any())


def _is_hit(case: Case, text: str, task: Task) -> bool:
    found = matched_case(case.regions, text, stack_of_case(case), task)
    return bool((found.lesions > -np.inf).any())


def _apart(
    given: ScoredCases,
    by: Judged,
    patterns: Sequence[str],
    amounts: Floats,
    is_hit: Callable[[Case, str], bool],
) -> SetApart:
    """Judge the patterns as scores: 0 where nothing is drawn, another number for each pattern."""
    numbers = {"": 0.0}
    scores = np.array([numbers.setdefault(each, 1.0 + len(numbers)) for each in patterns])
    found = _judged(given, by, scores, 0.5)
    # A figure of regions reads all of a case at once, so that what stands out concerns them all.
    broken = found.by_score | _outweighed(given, by, amounts)
    if OVERALL_ATTRIBUTE not in broken and np.unique(scores).size > 1:
        pairs = zip(given.cases, given.marked, strict=True)
        hit = np.array([bool(c.regions and text) and is_hit(c, text) for c, text in pairs])
        broken |= _seldom_hit(given, by, hit)
    return SetApart(broken, found.by_threshold, frozenset(), frozenset())


def _seldom_hit(given: ScoredCases, by: Judged, hit: NDArray[np.bool_]) -> frozenset[str]:
    """Attributes with a level in which fewer cases are hit than half the minimum cell.

    Levels under the minimum, which are withheld, are judged together.
    """
    least = max(2, by.minimum // 2)
    groups = {OVERALL_ATTRIBUTE: np.full(hit.shape, "")}
    groups |= {name: given.attributes[name] for name in by.plan.subgroups}
    for names in by.plan.intersections:
        rows = zip(*(given.attributes[name] for name in names), strict=True)
        groups[JOINT.join(names)] = np.array([JOINT.join(row) for row in rows])
    broken = set()
    for attribute, levels in groups.items():
        _, place, counts = np.unique(levels, return_inverse=True, return_counts=True)
        place = np.where((counts < by.minimum)[place], counts.size, place)
        if any(hit[place == each].sum() < least for each in np.unique(place)):
            broken.add(attribute)
    return frozenset(broken)


def _outweighed(given: ScoredCases, by: Judged, amounts: Floats) -> frozenset[str]:
    """Groups in which few cases have nearly all that is drawn."""
    most = float(amounts.max(initial=0.0))
    if most == 0.0:
        return frozenset()
    return _judged(given, by, amounts / most, 0.5 / most).by_probability


def _judged(given: ScoredCases, by: Judged, scores: Floats, threshold: float) -> SetApart:
    return set_apart(
        scores,
        threshold,
        {name: given.attributes[name] for name in by.plan.subgroups},
        by.plan.intersections,
        by.minimum,
    )
