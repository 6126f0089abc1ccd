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
cases drawn elsewhere. In half the minimum cell of the cases, of everyone and of each group, a mask
must share a tenth with the reference, or a lesion have a mark that is not in the lowest quarter of
the cases' highest marks; fewer, none among them, and no figure is shown. What is read among the
highest marks, at a declared rate of false ones, needs as many cases hit at the lowest rate. Who
aims at one case is thus refused whatever its label is. Being refused tells that fewer were hit, and
so a label to somebody who knows the labels of all others aimed at; the rule of smallest cells has
the same limit. Where nothing is drawn in any case, this part does not apply.

Where the rule is broken for everyone, no figure is shown; where it is broken in a group, those of
its attribute go. Known limit: as many cases as the rule asks may be aimed at together, and their
sum, rounded, is shown, and a mask far away in one case moves mean distances by what that case adds;
quotas and held results slow such a search down. A structure of one size in
everybody, missed in one case, is not told from a search: its figures are not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.task.declaration import Task
from evaluator.disclosure.suppression import JOINT
from evaluator.probing.set_apart import OVERALL_ATTRIBUTE, SetApart, set_apart
from evaluator.tasks.kinds import Judged
from evaluator.tasks.matched_marks import matched_case
from evaluator.tasks.regions import marks_of, overlap, stack_of_case
from evaluator.tasks.scored_cases import ScoredCases

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_OVERLAP = 0.1
"""Dice of a mask that hits: a whole picture drawn around a small lesion is no hit."""


def few_masks_apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the masks set apart, for everyone and each declared group."""
    patterns = ["\n".join(_runs(text)) for text in given.marked]
    found = _apart(given, by, patterns, np.sqrt(given.scores))
    if OVERALL_ATTRIBUTE in found.by_score or not any(patterns):
        return found
    pairs = zip(given.cases, given.marked, strict=True)
    hit = np.array([overlap(case.regions, text) >= LEAST_OVERLAP for case, text in pairs])
    few = _seldom_hit(given, by, lambda member: int(hit[member].sum()))
    return replace(found, by_score=found.by_score | few)


def few_marks_apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the marks set apart, for everyone and each declared group."""
    marks = [marks_of(text) for text in given.marked]
    places = [sorted((mark.corner, mark.size, mark.score) for mark in each) for each in marks]
    patterns = [str(each) if each else "" for each in places]
    found = _apart(given, by, patterns, np.array([float(len(each)) for each in marks]))
    # Marks in other places may have one score but for few: ranks are read off the highest.
    broken = found.by_score | _judged(given, by, given.scores, 0.5).by_score
    if OVERALL_ATTRIBUTE in broken or not any(patterns):
        return replace(found, by_score=broken)
    hits = _Hits.of(given, by.task)
    return replace(
        found,
        by_score=broken | _seldom_hit(given, by, hits.among_highest),
        by_probability=_seldom_hit(given, by, hits.at_lowest_rate),
    )


@dataclass(frozen=True, slots=True)
class _Hits:
    """Of each case (n,): the highest mark on a lesion, the highest of all, both -inf without.

    ``false`` has the scores of its false marks, ``rate`` the lowest declared rate of them.
    """

    on_lesion: Floats
    highest: Floats
    false: tuple[Floats, ...]
    rate: float

    @classmethod
    def of(cls, given: ScoredCases, task: Task) -> _Hits:
        pairs = list(zip(given.cases, given.marked, strict=True))
        found = [
            matched_case(case.regions, text, stack_of_case(case), task) for case, text in pairs
        ]
        drawn = np.array([bool(text) for text in given.marked])
        return cls(
            np.array([each.lesions.max(initial=-np.inf) for each in found]),
            np.where(drawn, given.scores, -np.inf),
            tuple(each.false for each in found),
            task.rates[0],
        )

    def among_highest(self, member: Bools) -> int:
        highest = self.highest[member & (self.highest > -np.inf)]
        least = float(np.quantile(highest, 0.25)) if highest.size else np.inf
        return int(np.count_nonzero(self.on_lesion[member] >= least))

    def at_lowest_rate(self, member: Bools) -> int:
        false = np.sort(np.concatenate([self.false[i] for i in np.flatnonzero(member)]))[::-1]
        kept = int(self.rate * np.count_nonzero(member) + 1e-9)
        last = float(false[kept]) if false.size > kept else -np.inf
        return int(np.count_nonzero(self.on_lesion[member] > last))


def _runs(text: str) -> list[str]:
    """The drawn runs of a case, without the names of its pictures."""
    rows = [row.split(",", 2)[2] for row in text.split("\n") if row]
    return [runs for runs in rows if runs]


def _apart(given: ScoredCases, by: Judged, patterns: Sequence[str], amounts: Floats) -> SetApart:
    """Judge the patterns as scores: 0 where nothing is drawn, another number for each pattern."""
    numbers = {"": 0.0}
    scores = np.array([numbers.setdefault(each, 1.0 + len(numbers)) for each in patterns])
    found = _judged(given, by, scores, 0.5)
    # A figure of regions reads all of a case at once, so that what stands out concerns them all.
    broken = found.by_score | _outweighed(given, by, amounts)
    return SetApart(broken, found.by_threshold, frozenset(), frozenset())


def _seldom_hit(given: ScoredCases, by: Judged, n_hit: Callable[[Bools], int]) -> frozenset[str]:
    """Attributes with a level in which fewer cases are hit than half the minimum cell.

    ``n_hit`` counts among the members (n,). Levels under the minimum, which are withheld, are
    judged together.
    """
    least = max(2, by.minimum // 2)
    groups = {OVERALL_ATTRIBUTE: np.full(given.labels.shape, "")}
    groups |= {name: given.attributes[name] for name in by.plan.subgroups}
    for names in by.plan.intersections:
        rows = zip(*(given.attributes[name] for name in names), strict=True)
        groups[JOINT.join(names)] = np.array([JOINT.join(row) for row in rows])
    broken = set()
    for attribute, levels in groups.items():
        _, place, counts = np.unique(levels, return_inverse=True, return_counts=True)
        place = np.where((counts < by.minimum)[place], counts.size, place)
        if any(n_hit(place == each) < least for each in np.unique(place)):
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
