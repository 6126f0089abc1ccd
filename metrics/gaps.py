"""Differences between the groups of one attribute, from replicates the groups share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from metrics import arrays, bootstrap, calibration, discrimination, fairness, operating_point
from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.intervals import normal_quantile
from metrics.report import Choices, Group
from metrics.sums import Sums

MAX_MIN = "max - min"


@dataclass(frozen=True, slots=True)
class Level:
    """One group of an attribute that has data enough: its cases, their patients, its replicates."""

    name: str
    group: Group
    patients: Ints
    sums: Sums


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between groups; ``level`` is "max - min" or "<level> - <reference>"."""

    metric: str
    level: str
    estimate: Estimate


_Figure = tuple[Callable[[Group, Choices], float], Callable[[Sums], Floats]]

ALWAYS: Mapping[str, _Figure] = {
    "auroc": (lambda g, _: discrimination.auroc(g.y, g.s), lambda r: r.auroc),
    "brier": (lambda g, _: calibration.brier(g.y, g.s), lambda r: r.brier),
    "ece": (lambda g, c: calibration.ece(g.y, g.s, c.ece_bins), lambda r: r.ece),
    "observed_minus_expected": (
        lambda g, _: calibration.observed_minus_expected(g.y, g.s),
        lambda r: r.observed_minus_expected,
    ),
}
"""Figure -> its value in a group, and in each replicate of it."""

AT_THRESHOLD: Mapping[str, _Figure] = {
    "sensitivity": (
        lambda g, c: operating_point.sensitivity(_table(g, c)),
        lambda r: operating_point.sensitivity(r.confusion),
    ),
    "specificity": (
        lambda g, c: operating_point.specificity(_table(g, c)),
        lambda r: operating_point.specificity(r.confusion),
    ),
    "ppv": (
        lambda g, c: operating_point.ppv(_table(g, c)),
        lambda r: operating_point.ppv(r.confusion),
    ),
    "false_positive_rate": (
        lambda g, c: operating_point.false_positive_rate(_table(g, c)),
        lambda r: operating_point.false_positive_rate(r.confusion),
    ),
    "selection_rate": (
        lambda g, c: operating_point.selection_rate(_table(g, c)),
        lambda r: operating_point.selection_rate(r.confusion),
    ),
}


def gaps(levels: Sequence[Level], reference: str | None, choices: Choices) -> list[Gap]:
    """Every gap of one attribute: max - min, and each level against ``reference``.

    The reference is the level with most patients where ``reference`` is None or has no data.
    Max - min gaps have an interval that allows for their bias and a p-value for "all groups are
    equal"; differences have intervals simultaneous over the attribute's levels and p-values to
    match.
    """
    if len(levels) < 2:
        return []
    names = [level.name for level in levels]
    counts = [level.group.n_patients for level in levels]
    base = names.index(reference) if reference in names else int(np.argmax(counts))
    made: list[Gap] = []
    figures = {**ALWAYS, **(AT_THRESHOLD if choices.threshold is not None else {})}
    values: dict[str, Floats] = {}
    drawn: dict[str, Floats] = {}
    for metric, (value, replicates) in figures.items():
        try:
            values[metric] = np.array([value(level.group, choices) for level in levels])
            drawn[metric] = np.stack([replicates(level.sums) for level in levels])
            made += _of_figure(metric, levels, base, values[metric], drawn[metric], choices)
        except UndefinedMetric as reason:
            undefined = _joined(levels).undefined(str(reason))
            made.append(Gap(f"{metric}_gap", MAX_MIN, undefined))
            values.pop(metric, None)
    if {"sensitivity", "false_positive_rate", "selection_rate"} <= values.keys():
        made += _named(levels, base, values, drawn, choices)
    return made


def adjust_over_attributes(found: Mapping[str, Sequence[Gap]]) -> dict[str, list[Gap]]:
    """Add Holm's p-value over the attributes to each figure's max - min p-value."""
    made = {attribute: list(gaps_) for attribute, gaps_ in found.items()}
    metrics = {gap.metric for gaps_ in found.values() for gap in gaps_ if _is_p(gap)}
    for metric in sorted(metrics):
        here = [(a, gap) for a, gaps_ in found.items() for gap in gaps_ if _is_p(gap, metric)]
        adjusted = bootstrap.holm(np.array([gap.estimate.value for _, gap in here], dtype=float))
        for (attribute, gap), p in zip(here, adjusted, strict=True):
            method = f"Holm over {len(here)} attributes; {gap.estimate.method}"
            estimate = replace(gap.estimate, value=float(p), method=method)
            made[attribute].append(Gap(f"{metric}_holm", MAX_MIN, estimate))
    return made


def _is_p(gap: Gap, metric: str | None = None) -> bool:
    named = gap.metric.endswith("_gap_p") if metric is None else gap.metric == metric
    return named and gap.level == MAX_MIN and gap.estimate.value is not None


def _of_figure(
    metric: str,
    levels: Sequence[Level],
    base: int,
    values: Floats,
    drawn: Floats,
    choices: Choices,
) -> list[Gap]:
    everyone = _joined(levels)
    gap = float(fairness.max_min_gap(values))
    null = fairness.max_min_gap(bootstrap.centred(drawn))
    estimate = _cautious(everyone, gap, fairness.max_min_gap(drawn), null, choices)
    p = everyone.estimate(
        bootstrap.null_p_value(null, gap),
        (None, None),
        "recentred bootstrap: all groups equal",
    )
    made = [Gap(f"{metric}_gap", MAX_MIN, estimate), Gap(f"{metric}_gap_p", MAX_MIN, p)]
    others = [i for i in range(len(levels)) if i != base]
    difference = values[others] - values[base]
    together = bootstrap.max_t(difference, drawn[others] - drawn[base], choices.confidence)
    method = f"max-T over {len(others)} differences, {drawn.shape[1]} replicates"
    for place, i in enumerate(others):
        pair = _joined([levels[i], levels[base]])
        name = f"{levels[i].name} - {levels[base].name}"
        low, high = float(together.low[place]), float(together.high[place])
        p_value = float(together.p_value[place])
        error = _error(drawn[i] - drawn[base])
        reach = (high - low) / 2.0 + normal_quantile(0.6) * error  # power 80 %: z = 0.84
        made += [
            Gap(
                f"{metric}_gap", name, pair.estimate(float(difference[place]), (low, high), method)
            ),
            Gap(f"{metric}_gap_p", name, pair.estimate(p_value, (None, None), method)),
            Gap(
                f"{metric}_gap_detectable",
                name,
                pair.estimate(reach, (None, None), "difference found with power 80 %, " + method),
            ),
        ]
    return made


_Form = Callable[..., Floats]


def _named(
    levels: Sequence[Level],
    base: int,
    values: Mapping[str, Floats],
    drawn: Mapping[str, Floats],
    choices: Choices,
) -> list[Gap]:
    tpr, fpr, selected = "sensitivity", "false_positive_rate", "selection_rate"
    everyone = _joined(levels)
    equal = {rate: bootstrap.centred(replicates) for rate, replicates in drawn.items()}

    def of(form: _Form, rates: tuple[str, ...], table: Mapping[str, Floats]) -> Floats:
        return form(*(table[rate] for rate in rates))

    differences: dict[str, tuple[_Form, tuple[str, ...]]] = {
        "demographic_parity_difference": (fairness.demographic_parity_difference, (selected,)),
        "equal_opportunity_difference": (fairness.equal_opportunity_difference, (tpr,)),
        "equalized_odds_difference": (fairness.equalized_odds_difference, (tpr, fpr)),
        "predictive_parity_difference": (fairness.predictive_parity_difference, ("ppv",)),
    }
    ratios: dict[str, tuple[_Form, tuple[str, ...]]] = {
        "demographic_parity_ratio": (fairness.demographic_parity_ratio, (selected,)),
        "equalized_odds_ratio": (fairness.equalized_odds_ratio, (tpr, fpr)),
    }
    made = []
    for name, (form, rates) in differences.items():
        if values.keys() >= set(rates):
            value, null = float(of(form, rates, values)), of(form, rates, equal)
            estimate = _cautious(everyone, value, of(form, rates, drawn), null, choices)
            made.append(Gap(name, MAX_MIN, estimate))
    for name, (form, rates) in ratios.items():
        value = float(of(form, rates, values))
        estimate = _cautious(everyone, value, of(form, rates, drawn), None, choices)
        made.append(Gap(name, "min / max", estimate))

    def odds(table: Mapping[str, Floats]) -> Floats:
        return fairness.average_absolute_odds_difference(table[tpr], table[fpr], base)

    found, replicates, nulls = odds(values), odds(drawn), odds(equal)
    for i, level in enumerate(levels):
        if i != base:
            pair = _joined([level, levels[base]])
            estimate = _cautious(pair, float(found[i]), replicates[i], nulls[i], choices)
            name = f"{level.name} - {levels[base].name}"
            made.append(Gap("average_absolute_odds_difference", name, estimate))
    return made


def _cautious(
    group: Group, value: float, replicates: Floats, null: Floats | None, choices: Choices
) -> Estimate:
    """Estimate of a figure in [0, 1] that noise moves one way."""
    if not np.isfinite(value):
        return group.undefined("the ratio is undefined: no group has a call")
    try:
        spread = bootstrap.spread_of(replicates)
    except UndefinedMetric as reason:
        return group.estimate(value, (None, None), str(reason))
    bounds = bootstrap.cautious(spread, value, choices.confidence, (0.0, 1.0), null)
    ends = "lower end basic, upper percentile"
    if null is None:
        ends = "lower end percentile, upper basic"
    method = f"bootstrap, {ends}, {replicates.size} replicates{spread.note}"
    return group.estimate(value, bounds, method)


def _error(replicates: Floats) -> float:
    kept = replicates[np.isfinite(replicates)]
    return float(kept.std(ddof=1)) if kept.size > 1 else 0.0


def _joined(levels: Sequence[Level]) -> Group:
    """The cases of several groups, for their counts; a patient may be in more than one."""
    y = np.concatenate([level.group.y for level in levels])
    patient = np.concatenate([level.patients for level in levels])
    return Group(y, np.empty(0), patient, arrays.renumbered(patient)[1])


def _table(group: Group, choices: Choices) -> operating_point.Confusion[float]:
    threshold = choices.threshold
    if threshold is None:
        raise UndefinedMetric("no threshold was declared")
    return operating_point.confusion(group.y, group.s, threshold)
