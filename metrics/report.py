"""Every figure of one group of cases, each with the interval that suits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from metrics import (
    bootstrap,
    calibration,
    calibration_curve,
    discrimination,
    rates,
    smooth,
)
from metrics.arrays import Floats
from metrics.delong import auroc_estimate, placements
from metrics.ece_interval import ece_interval
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import Group
from metrics.resampling import RocReplicates
from metrics.sums import Sums


@dataclass(frozen=True, slots=True)
class Choices:
    """What the figures of a report are computed with; ``threshold`` None leaves some out.

    ``no_calibration`` says why the scores of the whole cohort are no probabilities, where they are
    none. ``cohort_prevalence`` is the one at which groups are compared.
    """

    confidence: float = 0.95
    interval: str = "logit"
    ece_bins: int = 10
    threshold: float | None = None
    specificities: tuple[float, ...] = ()
    sensitivities: tuple[float, ...] = ()
    prevalences: tuple[float, ...] = ()
    partial_auroc: tuple[float, float] | None = None
    smooth_calibration: bool = True
    cohort_prevalence: float = 0.5
    no_calibration: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RocDraws:
    """ROC curves of the replicates, read at the points that a report needs."""

    at_specificity: RocReplicates | None = None
    at_sensitivity: RocReplicates | None = None
    at_partial: RocReplicates | None = None


def figures(
    group: Group, choices: Choices, sums: Sums | None, draws: RocDraws | None
) -> Iterator[tuple[str, Estimate]]:
    """Give each figure by name, in the order they are shown; undefined ones say why.

    ``sums`` and ``draws`` hold the group's replicates; None leaves resampled intervals out.
    """
    for name, make in _makers(choices, sums, draws or RocDraws()).items():
        yield name, _made(make, group)


def _made(make: _Maker, group: Group) -> Estimate:
    try:
        return make(group)
    except UndefinedMetric as reason:
        return group.undefined(str(reason))


def estimates_of(
    metrics: Sequence[str], group: Group, choices: Choices, confidences: Sequence[float]
) -> list[dict[str, Estimate]]:
    """Some figures of a group by name, at each confidence, of those that need no replicates."""
    found: list[dict[str, Estimate]] = [{} for _ in confidences]
    of = {} if choices.no_calibration else _smooth_figures(choices)
    for name in [name for name in metrics if name in of]:
        try:
            made = smooth.estimates(group, of[name](group), confidences)
        except UndefinedMetric as reason:
            made = [group.undefined(str(reason)) for _ in confidences]
        for estimates, estimate in zip(found, made, strict=True):
            estimates[name] = estimate
    for estimates, confidence in zip(found, confidences, strict=True):
        makers = _makers(replace(choices, confidence=confidence), None, RocDraws())
        for name in metrics:
            if name not in of:
                estimates[name] = _made(makers[name], group)
    return found


def _smooth_figures(choices: Choices) -> dict[str, Callable[[Group], smooth.Smooth]]:
    made = smooth.figures()
    made["brier_at_cohort_prevalence"] = partial(
        smooth.brier_at_prevalence, prevalence=choices.cohort_prevalence
    )
    return made


def influence_of(metric: str, group: Group, choices: Choices) -> Floats | None:
    """How far each case (cases,) moves a figure; None where the figure has no such form here."""
    if metric == "auroc":
        found = placements(group.y, group.s)
        moved = np.empty(group.y.size)
        moved[group.y] = (found.positive - found.auroc) / found.positive.size
        moved[~group.y] = (found.negative - found.auroc) / found.negative.size
        return moved
    of = _smooth_figures(choices)
    if metric in of:
        return of[metric](group).influence
    if choices.threshold is None:
        return None
    return rates.influence_of(metric, group, choices.threshold)


def names(choices: Choices) -> tuple[str, ...]:
    """The figures that a report with these choices has."""
    return tuple(_makers(choices, None, RocDraws()))


_Maker = Callable[[Group], Estimate]


def _makers(choices: Choices, sums: Sums | None, draws: RocDraws) -> dict[str, _Maker]:
    made: dict[str, _Maker] = {
        "auroc": partial(_auroc, choices=choices),
        "average_precision": lambda g: _resampled(
            g,
            discrimination.average_precision(g.y, g.s),
            None if sums is None else sums.average_precision,
            choices,
        ),
    }
    made.update(_declared_points(choices, draws))
    of_ranks = frozenset(made)
    for name, smooth_figure in _smooth_figures(choices).items():
        made[name] = lambda g, f=smooth_figure: smooth.estimate(g, f(g), choices.confidence)  # type: ignore[misc]
    made["ece"] = partial(_ece, choices=choices)
    if choices.smooth_calibration:
        made.update(_smooth())
    of_probabilities = [name for name in made if name not in of_ranks]
    if choices.threshold is not None:
        made.update(_operating_point(choices, choices.threshold))
        of_probabilities.append("net_benefit")
    if choices.no_calibration:
        made |= {name: _no_calibration(choices) for name in of_probabilities if name in made}
    return made


def _no_calibration(choices: Choices) -> _Maker:
    def refuse(_: Group) -> Estimate:
        raise UndefinedMetric(choices.no_calibration)

    return refuse


def _smooth() -> dict[str, _Maker]:
    """Figures of calibration curves: values without intervals, costly to resample."""
    figures_: dict[str, tuple[Callable[[Group], float], str]] = {
        "ici": (lambda g: calibration_curve.integrated_calibration(g.y, g.s).ici, "lowess"),
        "smooth_ece": (lambda g: calibration_curve.smooth_ece(g.y, g.s), "Gaussian kernel"),
        "calibration_error_debiased": (
            lambda g: calibration_curve.debiased_calibration_error(g.y, g.s),
            "10 equal-mass bins",
        ),
        "corp_miscalibration": (
            lambda g: calibration_curve.corp(g.y, g.s).miscalibration,
            "isotonic",
        ),
        "corp_discrimination": (
            lambda g: calibration_curve.corp(g.y, g.s).discrimination,
            "isotonic",
        ),
        "spiegelhalter_p": (
            lambda g: calibration_curve.spiegelhalter(g.y, g.s).p_value,
            "cases taken as independent",
        ),
    }
    return {
        name: lambda g, f=function, how=how: g.estimate(f(g), (None, None), f"no interval; {how}")  # type: ignore[misc]
        for name, (function, how) in figures_.items()
    }


def _auroc(group: Group, choices: Choices) -> Estimate:
    return auroc_estimate(
        group.y,
        group.s,
        group.patient if group.clustered else None,
        confidence=choices.confidence,
        interval=choices.interval,
    )


def _declared_points(choices: Choices, draws: RocDraws) -> dict[str, _Maker]:
    made: dict[str, _Maker] = {}
    for row, level in enumerate(choices.specificities):
        heights = None if draws.at_specificity is None else draws.at_specificity.heights[row]
        made[f"sensitivity_at_specificity_{level:g}"] = lambda g, x=level, h=heights: _resampled(  # type: ignore[misc]
            g, discrimination.sensitivity_at(g.y, g.s, x), h, choices
        )
    for row, level in enumerate(choices.sensitivities):
        heights = None if draws.at_sensitivity is None else draws.at_sensitivity.heights[row]
        made[f"specificity_at_sensitivity_{level:g}"] = lambda g, x=level, h=heights: _resampled(  # type: ignore[misc]
            g, discrimination.specificity_at(g.y, g.s, x), h, choices
        )
    if choices.partial_auroc is not None:
        low, high = choices.partial_auroc
        areas = None
        if draws.at_partial is not None:
            raw = draws.at_partial.areas[1] - draws.at_partial.areas[0]
            areas = discrimination.standardized_area(raw, low, high)
        made[f"partial_auroc_{low:g}_{high:g}"] = lambda g: _resampled(
            g, discrimination.partial_auroc(g.y, g.s, low, high), areas, choices
        )
    return made


def _operating_point(choices: Choices, threshold: float) -> dict[str, _Maker]:
    """The figures of the 2x2 table; a group's table is made once for all of them."""

    @lru_cache(maxsize=1)
    def table_of(group: Group) -> rates.Table:
        return rates.table_of(group, threshold, choices.confidence)

    made = rates.makers(threshold, choices.prevalences, choices.cohort_prevalence)
    return {
        name: lambda g, f=figure: f(table_of(g))  # type: ignore[misc]
        for name, figure in made.items()
    }


def _resampled(group: Group, value: float, replicates: Floats | None, choices: Choices) -> Estimate:
    if replicates is None:
        return group.estimate(value, (None, None), "no interval: no replicates asked for")
    try:
        spread = bootstrap.spread_of(replicates)
    except UndefinedMetric as reason:
        return group.estimate(value, (None, None), str(reason))
    bounds = bootstrap.percentile(spread, choices.confidence)
    method = f"bootstrap percentile, {replicates.size} replicates{spread.note}"
    return group.estimate(value, bounds, method)


def _ece(group: Group, choices: Choices) -> Estimate:
    value = calibration.ece(group.y, group.s, choices.ece_bins)
    bounds = ece_interval(
        group.y,
        group.s,
        group.patient,
        n_bins=choices.ece_bins,
        confidence=choices.confidence,
        seed=choices.seed,
    )
    bins = f"{choices.ece_bins} equal-width bins (lo, hi]"
    return group.estimate(value, bounds, f"{bins}; normal gaps of bins, upward bias allowed for")
