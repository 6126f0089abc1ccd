"""The submissions of a board that have the figure: values, intervals and shared replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from metrics.all_figures import Choices, estimates_of
from metrics.arrays import Bools, Floats, Ints
from metrics.comparison.rankable import Rankable, Scored, rankable, replicated
from metrics.edges import called
from metrics.estimate import Estimate, UndefinedMetric
from metrics.figure_name import AT_SENSITIVITY, AT_SPECIFICITY, PARTIAL_AUROC
from metrics.group import FIXED_PREVALENCE, Group, everyone
from metrics.resampling import bootstrap
from metrics.resampling import replicates as resampling


@dataclass(frozen=True, slots=True)
class Cases:
    """Labels and patients of the cases that every submission scored, and how they were sampled.

    ``y`` (cases,); ``patient`` (cases,) numbers 0..n_patients-1.
    """

    y: Bools
    patient: Ints
    n_patients: int
    design: str

    @property
    def prevalence(self) -> float:
        """Share of positive cases."""
        return float(np.count_nonzero(self.y)) / max(1, self.y.size)


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission's cases, what its figure is computed with, and the figure."""

    figure: Rankable
    group: Group
    choices: Choices
    estimate: Estimate

    def at(self, confidence: float) -> Estimate:
        """The figure with its interval at another confidence."""
        return _estimate(self.figure, self.group, self.choices, confidence)


@dataclass(frozen=True, slots=True)
class Entries:
    """The submissions that have the figure, and why the others do not.

    ``scored`` holds their scores (submissions, cases); ``value`` (submissions,); ``replicates``
    (submissions, replicates), the mean of the others where one is undefined.
    """

    figure: Rankable
    cases: Cases
    by_name: Mapping[str, Entry]
    undefined: Mapping[str, str]
    scored: Scored
    value: Floats
    replicates: Floats

    @property
    def sign(self) -> float:
        """1 where a higher figure is better, -1 where a lower one is."""
        return self.figure.sign

    @property
    def calls(self) -> Bools:
        """What each submission calls positive, (submissions, cases)."""
        pairs = zip(self.scored.scores, self.scored.thresholds, strict=True)
        return np.stack([called(s, t) for s, t in pairs])


def entries(
    cases: Cases,
    scores: Mapping[str, Floats],
    thresholds: Mapping[str, float | None],
    figure: str,
    choices: Choices,
    *,
    replicates: int,
    seed: int,
) -> Entries:
    """Compute a figure, its interval and its replicates for every submission that has it.

    ``scores`` (cases,) and ``thresholds`` by the name of the submission. Undefined where no
    submission has the figure.
    """
    wanted = rankable(figure, cases.prevalence)
    found: dict[str, Entry] = {}
    undefined: dict[str, str] = {}
    for name, s in scores.items():
        group = everyone(cases.y, s, cases.patient, cases.n_patients, cases.design)
        mine = _choices(wanted, choices, cases, thresholds[name])
        estimate = _estimate(wanted, group, mine, choices.confidence)
        if estimate.undefined is None:
            found[name] = Entry(wanted, group, mine, estimate)
        else:
            undefined[name] = estimate.undefined
    _some(found, undefined)
    stratified = cases.design == FIXED_PREVALENCE
    scored = Scored(
        cases.y,
        np.stack([scores[name] for name in found]),
        np.array([thresholds[name] for name in found], dtype=np.float64),  # None: not a number
        resampling.units(cases.y, cases.patient, cases.n_patients, stratified=stratified),
        choices.ece_bins,
    )
    drawn = replicated(wanted, scored, replicates=replicates, seed=seed)
    steady = _filled(list(found), drawn, undefined)
    found = {name: entry for name, entry in found.items() if name not in undefined}
    _some(found, undefined)
    scored = replace(scored, scores=scored.scores[steady], thresholds=scored.thresholds[steady])
    value = np.array([entry.estimate.value for entry in found.values()], dtype=np.float64)
    return Entries(wanted, cases, found, undefined, scored, value, drawn[steady])


def _estimate(figure: Rankable, group: Group, choices: Choices, confidence: float) -> Estimate:
    if choices.threshold is None and figure.of_calls:
        return group.undefined(f"{figure.name} needs a threshold, and the submission has none")
    return estimates_of([figure.name], group, choices, [confidence])[0][figure.name]


def _choices(figure: Rankable, report: Choices, cases: Cases, threshold: float | None) -> Choices:
    """The report's choices, with the values that the figure is read at."""
    return replace(
        report,
        threshold=threshold,
        cohort_prevalence=cases.prevalence,
        specificities=figure.at if figure.base == AT_SPECIFICITY else (),
        sensitivities=figure.at if figure.base == AT_SENSITIVITY else (),
        partial_auroc=(figure.at[0], figure.at[1]) if figure.base == PARTIAL_AUROC else None,
        prevalences=figure.at if figure.prevalence is not None else (),
        smooth_calibration=False,
    )


def _some(found: Mapping[str, Entry], undefined: Mapping[str, str]) -> None:
    if not found:
        name, reason = next(iter(undefined.items()))
        raise UndefinedMetric(f"no submission has the figure; of {name}: {reason}")


def _filled(names: Sequence[str], drawn: Floats, undefined: dict[str, str]) -> Ints:
    """Put the mean where a replicate is undefined; places of those with few such replicates."""
    kept = []
    for place, name in enumerate(names):
        missing = ~np.isfinite(drawn[place])
        try:
            bootstrap.spread_of(drawn[place])
        except UndefinedMetric as reason:
            undefined[name] = str(reason)
            continue
        if missing.any():
            drawn[place, missing] = drawn[place, ~missing].mean()
        kept.append(place)
    return np.array(kept, dtype=np.int64)
