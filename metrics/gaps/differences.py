"""Differences of a figure between the levels of one attribute, with their bounds.

A gap's interval is made of the levels' own intervals (MOVER), so it allows for a rate of 1 in
twenty cases that is 0.85 in truth. The intervals of an attribute's differences hold together. The
interval of a figure's range over the levels, "max - min", reaches from the difference that some
pair must have to the largest that some pair may have. Whether a declared gap is more than chance is
for ``tests`` and ``means`` to say; what was not declared is described here, and carries no p-value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from metrics import arrays
from metrics.all_figures import Choices, estimates_of, influence_of
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import Group
from metrics.intervals import mover
from metrics.intervals.mover import Part

MAX_MIN = "max - min"
MIN_MAX = "min / max"
WITHOUT = " without "
"""Before the name of a level that a range leaves out."""

ALWAYS = (
    "auroc",
    "observed_minus_expected",
    "calibration_in_the_large",
    "calibration_slope",
    "brier",
    "brier_at_cohort_prevalence",
)
AT_THRESHOLD = (
    "sensitivity",
    "specificity",
    "false_positive_rate",
    "false_negative_rate",
    "ppv",
    "ppv_at_cohort_prevalence",
    "selection_rate",
    "selection_rate_at_cohort_prevalence",
)
"""Figures that groups are compared by; a binned calibration error is none of them.

Its bias depends on the group's size, so that groups of unequal size differ where none does.
"""
MIXED = ("ppv", "selection_rate", "brier")
"""They differ between groups of unequal prevalence even where both classes are treated alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A level of an attribute that has data enough; ``patients`` are numbers of the cohort's."""

    name: str
    group: Group
    patients: Ints
    reported: bool = True


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between groups; ``level`` is "max - min" or "<level> - <reference>"."""

    metric: str
    level: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class _Of:
    """One figure in every level where it is defined, with intervals at two confidences.

    ``to_reference`` are for the differences to the reference, ``all_pairs`` for the range.
    ``joined`` gives the cases of several levels.
    """

    levels: Sequence[Level]
    to_reference: Sequence[Part]
    all_pairs: Sequence[Part]
    correlations: Floats
    joined: Callable[..., Group]

    def differences(self, parts: Sequence[Part]) -> tuple[Floats, Floats, Floats]:
        """Each level less each other: value, low and high, (levels, levels)."""
        return mover.differences(parts, self.correlations)


def gaps(
    levels: Sequence[Level], n_levels: int, reference: str | None, choices: Choices
) -> list[Gap]:
    """Every gap of one attribute: each level against the reference, and the range.

    ``levels`` are those with data enough, of ``n_levels``. The reference is the level with most
    patients where ``reference`` is None or has no data, never one that stands for "not reported".
    Ranges are given with and without such a level. Differences and ranges have intervals that hold
    together with ``choices.confidence`` (Bonferroni). Formula: a range's ends are the largest lower
    and the largest upper end of any pair's difference. Source: Zou & Donner 2008 for a pair.
    """
    if len(levels) < 2:
        return []
    base = _reference(levels, reference)
    metrics = (*ALWAYS, *(AT_THRESHOLD if choices.threshold is not None else ()))
    confidences = _simultaneous(choices.confidence, len(levels))
    narrow, wide = zip(
        *(estimates_of(metrics, level.group, choices, confidences) for level in levels),
        strict=True,
    )

    def influence(metric: str, place: int) -> Floats | None:
        return influence_of(metric, levels[place].group, choices)

    differences, estimates = _between(metrics, levels, n_levels, base, narrow, wide, influence)
    return differences + _named(estimates, base, n_levels)


def figure_gaps(
    levels: Sequence[Level],
    n_levels: int,
    reference: str | None,
    confidence: float,
    figures: Callable[[int, float], Mapping[str, Estimate]],
    influences: Callable[[int], Mapping[str, Floats]],
) -> list[Gap]:
    """Gaps of figures of any kind, as ``gaps`` makes them of the figures of a binary task.

    ``figures`` gives those of a level, by its place in ``levels``, at a confidence; ``influences``
    how far each case (cases,) of a level moves a figure, for patients with cases in two levels. A
    figure without influences is taken as independent between levels, which makes its intervals
    wider. Source: Zou & Donner 2008.
    """
    if len(levels) < 2:
        return []
    confidences = _simultaneous(confidence, len(levels))
    narrow, wide = ([figures(i, each) for i in range(len(levels))] for each in confidences)
    moved = lru_cache(maxsize=None)(influences)
    base = _reference(levels, reference)
    return _between(
        tuple(narrow[0]),
        levels,
        n_levels,
        base,
        narrow,
        wide,
        lambda metric, place: moved(place).get(metric),
    )[0]


def _simultaneous(confidence: float, n: int) -> tuple[float, float]:
    """Confidence of each of n - 1 differences, and of each pair, that hold together."""
    missed = 1.0 - confidence
    return 1.0 - missed / (n - 1), 1.0 - missed / (n * (n - 1) // 2)


_Influence = Callable[[str, int], "Floats | None"]
"""How far each case of a level, by its place, moves a figure; None where that is not known."""


def _between(
    metrics: Sequence[str],
    levels: Sequence[Level],
    n_levels: int,
    base: Level | None,
    narrow: Sequence[Mapping[str, Estimate]],
    wide: Sequence[Mapping[str, Estimate]],
    influence: _Influence,
) -> tuple[list[Gap], dict[str, _Of]]:
    """Differences and ranges of each figure, and the figures in every level that has them."""
    shared = _share_patients(levels)
    joined = lru_cache(maxsize=None)(_joined)  # the same few levels for every figure
    differences: list[Gap] = []
    estimates: dict[str, _Of] = {}
    for metric in metrics:
        try:
            known = influence if shared else None
            estimates[metric] = _in_levels(metric, levels, narrow, wide, joined, known)
        except UndefinedMetric as reason:
            differences.append(
                Gap(f"{metric}_gap", MAX_MIN, joined(*levels).undefined(str(reason)))
            )
            continue
        differences += _differences(metric, estimates[metric], base)
        differences += _ranges(f"{metric}_gap", [estimates[metric]], n_levels, _range)
    return differences, estimates


def _reference(levels: Sequence[Level], named: str | None) -> Level | None:
    """The level that others are compared with; None where no level is a reported one."""
    candidates = [level for level in levels if level.reported]
    chosen = [level for level in candidates if level.name == named] or candidates
    return max(chosen, key=lambda level: level.group.n_patients, default=None)


def _in_levels(
    metric: str,
    levels: Sequence[Level],
    narrow: Sequence[Mapping[str, Estimate]],
    wide: Sequence[Mapping[str, Estimate]],
    joined: Callable[..., Group],
    influence: _Influence | None,
) -> _Of:
    """The figure wherever it is defined; raises where fewer than two levels have it.

    ``influence`` None where no patient has cases in two levels.
    """
    numbers = [i for i, estimates in enumerate(narrow) if estimates[metric].low is not None]
    if len(numbers) < 2:
        reasons = [estimates[metric].undefined or estimates[metric].method for estimates in narrow]
        raise UndefinedMetric(f"fewer than two levels have the figure: {max(reasons)}")
    have = [levels[i] for i in numbers]
    return _Of(
        have,
        [_part(narrow[i][metric]) for i in numbers],
        [_part(wide[i][metric]) for i in numbers],
        np.eye(len(have))
        if influence is None
        else _correlations(have, [influence(metric, i) for i in numbers]),
        joined,
    )


def _share_patients(levels: Sequence[Level]) -> bool:
    """Whether some patient has cases in two levels, as where a view is the attribute."""
    everybody = np.concatenate([level.patients for level in levels])
    return sum(level.group.n_patients for level in levels) > arrays.renumbered(everybody)[1]


def _part(estimate: Estimate) -> Part:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        raise UndefinedMetric(f"the level has no interval: {estimate.undefined}")
    return Part(estimate.value, estimate.low, estimate.high)


def _correlations(levels: Sequence[Level], influences: Sequence[Floats | None]) -> Floats:
    """Correlation of the figure between levels, through patients they share, (levels, levels)."""
    n = len(levels)
    correlations = np.eye(n)
    k = 1 + max(int(level.patients.max()) for level in levels)
    sums = [
        np.bincount(level.patients, influence, k)
        for level, influence in zip(levels, influences, strict=True)
        if influence is not None
    ]
    if len(sums) < n:
        return correlations  # taken as independent, which makes the differences' intervals wider
    moved: Floats = np.stack(sums).astype(np.float64)
    covariance = moved @ moved.T
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    return np.divide(covariance, spread, out=correlations, where=spread > 0)


def _differences(metric: str, of: _Of, base: Level | None) -> list[Gap]:
    if base is None or base not in of.levels:
        return []
    place = of.levels.index(base)
    value, low, high = (ends[:, place].tolist() for ends in of.differences(of.to_reference))
    n = len(of.levels) - 1
    method = f"from the levels' intervals (MOVER), simultaneous over {n} difference{'s' * (n > 1)}"
    return [
        Gap(
            f"{metric}_gap",
            f"{level.name} - {base.name}",
            of.joined(level, base).estimate(value[i], (low[i], high[i]), method),
        )
        for i, level in enumerate(of.levels)
        if i != place
    ]


_Form = Callable[[_Of, Sequence[int]], Part]


def _ranges(
    name: str,
    figures: Sequence[_Of],
    n_levels: int,
    form: _Form,
    worst: Callable[[Sequence[Part]], Part] | None = None,
    ends: str = MAX_MIN,
) -> list[Gap]:
    """A range over all levels, and over those that are reported where some are not."""
    levels = [level for level in figures[0].levels if all(level in f.levels for f in figures)]
    unreported = [level.name for level in levels if not level.reported]
    chosen = [(ends, levels)]
    if unreported:
        reported = [level for level in levels if level.reported]
        chosen.append((f"{ends}{WITHOUT}{' and '.join(unreported)}", reported))
    ranges = []
    for label, reported in chosen:
        if len(reported) < 2:
            continue
        parts = [form(f, [f.levels.index(level) for level in reported]) for f in figures]
        part = parts[0] if worst is None else worst(parts)
        n_asked = n_levels - (len(levels) - len(reported))
        method = (
            "from the levels' intervals (MOVER), simultaneous over all pairs"
            f"{' of each rate' if worst else ''}; levels: {len(reported)} of {n_asked}"
        )
        if not np.isfinite(part.value):
            ranges.append(
                Gap(
                    name,
                    label,
                    figures[0]
                    .joined(*reported)
                    .undefined("the ratio is undefined: no group has a call"),
                )
            )
            continue
        ranges.append(
            Gap(name, label, figures[0].joined(*reported).estimate(part.value, part.bounds, method))
        )
    return ranges


def _range(of: _Of, places: Sequence[int]) -> Part:
    """Largest less smallest: from what some pair must differ by to what one may."""
    value, low, high = (
        float(ends[np.ix_(places, places)].max()) for ends in of.differences(of.all_pairs)
    )
    return Part(value, min(max(low, 0.0), value), high)


def _ratio(of: _Of, places: Sequence[int]) -> Part:
    """Smallest by largest: from the least ratio of a pair to the most that all may have."""
    values = np.array([of.all_pairs[i].value for i in places])
    if not values.max() > 0:
        return Part(np.nan, np.nan, np.nan)
    value = float(values.min() / values.max())
    low, high = value, 1.0
    for i, j in combinations(places, 2):
        for a, b in ((i, j), (j, i)):
            r = float(of.correlations[a, b])
            try:
                pair = mover.ratio(of.all_pairs[a], of.all_pairs[b], r)
            except UndefinedMetric:
                continue
            low, high = min(low, pair.low), min(high, max(pair.high, value))
    return Part(value, low, high)


def _named(estimates: dict[str, _Of], base: Level | None, n_levels: int) -> list[Gap]:
    """The named figures of fairness, from the rates that they are made of."""
    tpr, fpr, selected, ppv = (
        estimates.get(name)
        for name in ("sensitivity", "false_positive_rate", "selection_rate", "ppv")
    )
    ranges: list[Gap] = []
    if selected is not None:
        ranges += _ranges("demographic_parity_difference", [selected], n_levels, _range)
        ranges += _ranges("demographic_parity_ratio", [selected], n_levels, _ratio, ends=MIN_MAX)
    if ppv is not None:
        ranges += _ranges("predictive_parity_difference", [ppv], n_levels, _range)
    if tpr is None or fpr is None:
        return ranges
    ranges += _ranges("equal_opportunity_difference", [tpr], n_levels, _range)
    ranges += _ranges("equalized_odds_difference", [tpr, fpr], n_levels, _range, _largest)
    ranges += _ranges("equalized_odds_ratio", [tpr, fpr], n_levels, _ratio, _smallest, MIN_MAX)
    return ranges if base is None else ranges + _average_odds(tpr, fpr, base)


def _largest(parts: Sequence[Part]) -> Part:
    return Part(*(max(ends) for ends in zip(*map(_ends, parts), strict=True)))


def _smallest(parts: Sequence[Part]) -> Part:
    return Part(*(min(ends) for ends in zip(*map(_ends, parts), strict=True)))


def _ends(part: Part) -> tuple[float, float, float]:
    return part.value, part.low, part.high


def _average_odds(tpr: _Of, fpr: _Of, base: Level) -> list[Gap]:
    """Mean absolute difference of both rates from the reference."""
    differences = []
    both = [(of, of.differences(of.to_reference)) for of in (tpr, fpr)]
    for level in tpr.levels:
        if level is base or any(level not in of.levels or base not in of.levels for of, _ in both):
            continue
        value = low = high = 0.0
        for of, ends in both:
            places = of.levels.index(level), of.levels.index(base)
            difference, below, above = (float(end[places]) for end in ends)
            value += abs(difference) / 2.0
            low += max(0.0, below, -above) / 2.0
            high += max(-below, above) / 2.0
        joined = tpr.joined(level, base)
        estimate = joined.estimate(value, (low, high), "from the intervals of both differences")
        name = f"{level.name} - {base.name}"
        differences.append(Gap("average_absolute_odds_difference", name, estimate))
    return differences


def _joined(*levels: Level) -> Group:
    """The cases of several groups, for their counts; a patient may be in more than one."""
    y = np.concatenate([level.group.y for level in levels])
    patient = np.concatenate([level.patients for level in levels])
    number, n_patients = arrays.renumbered(patient)
    nobody = np.zeros(0, dtype=np.int64)
    return Group(y, np.empty(0), number, n_patients, nobody, nobody, fixed=False)
