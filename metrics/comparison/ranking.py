"""Ranks the submissions of a board and says what the cohort can tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.all_figures import Choices
from metrics.arrays import Bools, Floats, Ints
from metrics.comparison import standings
from metrics.comparison.all_pairs import Pairs, delong_pairs, patients_apart, replicate_pairs
from metrics.comparison.entries import Cases, Entries, entries
from metrics.comparison.selection import Tails, correlation_of, tails_of_best
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import FIXED_PREVALENCE
from metrics.intervals.no_variance import fewest_of_a_class
from metrics.resampling import bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What one submission gave: ``scores`` (cases,), its threshold, its team, the team's looks.

    ``best_of`` counts all looks of the team at this cohort, also those whose scores are not given.
    """

    scores: ArrayLike
    threshold: float | None = None
    team: str = ""
    best_of: int = 1


class OfTeam(Protocol):
    """Whose a submission is, and of how many looks it may be the best."""

    @property
    def team(self) -> str:
        """The team."""

    @property
    def best_of(self) -> int:
        """All looks of the team at this cohort."""


class HasFigure(Protocol):
    """One submission's figure at any confidence."""

    @property
    def estimate(self) -> Estimate:
        """The figure with its interval."""

    def at(self, confidence: float) -> Estimate:
        """The same with its interval at another confidence."""


class Board(Protocol):
    """What is ranked: the submissions that have a figure, and what they do in replicates."""

    @property
    def sign(self) -> float:
        """1 where a higher figure is better, -1 where a lower one is."""

    @property
    def by_name(self) -> Mapping[str, HasFigure]:
        """The submissions that have the figure."""

    @property
    def undefined(self) -> Mapping[str, str]:
        """Why the others have it not."""

    @property
    def value(self) -> Floats:
        """The figures (submissions,)."""

    @property
    def replicates(self) -> Floats:
        """The figures in each replicate (submissions, replicates)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one submission stands.

    ``low`` and ``high`` are the figure's own interval. ``rank`` is the observed one, equal figures
    sharing the better; ``rank_low`` to ``rank_high`` are the ranks that the cohort does not
    exclude. ``first_share`` is the share of resamples in first place. ``corrected_low`` and
    ``corrected_high`` are given for the best of several looks of its team (``best_of``): an
    interval that holds the true figure of the look that came out best.
    """

    team: str
    value: float
    low: float | None
    high: float | None
    method: str
    rank: int
    rank_low: int
    rank_high: int
    tier: int
    first_share: float
    best_of: int
    corrected_low: float | None
    corrected_high: float | None

    @property
    def width(self) -> float | None:
        """Width of the figure's own interval."""
        return _width(self.low, self.high)

    @property
    def corrected_width(self) -> float | None:
        """Width of the interval that allows for the selection."""
        return _width(self.corrected_low, self.corrected_high)


@dataclass(frozen=True, slots=True)
class RankedPair:
    """Figure of ``first`` less that of ``second``, its interval, and its p-values.

    ``adjusted_p_value`` is adjusted over all pairs of the board (Holm 1979). The bounds are None
    where the data do not show how far the difference can vary.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p_value: float
    adjusted_p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A board: standings from the best down, all pairs, and the submissions without the figure."""

    figure: str
    higher_is_better: bool
    confidence: float
    replicates: int
    seed: int
    method: str
    standings: Mapping[str, Standing]
    pairs: tuple[RankedPair, ...]
    undefined: Mapping[str, str]


def ranked(
    y: ArrayLike,
    submissions: Mapping[str, Submitted],
    patients: ArrayLike | None = None,
    *,
    figure: str = "auroc",
    replicates: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
    design: str = FIXED_PREVALENCE,
    choices: Choices | None = None,
) -> Ranked:
    """Rank submissions that scored the same cases by one figure.

    ``y`` (cases,) labels 0/1, ``patients`` (cases,) ids. ``design`` is the sampling design, of
    ``metrics.group``; ``choices`` are those of the report, so that values and intervals are the
    report's. Pairs: paired DeLong for the AUROC, over patients where they repeat; for any other
    figure the standard error of shared replicates (``replicate_pairs``); p-values adjusted over all
    pairs (Holm 1979). Tiers, rank intervals, shares of resamples in first place and the interval of
    a team's best are those of ``standings`` and ``selection``. Replicates depend on the labels, the
    patients and the seed alone; without patients the cases are numbered by label and scores, and
    no bit depends on the order of the rows. A submission whose figure is undefined is named in
    ``undefined`` and has no rank. Undefined without a submission, where no submission has the
    figure, and for figures that do not rank.
    """
    if not submissions:
        raise UndefinedMetric("a board needs a submission; got none")
    y_ = arrays.labels(y)
    scores = {name: arrays.scores(each.scores, y_.size) for name, each in submissions.items()}
    patient, n_patients = arrays.clusters(patients, y_.size)
    order = _order(y_, None if patients is None else patient, list(scores.values()))
    y_, scores = y_[order], {name: s[order] for name, s in scores.items()}
    patient = patient if patients is None else patient[order]
    board = entries(
        Cases(y_, patient, n_patients, design),
        scores,
        {name: each.threshold for name, each in submissions.items()},
        figure,
        replace(choices or Choices(), confidence=confidence),
        replicates=replicates,
        seed=seed,
    )
    return standing(board, submissions, _all_pairs(board, confidence), figure, confidence, seed)


def standing(
    board: Board,
    submissions: Mapping[str, OfTeam],
    pairs: Pairs,
    figure: str,
    confidence: float,
    seed: int,
) -> Ranked:
    """Standings of a board whose pairs were tested; see ``ranked``."""
    adjusted = bootstrap.holm(pairs.p_value)
    found = _standings(board, submissions, pairs, adjusted, confidence, seed)
    best_first = np.argsort(-board.sign * board.value, kind="stable").tolist()
    return Ranked(
        figure=figure,
        higher_is_better=board.sign > 0,
        confidence=confidence,
        replicates=board.replicates.shape[1],
        seed=seed,
        method=pairs.method,
        standings={list(found)[place]: list(found.values())[place] for place in best_first},
        pairs=_pairs(list(found), pairs, adjusted),
        undefined=board.undefined,
    )


def _all_pairs(board: Entries, confidence: float) -> Pairs:
    cases, scores = board.cases, board.scored.scores
    if board.figure.name == "auroc":
        return delong_pairs(cases.y, scores, cases.patient, cases.n_patients, confidence)
    coins = None
    if board.figure.of_calls:
        coins = patients_apart(board.calls, cases.patient, cases.n_patients)
    fewest = fewest_of_a_class(cases.y, cases.patient)
    return replicate_pairs(board.value, board.replicates, confidence, fewest, coins)


def _standings(
    board: Board,
    submissions: Mapping[str, OfTeam],
    pairs: Pairs,
    adjusted: Floats,
    confidence: float,
    seed: int,
) -> dict[str, Standing]:
    """Standing of each submission, in the order given."""
    worth, resampled = board.sign * board.value, board.sign * board.replicates
    corrected = _corrected(board, submissions, pairs, confidence, seed)
    low, high = standings.rank_intervals(worth, resampled, pairs, confidence)
    rank = standings.observed_ranks(worth)
    tier = standings.tiers(worth, pairs, adjusted, confidence)
    share = standings.first_shares(resampled)
    found = {}
    for place, (name, entry) in enumerate(board.by_name.items()):
        ends = corrected.get(name, (None, None))
        found[name] = Standing(
            team=submissions[name].team,
            value=float(board.value[place]),
            low=entry.estimate.low,
            high=entry.estimate.high,
            method=entry.estimate.method,
            rank=int(rank[place]),
            rank_low=int(low[place]),
            rank_high=int(high[place]),
            tier=int(tier[place]),
            first_share=float(share[place]),
            best_of=submissions[name].best_of,
            corrected_low=ends[0],
            corrected_high=ends[1],
        )
    return found


def _corrected(
    board: Board,
    submissions: Mapping[str, OfTeam],
    pairs: Pairs,
    confidence: float,
    seed: int,
) -> dict[str, tuple[float | None, float | None]]:
    """The interval of the best of each team that had several looks; equal ones each have it."""
    correlation = correlation_of(pairs.covariance)
    names = list(board.by_name)
    teams: dict[tuple[str, str], list[int]] = {}
    for place, name in enumerate(names):
        team = submissions[name].team
        teams.setdefault((team, "" if team else name), []).append(place)
    found: dict[str, tuple[float | None, float | None]] = {}
    for members in teams.values():
        looks = max(len(members), *(submissions[names[place]].best_of for place in members))
        worth = board.sign * board.value[members]
        of_team = correlation[np.ix_(members, members)]
        for best in np.flatnonzero(worth == worth.max()).tolist() if looks > 1 else ():
            tails = tails_of_best(of_team, best, looks, confidence, seed)
            name = names[members[best]]
            found[name] = _between(board.by_name[name], tails, board.sign)
    return found


def _between(entry: HasFigure, tails: Tails, sign: float) -> tuple[float | None, float | None]:
    """The interval whose ends miss as often as the tails say."""
    worse, better = entry.at(1.0 - 2.0 * tails.worse), entry.at(1.0 - 2.0 * tails.better)
    if sign > 0:
        return worse.low, better.high
    return better.low, worse.high


def _pairs(names: list[str], pairs: Pairs, adjusted: Floats) -> tuple[RankedPair, ...]:
    columns = (pairs.first, pairs.second, pairs.value, pairs.low, pairs.high, pairs.p_value)
    rows = zip(*(column.tolist() for column in (*columns, adjusted)), strict=True)
    return tuple(
        RankedPair(names[a], names[b], value, _known(low), _known(high), p, p_adjusted)
        for a, b, value, low, high, p, p_adjusted in rows
    )


def _known(bound: float) -> float | None:
    return None if bound != bound else bound


def _width(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else high - low


def _order(y: Bools, patient: Ints | None, scores: list[Floats]) -> Ints:
    """Order of the cases by what is known of them, so that no bit depends on the rows' order."""
    keys = [y] if patient is None else [y, patient]
    if patient is not None and np.unique(patient).size == y.size:
        return np.argsort(patient)
    return np.lexsort((*reversed(scores), *keys))
