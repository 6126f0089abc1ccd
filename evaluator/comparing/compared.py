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
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from evaluator.comparing.alike import few_differ
from evaluator.comparing.answers import OfKind, OneScore
from evaluator.comparison import (
    ALIKE,
    NO_FIGURE,
    SETS_APART,
    TOO_FEW,
    ComparedEntry,
    ComparedPair,
    NotCompared,
)
from evaluator.disclosure.control import Release
from evaluator.disclosure.rounding import decimals, outward, plain
from evaluator.disclosure.rule import Disclosure
from evaluator.disclosure.suppression import JOINT
from evaluator.probing.set_apart import SetApart
from evaluator.scoring.results import OVERALL
from evaluator.tasks.weighed import Weighed
from metrics.all_figures import Choices
from metrics.comparison.influences import ranked_by_influence
from metrics.comparison.ranking import Ranked, RankedPair, Standing, Submitted, ranked
from metrics.estimate import Estimate, UndefinedMetric
from metrics.figure_name import FigureName
from metrics.resampling import bootstrap

MOST_PAIRED = 100
"""Rows, from the first, whose differences are given."""
MOST_BY_LEVEL = 30
"""Rows, from the first, whose differences are given for each level too."""

_AT_COHORT = "_at_cohort_prevalence"
_FEW = 100
"""Replicates where nothing that is used comes of them."""

Group = tuple[str, str]
_Ends = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Found:
    """What may be shown: rows, pairs, and the rows that took no part."""

    entries: tuple[ComparedEntry, ...]
    pairs: tuple[ComparedPair, ...]
    others: tuple[NotCompared, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row of the board: its release, its answers, and where these set cases apart.

    ``entered`` orders submissions by their first release.
    """

    release: Release
    answers: OneScore | OfKind
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
    """How rows are compared: the figure and what it is computed with, the draws, the rule."""

    figure: str
    higher_is_better: bool
    confidence: float
    replicates: int
    seed: int
    design: str
    choices: Choices
    rule: Disclosure


def compared(rows: Sequence[Candidate], cases: Cases, terms: Terms) -> Found:
    """Compare the rows of a board, best first, by the rule that heads this module."""
    taking, others = _taking_part(rows, cases, terms)
    if not taking:
        return Found((), (), others)
    try:
        ranking = _ranked(taking, cases, terms, replicates=terms.replicates)
    except UndefinedMetric:
        none = (NotCompared(submission_id=each.name, reason=TOO_FEW) for each in taking)
        return Found((), (), (*others, *none))
    others += tuple(
        NotCompared(submission_id=name, reason=TOO_FEW) for name in sorted(ranking.undefined)
    )
    taking = [each for each in taking if each.name in ranking.standings]
    corrected = _corrected(taking, ranking, cases, terms)
    by_name = {each.name: each for each in taking}
    paired = {each.name for each in taking[:MOST_PAIRED]}
    overall = [
        (OVERALL, pair, pair.adjusted_p_value)
        for pair in ranking.pairs
        if pair.first in paired and pair.second in paired
    ]
    levels = list(_by_level(taking[:MOST_BY_LEVEL], cases, terms))
    adjusted = bootstrap.holm(np.array([pair.p_value for _, pair in levels])) if levels else ()
    by_level = [(*each, float(p)) for each, p in zip(levels, adjusted, strict=True)]
    rounded = (_pair(*each, by_name, terms) for each in (*overall, *by_level))
    pairs = tuple(pair for pair in rounded if pair is not None)
    entries = (
        _entry(each, ranking.standings[each.name], corrected[each.name], terms) for each in taking
    )
    return Found(tuple(entries), pairs, others)


def _corrected(
    taking: Sequence[Candidate], ranking: Ranked, cases: Cases, terms: Terms
) -> dict[str, _Ends]:
    """The interval of each row that is the best of several looks, corrected for the choice.

    A team's best row is corrected by how alike its rows are. The team's other rows are each the
    best of a model: they are corrected as if all looks of the team were of that model.
    """
    ends: dict[str, _Ends] = {}
    for each in taking:
        standing = ranking.standings[each.name]
        ends[each.name] = standing.corrected_low, standing.corrected_high
    left = [each for each in taking if each.looks > 1 and ends[each.name] == (None, None)]
    if left:
        alone = _ranked(left, cases, terms, replicates=_FEW, teams=False)
        for name, standing in alone.standings.items():
            ends[name] = standing.corrected_low, standing.corrected_high
    return ends


def _taking_part(
    rows: Sequence[Candidate], cases: Cases, terms: Terms
) -> tuple[list[Candidate], tuple[NotCompared, ...]]:
    """The rows that take part, and why others do not."""
    figure = FigureName.read(terms.figure)
    refused: dict[str, str] = {}
    unlike: list[tuple[Candidate, Weighed]] = []
    everyone = cases.inside(OVERALL)
    for each in sorted(rows, key=lambda each: each.entered):
        if not _shows(each.release, OVERALL, terms.figure):
            refused[each.name] = NO_FIGURE
        elif each.apart.forbids(figure, OVERALL[0]):
            refused[each.name] = SETS_APART
        else:
            mine = each.answers.weighed(everyone)
            earlier = ((other, theirs) for other, theirs in unlike)
            if any(
                few_differ(mine, theirs, terms.rule.minimum_cell)
                or _few_called_otherwise(each, other, everyone, terms)
                for other, theirs in earlier
            ):
                refused[each.name] = ALIKE
            else:
                unlike.append((each, mine))
    others = tuple(NotCompared(submission_id=name, reason=why) for name, why in refused.items())
    return [each for each in rows if each.name not in refused], others


def _by_level(
    rows: Sequence[Candidate], cases: Cases, terms: Terms
) -> Iterator[tuple[Group, RankedPair]]:
    """The difference of each pair of rows at each level that both releases show."""
    shown = {each.name: _levels(each, terms) for each in rows}
    groups = sorted(set().union(*shown.values()))
    masks = {group: cases.inside(group) for group in groups}
    closed = _too_alike(rows, shown, masks, terms)
    by_replicates = any(isinstance(each.answers, OneScore) for each in rows)
    replicates = terms.replicates if by_replicates and terms.figure != "auroc" else _FEW
    of_level = replace(terms, figure=_at_prevalence(terms.figure, cases.labels))
    for group in groups:
        showing = [each for each in rows if group in shown[each.name]]
        if len(showing) < 2:
            continue
        try:
            ranking = _ranked(showing, cases, of_level, replicates=replicates, mask=masks[group])
        except UndefinedMetric:
            continue
        for pair in ranking.pairs:
            if (frozenset((pair.first, pair.second)), group[0]) not in closed:
                yield group, pair


def _at_prevalence(figure: str, labels: NDArray[np.bool_]) -> str:
    """A figure at the prevalence of the cohort by its value, so that a level has the same one."""
    plain_name = figure.removesuffix(_AT_COHORT)
    if plain_name == figure:
        return figure
    return f"{plain_name}_at_prevalence_{labels.mean():g}"


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
    """Pairs of rows, and attributes that have a level in which few of their predictions differ."""
    minimum = terms.rule.minimum_cell
    pairs = set()
    for group, mask in masks.items():
        showing = [each for each in rows if group in shown[each.name]]
        weighed = {each.name: each.answers.weighed(mask) for each in showing}
        for a, b in combinations(showing, 2):
            few = few_differ(weighed[a.name], weighed[b.name], minimum)
            if few or _few_called_otherwise(a, b, mask, terms):
                pairs.add((frozenset((a.name, b.name)), group[0]))
    return pairs


def _few_called_otherwise(
    a: Candidate, b: Candidate, mask: NDArray[np.bool_], terms: Terms
) -> bool:
    one, other = a.answers, b.answers
    if not isinstance(one, OneScore) or not isinstance(other, OneScore):
        return False
    return one.few_called_otherwise(other, mask, terms.rule.minimum_cell)


def _ranked(
    rows: Sequence[Candidate],
    cases: Cases,
    terms: Terms,
    *,
    replicates: int,
    mask: NDArray[np.bool_] | None = None,
    teams: bool = True,
) -> Ranked:
    inside = cases.inside(OVERALL) if mask is None else mask
    submitted, measured = {}, {}
    for each in rows:
        answers, team = each.answers, each.release.team.casefold() if teams else ""
        if isinstance(answers, OneScore):
            submitted[each.name] = Submitted(
                scores=answers.scores[inside],
                threshold=answers.threshold,
                team=team,
                best_of=each.looks,
            )
        else:
            measured[each.name] = answers.measured(inside, team=team, best_of=each.looks)
            group = answers.group(inside)
    if measured:
        return ranked_by_influence(
            group,
            measured,
            figure=terms.figure,
            higher_is_better=terms.higher_is_better,
            replicates=replicates,
            seed=terms.seed,
            confidence=terms.confidence,
        )
    return ranked(
        cases.labels[inside],
        submitted,
        cases.patients[inside],
        figure=terms.figure,
        replicates=replicates,
        seed=terms.seed,
        confidence=terms.confidence,
        design=terms.design,
        choices=terms.choices,
    )


def _entry(each: Candidate, place: Standing, corrected: _Ends, terms: Terms) -> ComparedEntry:
    estimate = _estimate(each.release, OVERALL, terms.figure)
    value = estimate.value
    assert value is not None  # it takes part
    digits = _digits(estimate, terms)
    low, high = corrected
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


def _pair(
    group: Group, gap: RankedPair, adjusted: float, rows: Mapping[str, Candidate], terms: Terms
) -> ComparedPair | None:
    """A difference as it may be shown; None where nothing bounds it."""
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
    if p is None or low is None or high is None:
        return None
    return ComparedPair(
        first=gap.first,
        second=gap.second,
        attribute=group[0],
        level=group[1],
        difference=plain(round(gap.difference, digits)),
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
    estimate = release.find(figure, *group)
    return estimate is not None and estimate.value is not None


def _estimate(release: Release, group: Group, figure: str) -> Estimate:
    estimate = release.find(figure, *group)
    assert estimate is not None  # what is not shown takes no part
    return estimate
