"""Compares rows of a board on the same cases, and lets out what disclosure control allows.

The rule, beside that of ``evaluator/disclosure/control.py``, which each release has passed:

1. A submission takes part where its release shows the primary figure, and its predictions set no
   few cases apart for it. Of two whose predictions differ in few cases the later one takes no part.
2. Two submissions are compared at a level that both releases show with its figure. Where their
   predictions differ in few cases of one level, the whole attribute goes.
3. A difference has no more decimals than its own standard error supports, and no more than the
   figures that it is of; bounds are rounded outward, p-values up, the share of replicates in first
   place to one decimal. Ranks and tiers are whole.
4. Differences are given for the first rows of a board alone, since their number grows with its
   square.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from evaluator.comparing.alike import Scales, few_called_otherwise, few_differ, scales
from evaluator.comparing.comparison import (
    ALIKE,
    NO_FIGURE,
    SETS_APART,
    TOO_FEW,
    ComparedEntry,
    ComparedPair,
    NotCompared,
)
from evaluator.comparing.statistics import Gap, Place, Submitted, ranked
from evaluator.disclosure.control import Release
from evaluator.disclosure.probing import SetApart, depends_on_threshold
from evaluator.disclosure.rounding import decimals, outward, plain
from evaluator.disclosure.rule import Disclosure
from evaluator.disclosure.suppression import JOINT
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate, UndefinedMetric
from metrics.figure_name import FigureName
from metrics.resampling import bootstrap

MOST_PAIRED = 100
"""Rows, from the first, whose differences are given."""
MOST_BY_LEVEL = 30
"""Rows, from the first, whose differences are given for each level too."""

Group = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row of the board: its release, its scores (cases,), and where these set cases apart.

    ``entered`` orders submissions by their first release.
    """

    release: Release
    scores: NDArray[np.float64]
    apart: SetApart
    looks: int
    baseline: bool
    entered: int

    @property
    def name(self) -> str:
        """The submission's id."""
        return self.release.submission_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Labels, patients and levels of a cohort, each (cases,)."""

    labels: NDArray[np.bool_]
    patients: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.str_]]

    def inside(self, group: Group) -> NDArray[np.bool_]:
        """The cases of a group."""
        attribute, level = group
        if group == OVERALL:
            return np.ones(self.labels.size, dtype=np.bool_)
        columns = (self.attributes[name] for name in attribute.split(JOINT))
        return np.array([JOINT.join(row) == level for row in zip(*columns, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How rows are compared: the figure, the draws and the disclosure rule."""

    figure: str
    confidence: float
    replicates: int
    seed: int
    rule: Disclosure


@dataclass(frozen=True, slots=True)
class Found:
    """What may be shown: rows, pairs, and the rows that took no part."""

    entries: tuple[ComparedEntry, ...]
    pairs: tuple[ComparedPair, ...]
    others: tuple[NotCompared, ...]


def compared(rows: Sequence[Candidate], cases: Cases, terms: Terms) -> Found:
    """Compare the rows of a board, best first, by the rule that heads this module."""
    taking, others = _taking_part(rows, terms)
    if not taking:
        return Found((), (), others)
    submitted = {each.name: _submitted(each) for each in taking}
    try:
        places, gaps = _ranked(submitted, cases, OVERALL, terms)
    except UndefinedMetric:
        none = (NotCompared(submission_id=each.name, reason=TOO_FEW) for each in taking)
        return Found((), (), (*others, *none))
    entries = [_entry(each, places[each.name], terms) for each in taking]
    by_name = {each.name: each for each in taking}
    paired = {each.name for each in taking[:MOST_PAIRED]}
    pairs = [
        pair
        for pair in _adjusted([(OVERALL, gap) for gap in gaps], by_name, terms)
        if {pair.first, pair.second} <= paired
    ]
    pairs += _adjusted(list(_by_level(taking[:MOST_BY_LEVEL], cases, terms)), by_name, terms)
    return Found(tuple(entries), tuple(pairs), others)


def _taking_part(
    rows: Sequence[Candidate], terms: Terms
) -> tuple[list[Candidate], tuple[NotCompared, ...]]:
    """The rows that take part, and why others do not."""
    figure = FigureName.read(terms.figure)
    refused: dict[str, str] = {}
    kept: list[tuple[Candidate, Scales]] = []
    for each in sorted(rows, key=lambda each: each.entered):
        if not _shows(each.release, OVERALL, terms.figure):
            refused[each.name] = NO_FIGURE
        elif each.apart.forbids(figure, OVERALL[0]):
            refused[each.name] = SETS_APART
        else:
            mine = scales(each.scores, figure)
            earlier = ((other, theirs) for other, theirs in kept)
            if any(
                few_differ(mine, theirs, terms.rule.minimum_cell)
                or _few_called_otherwise(each, other, None, terms)
                for other, theirs in earlier
            ):
                refused[each.name] = ALIKE
            else:
                kept.append((each, mine))
    others = tuple(NotCompared(submission_id=name, reason=why) for name, why in refused.items())
    return [each for each in rows if each.name not in refused], others


def _by_level(rows: Sequence[Candidate], cases: Cases, terms: Terms) -> Iterator[tuple[Group, Gap]]:
    """The difference of each pair of rows at each level that both releases show."""
    shown = {each.name: _levels(each, terms) for each in rows}
    groups = sorted(set().union(*shown.values()))
    masks = {group: cases.inside(group) for group in groups}
    closed = _too_alike(rows, shown, masks, terms)
    for group in groups:
        submitted = {
            each.name: _submitted(each, masks[group]) for each in rows if group in shown[each.name]
        }
        if len(submitted) < 2:
            continue
        try:
            _, gaps = _ranked(submitted, cases, group, terms, mask=masks[group])
        except UndefinedMetric:
            continue
        for gap in gaps:
            if (frozenset((gap.first, gap.second)), group[0]) not in closed:
                yield group, gap


def _levels(candidate: Candidate, terms: Terms) -> set[Group]:
    """The levels that a release shows with its figure, and that its predictions set nobody apart
    in."""
    figure = FigureName.read(terms.figure)
    return {
        result.group
        for result in candidate.release.results
        if result.figure == figure
        and result.group != OVERALL
        and result.estimate.value is not None
        and not candidate.apart.forbids(figure, result.attribute)
    }


def _too_alike(
    rows: Sequence[Candidate],
    shown: Mapping[str, set[Group]],
    masks: Mapping[Group, NDArray[np.bool_]],
    terms: Terms,
) -> set[tuple[frozenset[str], str]]:
    """Pairs of rows and attributes in one level of which few predictions differ."""
    figure, minimum = FigureName.read(terms.figure), terms.rule.minimum_cell
    found = set()
    for group, mask in masks.items():
        here = [each for each in rows if group in shown[each.name]]
        weighed = {each.name: scales(each.scores[mask], figure) for each in here}
        for a, b in combinations(here, 2):
            few = few_differ(weighed[a.name], weighed[b.name], minimum)
            if few or _few_called_otherwise(a, b, mask, terms):
                found.add((frozenset((a.name, b.name)), group[0]))
    return found


def _few_called_otherwise(
    a: Candidate, b: Candidate, mask: NDArray[np.bool_] | None, terms: Terms
) -> bool:
    if not depends_on_threshold(FigureName.read(terms.figure)):
        return False
    sides = [
        (each.scores if mask is None else each.scores[mask], each.release.threshold)
        for each in (a, b)
    ]
    return few_called_otherwise(sides[0], sides[1], terms.rule.minimum_cell)


def _ranked(
    submitted: Mapping[str, Submitted],
    cases: Cases,
    group: Group,
    terms: Terms,
    mask: NDArray[np.bool_] | None = None,
) -> tuple[Mapping[str, Place], tuple[Gap, ...]]:
    inside = cases.inside(group) if mask is None else mask
    return ranked(
        cases.labels[inside],
        submitted,
        cases.patients[inside],
        terms.figure,
        replicates=terms.replicates,
        seed=terms.seed,
        confidence=terms.confidence,
    )


def _submitted(each: Candidate, mask: NDArray[np.bool_] | None = None) -> Submitted:
    scores = each.scores if mask is None else each.scores[mask]
    return Submitted(scores, each.release.threshold, each.release.team, each.looks)


def _entry(each: Candidate, place: Place, terms: Terms) -> ComparedEntry:
    estimate = _estimate(each.release, OVERALL, terms.figure)
    value = estimate.value
    assert value is not None  # it takes part
    digits = _digits(estimate, terms)
    low, high = place.corrected if place.corrected and each.looks > 1 else (None, None)
    return ComparedEntry(
        submission_id=each.name,
        team=each.release.team,
        model=each.release.model,
        baseline=each.baseline,
        value=value,
        low=estimate.low,
        high=estimate.high,
        rank_low=place.rank_low,
        rank_high=place.rank_high,
        tier=place.tier,
        first_share=plain(round(place.first_share, 1)),
        looks=each.looks,
        corrected_low=outward(low, digits, math.floor),
        corrected_high=outward(high, digits, math.ceil),
    )


def _adjusted(
    found: Sequence[tuple[Group, Gap]], rows: Mapping[str, Candidate], terms: Terms
) -> list[ComparedPair]:
    """The differences rounded, their p-values adjusted over all that are given."""
    if not found:
        return []
    adjusted = bootstrap.holm(np.array([gap.p_value for _, gap in found])).tolist()
    return [
        _pair(group, gap, p, rows, terms) for (group, gap), p in zip(found, adjusted, strict=True)
    ]


def _pair(
    group: Group, gap: Gap, adjusted: float, rows: Mapping[str, Candidate], terms: Terms
) -> ComparedPair:
    figures = [
        _estimate(rows[name].release, group, terms.figure) for name in (gap.first, gap.second)
    ]
    digits = min(
        decimals(
            gap.low,
            gap.high,
            figures[0].n_cases,
            confidence=terms.confidence,
            most=terms.rule.maximum_digits,
        ),
        max(_digits(each, terms) for each in figures),
    )
    p = outward(adjusted, max(terms.rule.maximum_digits, 3), math.ceil)
    low, high = outward(gap.low, digits, math.floor), outward(gap.high, digits, math.ceil)
    assert p is not None
    assert low is not None
    assert high is not None
    return ComparedPair(
        first=gap.first,
        second=gap.second,
        attribute=group[0],
        level=group[1],
        difference=plain(round(gap.value, digits)),
        low=low,
        high=high,
        adjusted_p=p,
    )


def _digits(estimate: Estimate, terms: Terms) -> int:
    """Decimals that a released figure has."""
    return decimals(
        estimate.low,
        estimate.high,
        estimate.n_cases,
        confidence=terms.confidence,
        most=terms.rule.maximum_digits,
    )


def _shows(release: Release, group: Group, figure: str) -> bool:
    found = release.find(figure, *group)
    return found is not None and found.value is not None


def _estimate(release: Release, group: Group, figure: str) -> Estimate:
    found = release.find(figure, *group)
    assert found is not None  # what is not shown takes no part
    return found
