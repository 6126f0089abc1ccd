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
- no case may outweigh the others by how much is drawn in it (the side of a square as large):
  masks of one pixel, or of a whole picture, in all cases but few would leave the few alone with a
  figure.

Marks follow the same rule by their places, scores and number. Where the rule is broken for
everyone, no figure is shown; where it is broken in a group, those of its attribute go.

Known limit, as with single scores: masks that surely miss, drawn in the corner of every picture but
in as many as the rule asks, are masks that differ, and the figure is then one of those few cases:
their sum, rounded, and none by itself. Quotas and held results slow such a search down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluator.probing.set_apart import SetApart, set_apart
from evaluator.tasks.kinds import Judged
from evaluator.tasks.regions import marks_of
from evaluator.tasks.scored_cases import ScoredCases

Floats = NDArray[np.float64]


def few_masks_apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the masks set apart, for everyone and each declared group; labels are not looked at."""
    patterns = ["\n".join(_runs(text)) for text in given.marked]
    return _apart(given, by, patterns, np.sqrt(given.scores))


def few_marks_apart(given: ScoredCases, by: Judged) -> SetApart:
    """What the marks set apart, for everyone and each declared group; labels are not looked at."""
    marks = [marks_of(text) for text in given.marked]
    patterns = [
        str(sorted((mark.corner, mark.size, mark.score) for mark in each)) for each in marks
    ]
    patterns = [pattern if each else "" for pattern, each in zip(patterns, marks, strict=True)]
    return _apart(given, by, patterns, np.array([float(len(each)) for each in marks]))


def _runs(text: str) -> list[str]:
    """The drawn runs of a case, without the names of its pictures."""
    rows = [row.split(",", 2)[2] for row in text.split("\n") if row]
    return [runs for runs in rows if runs]


def _apart(given: ScoredCases, by: Judged, patterns: list[str], amounts: Floats) -> SetApart:
    """Judge the patterns as scores: 0 where nothing is drawn, another number for each pattern."""
    numbers = {"": 0.0}
    scores = np.array([numbers.setdefault(each, 1.0 + len(numbers)) for each in patterns])
    found = _judged(given, by, scores, 0.5)
    # A figure of regions reads all of a case at once, so that what stands out concerns them all.
    broken = found.by_score | _outweighed(given, by, amounts)
    return SetApart(broken, found.by_threshold, frozenset(), frozenset())


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
