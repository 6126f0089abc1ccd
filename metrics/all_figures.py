"""Every figure of one group of cases, each with the interval that suits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from metrics.arrays import Floats
from metrics.calibration import curves, errors, smooth
from metrics.calibration.curve_intervals import curve_intervals
from metrics.calibration.ece_interval import interval_of_ece
from metrics.discrimination import curves as discrimination
from metrics.discrimination import roc_intervals
from metrics.discrimination.delong import auroc_estimate, placements
from metrics.estimate import Estimate, Interval, UndefinedMetric
from metrics.grades import agreement
from metrics.grades.intervals import kendall_tau_b_interval
from metrics.group import Group
from metrics.operating_points import intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the figures of a report are computed with; ``threshold`` None leaves some out.

    ``no_calibration`` says why the scores of the whole cohort are no probabilities, where they are
    none. ``cohort_prevalence`` is the one at which groups are compared.
    """

    confidence: float = 0.95
    interval: str = "score"
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


def figures(group: Group, choices: Choices) -> Iterator[tuple[str, Estimate]]:
    """Give each figure by name, in the order they are shown; undefined ones say why."""
    for name, make in _makers(choices).items():
        yield name, _made(make, group)


def _made(make: _Maker, group: Group) -> Estimate:
    try:
        return group.without_point(make(group))
    except UndefinedMetric as reason:
        return group.undefined(str(reason))


def estimates_of(
    metrics: Sequence[str], group: Group, choices: Choices, confidences: Sequence[float]
) -> list[dict[str, Estimate]]:
    """Some figures of a group by name, at each confidence."""
    by_level: list[dict[str, Estimate]] = [{} for _ in confidences]
    of = {} if choices.no_calibration else _smooth_figures(choices)
    for name in [name for name in metrics if name in of]:
        try:
            found_here = smooth.estimates(group, of[name](group), confidences)
            finished = [group.without_point(estimate) for estimate in found_here]
        except UndefinedMetric as reason:
            finished = [group.undefined(str(reason)) for _ in confidences]
        for estimates, estimate in zip(by_level, finished, strict=True):
            estimates[name] = estimate
    for estimates, confidence in zip(by_level, confidences, strict=True):
        makers = _makers(replace(choices, confidence=confidence))
        for name in metrics:
            if name not in of:
                estimates[name] = _made(makers[name], group)
    return by_level


def _smooth_figures(choices: Choices) -> dict[str, Callable[[Group], smooth.Smooth]]:
    by_name = dict(smooth.FIGURES)
    at = {f"prevalence_{share:g}": share for share in choices.prevalences}
    for ending, share in {**at, "cohort_prevalence": choices.cohort_prevalence}.items():
        by_name[f"brier_at_{ending}"] = partial(smooth.brier_at_prevalence, prevalence=share)
    return by_name


def influence_of(metric: str, group: Group, choices: Choices) -> Floats | None:
    """How far each case (cases,) moves a figure; None where the figure has no such form here."""
    if metric == "auroc":
        placed = placements(group.y, group.s)
        moved = np.empty(group.y.size)
        moved[group.y] = (placed.positive - placed.auroc) / placed.positive.size
        moved[~group.y] = (placed.negative - placed.auroc) / placed.negative.size
        return moved
    of = _smooth_figures(choices)
    if metric in of:
        return of[metric](group).influence
    if choices.threshold is None:
        return None
    return intervals.influence_of(metric, group, choices.threshold)


def names(choices: Choices) -> tuple[str, ...]:
    """The figures that a report with these choices has."""
    return tuple(_makers(choices))


def figures_of_probabilities(choices: Choices) -> frozenset[str]:
    """The figures that a report with these choices has of probabilities alone."""
    return frozenset((*_smooth_figures(choices), *_CURVES, "spiegelhalter_p", "ece", "net_benefit"))


_Maker = Callable[[Group], Estimate]


def _makers(choices: Choices) -> dict[str, _Maker]:
    makers: dict[str, _Maker] = {
        "auroc": partial(_auroc, choices=choices),
        "average_precision": lambda g: _with_interval(
            g,
            discrimination.average_precision(g.y, g.s),
            lambda: roc_intervals.average_precision_interval(g, choices.confidence),
        ),
    }
    makers.update(_declared_points(choices))
    if choices.no_calibration:
        makers["kendall_tau_b"] = lambda g: _with_interval(
            g,
            agreement.kendall_tau_b(g.y, g.s),
            lambda: kendall_tau_b_interval(g, g.y, g.s, choices.confidence),
        )
    of_ranks = frozenset(makers)
    for name, smooth_figure in _smooth_figures(choices).items():
        makers[name] = lambda g, f=smooth_figure: smooth.estimate(g, f(g), choices.confidence)  # type: ignore[misc]
    makers["ece"] = partial(_ece, choices=choices)
    if choices.smooth_calibration:
        makers.update(_curves(choices))
    of_probabilities = [name for name in makers if name not in of_ranks]
    if choices.threshold is not None:
        makers.update(_operating_point(choices, choices.threshold))
        of_probabilities.append("net_benefit")
    if choices.no_calibration:
        makers |= {name: _no_calibration(choices) for name in of_probabilities if name in makers}
    return makers


def _no_calibration(choices: Choices) -> _Maker:
    def refuse(_: Group) -> Estimate:
        raise UndefinedMetric(choices.no_calibration)

    return refuse


def _curves(choices: Choices) -> dict[str, _Maker]:
    """Figures of calibration curves; one group's curves are made once for all of them."""

    @lru_cache(maxsize=1)
    def values_of(group: Group) -> dict[str, float]:
        values: dict[str, float] = {}
        with suppress(UndefinedMetric):
            curve = curves.integrated_calibration(group.y, group.s)
            farthest = min(1.0, curve.emax)  # a local line may leave [0, 1]
            values |= {"ici": curve.ici, "e50": curve.e50, "e90": curve.e90, "emax": farthest}
        values["smooth_ece"] = curves.smooth_ece(group.y, group.s)
        with suppress(UndefinedMetric):
            error = curves.root_mean_square_calibration_error_debiased
            values["rms_calibration_error_debiased"] = error(group.y, group.s)
        parts = curves.corp(group.y, group.s)
        values["corp_miscalibration"] = parts.miscalibration
        values["corp_discrimination"] = parts.discrimination
        return values

    @lru_cache(maxsize=1)
    def intervals_of(group: Group) -> dict[str, Interval]:
        return curve_intervals(group, values_of(group), choices.confidence, choices.seed)

    def make(group: Group, name: str) -> Estimate:
        values = values_of(group)
        if name not in values:
            raise UndefinedMetric(
                "a calibration curve needs predictions that differ, and two cases in each bin"
            )
        return _with_interval(group, values[name], lambda: intervals_of(group)[name])

    def spiegelhalter(group: Group) -> Estimate:
        value = curves.spiegelhalter(group.y, group.s).p_value
        return group.estimate(value, (None, None), "no interval; cases taken as independent")

    makers: dict[str, _Maker] = {name: partial(make, name=name) for name in _CURVES}
    makers["spiegelhalter_p"] = spiegelhalter
    return makers


_CURVES = (
    "ici",
    "e50",
    "e90",
    "emax",
    "smooth_ece",
    "rms_calibration_error_debiased",
    "corp_miscalibration",
    "corp_discrimination",
)


def _auroc(group: Group, choices: Choices) -> Estimate:
    return auroc_estimate(
        group.y,
        group.s,
        group.patient if group.clustered else None,
        confidence=choices.confidence,
        interval=choices.interval,
    )


def _declared_points(choices: Choices) -> dict[str, _Maker]:
    makers: dict[str, _Maker] = {}
    confidence = choices.confidence
    for level in choices.specificities:
        makers[f"sensitivity_at_specificity_{level:g}"] = lambda g, x=level: _with_interval(  # type: ignore[misc]
            g,
            discrimination.sensitivity_at(g.y, g.s, x),
            lambda: roc_intervals.sensitivity_at_interval(g, x, confidence),
        )
    for level in choices.sensitivities:
        makers[f"specificity_at_sensitivity_{level:g}"] = lambda g, x=level: _with_interval(  # type: ignore[misc]
            g,
            discrimination.specificity_at(g.y, g.s, x),
            lambda: roc_intervals.specificity_at_interval(g, x, confidence),
        )
    if choices.partial_auroc is not None:
        low, high = choices.partial_auroc
        makers[f"partial_auroc_{low:g}_{high:g}"] = lambda g: _with_interval(
            g,
            discrimination.partial_auroc(g.y, g.s, low, high),
            lambda: roc_intervals.partial_auroc_interval(g, low, high, confidence),
        )
    return makers


def _operating_point(choices: Choices, threshold: float) -> dict[str, _Maker]:
    """The figures of the 2x2 table; a group's table is made once for all of them."""

    @lru_cache(maxsize=1)
    def table_of(group: Group) -> intervals.Table:
        return intervals.table_of(group, threshold, choices.confidence)

    makers = intervals.makers(threshold, choices.prevalences, choices.cohort_prevalence)
    return {
        name: lambda g, f=figure: f(table_of(g))  # type: ignore[misc]
        for name, figure in makers.items()
    }


def _with_interval(group: Group, value: float, interval: Callable[[], Interval]) -> Estimate:
    """The figure with its interval, or why it has none."""
    try:
        low, high, method = interval()
    except UndefinedMetric as reason:
        return group.estimate(value, (None, None), f"no interval: {reason}")
    return group.estimate(value, (low, high), method)


def _ece(group: Group, choices: Choices) -> Estimate:
    value = errors.ece(group.y, group.s, choices.ece_bins)
    low, high, method = interval_of_ece(group, choices.ece_bins, choices.confidence, choices.seed)
    bins = f"{choices.ece_bins} equal-width bins (lo, hi]"
    return group.estimate(value, (low, high), f"{bins}; {method}")
