"""Every figure of one group of cases, each with the interval that suits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from metrics import (
    arrays,
    bootstrap,
    calibration,
    calibration_curve,
    discrimination,
    edges,
    intervals,
    operating_point,
    recalibration,
    utility,
)
from metrics.arrays import Bools, Floats, Ints
from metrics.delong import auroc_estimate
from metrics.ece_interval import ece_interval
from metrics.estimate import Estimate, UndefinedMetric
from metrics.operating_point import Confusion
from metrics.resampling import RocReplicates
from metrics.sums import Sums


@dataclass(frozen=True, slots=True)
class Choices:
    """What the figures of a report are computed with; ``threshold`` None leaves some out."""

    confidence: float = 0.95
    interval: str = "logit"
    ece_bins: int = 10
    threshold: float | None = None
    specificities: tuple[float, ...] = ()
    sensitivities: tuple[float, ...] = ()
    prevalences: tuple[float, ...] = ()
    partial_auroc: tuple[float, float] | None = None
    smooth_calibration: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one group: labels, scores, and their patients numbered from 0."""

    y: Bools
    s: Floats
    patient: Ints
    n_patients: int

    def estimate(
        self, value: float, bounds: tuple[float | None, float | None], method: str
    ) -> Estimate:
        """Put the group's counts to a figure."""
        counts = int(self.y.size), self.n_patients, int(self.y.sum())
        return Estimate(value, *bounds, *counts, method)

    def undefined(self, reason: str) -> Estimate:
        """Say why the group has no such figure."""
        counts = int(self.y.size), self.n_patients, int(self.y.sum())
        return Estimate(None, None, None, *counts, "none", reason)


def group_of(y: Bools, s: Floats, patient: Ints) -> Group:
    """Number the group's own patients."""
    number, n_patients = arrays.renumbered(patient)
    return Group(y, s, number, n_patients)


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
        try:
            yield name, make(group)
        except UndefinedMetric as reason:
            yield name, group.undefined(str(reason))


def names(choices: Choices) -> tuple[str, ...]:
    """The figures that a report with these choices has."""
    return tuple(_makers(choices, None, RocDraws()))


_Maker = Callable[[Group], Estimate]
_Hits = Callable[[Bools, Bools], tuple[Bools, Bools]]


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
    made["brier"] = lambda g: _mean(g, (_probabilities(g) - g.y) ** 2, choices, (0.0, 1.0))
    made["scaled_brier"] = lambda g: _resampled(
        g,
        calibration.scaled_brier(g.y, g.s),
        None if sums is None else _scaled_brier(sums),
        choices,
    )
    made["log_loss"] = lambda g: _mean(
        g, calibration.log_losses(g.y, _probabilities(g)), choices, (0.0, np.inf)
    )
    made["ece"] = partial(_ece, choices=choices)
    made["observed_minus_expected"] = lambda g: _mean(
        g, g.y - _probabilities(g), choices, (-1.0, 1.0)
    )
    made["observed_expected_ratio"] = lambda g: _resampled(
        g,
        calibration.observed_expected_ratio(g.y, g.s),
        None if sums is None else _observed_expected(sums),
        choices,
    )
    for name in ("calibration_in_the_large", "calibration_intercept", "calibration_slope"):
        made[name] = partial(_recalibrated, choices=choices, name=name)
    if choices.smooth_calibration:
        made.update(_smooth())
    if choices.threshold is not None:
        made.update(_operating_point(choices, choices.threshold, sums))
    return made


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
        None if group.n_patients == group.y.size else group.patient,
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


_PROPORTIONS: dict[str, tuple[Callable[[Confusion[float]], float], _Hits]] = {
    "sensitivity": (operating_point.sensitivity, lambda y, c: (y, c)),
    "specificity": (operating_point.specificity, lambda y, c: (~y, ~c)),
    "ppv": (operating_point.ppv, lambda y, c: (c, y)),
    "npv": (operating_point.npv, lambda y, c: (~c, ~y)),
    "accuracy": (operating_point.accuracy, lambda y, c: (y | ~y, y == c)),
    "selection_rate": (operating_point.selection_rate, lambda y, c: (y | ~y, c)),
    "false_positive_rate": (operating_point.false_positive_rate, lambda y, c: (~y, c)),
    "false_negative_rate": (operating_point.false_negative_rate, lambda y, c: (y, ~c)),
}
"""Figure -> its formula, and from (labels, calls) the cases it is over and which of them count."""


def _operating_point(choices: Choices, threshold: float, sums: Sums | None) -> dict[str, _Maker]:
    made: dict[str, _Maker] = {}
    for name, (rate, hits) in _PROPORTIONS.items():
        made[name] = partial(
            _proportion, choices=choices, threshold=threshold, rate=rate, hits=hits
        )
    both = _both_forms(choices, threshold)
    tables = None if sums is None else sums.confusion
    for name, (number, array) in both.items():
        replicates = None if tables is None else array(tables)
        made[name] = lambda g, f=number, r=replicates: _resampled(  # type: ignore[misc]
            g, f(operating_point.confusion(g.y, g.s, threshold)), r, choices
        )
    return made


_Forms = tuple[Callable[[Confusion[float]], float], Callable[[Confusion[Floats]], Floats]]


def _both_forms(choices: Choices, threshold: float) -> dict[str, _Forms]:
    """Each formula of the 2x2 table for one table and for the tables of the replicates."""
    made: dict[str, _Forms] = {
        "f1": (operating_point.f1, operating_point.f1),
        "balanced_accuracy": (
            operating_point.balanced_accuracy,
            operating_point.balanced_accuracy,
        ),
        "mcc": (operating_point.mcc, operating_point.mcc),
        "youden_j": (operating_point.youden_j, operating_point.youden_j),
        "lr_positive": (operating_point.lr_positive, operating_point.lr_positive),
        "lr_negative": (operating_point.lr_negative, operating_point.lr_negative),
    }
    for share in choices.prevalences:
        made[f"ppv_at_prevalence_{share:g}"] = (
            partial(operating_point.ppv_at_prevalence, prevalence=share),
            partial(operating_point.ppv_at_prevalence, prevalence=share),
        )
        made[f"npv_at_prevalence_{share:g}"] = (
            partial(operating_point.npv_at_prevalence, prevalence=share),
            partial(operating_point.npv_at_prevalence, prevalence=share),
        )
    if 0.0 <= threshold < 1.0:
        made["net_benefit"] = (
            partial(utility.net_benefit, threshold=threshold),
            partial(utility.net_benefit, threshold=threshold),
        )
    return made


def _proportion(
    group: Group,
    choices: Choices,
    threshold: float,
    rate: Callable[[Confusion[float]], float],
    hits: _Hits,
) -> Estimate:
    value = rate(operating_point.confusion(group.y, group.s, threshold))
    over, counted = hits(group.y, edges.called(group.s, threshold))
    if group.n_patients == group.y.size:
        trials = int(over.sum())
        bounds = intervals.wilson(int((counted & over).sum()), trials, choices.confidence)
        return group.estimate(value, bounds, "Wilson")
    bounds = intervals.clustered_wilson(counted[over], group.patient[over], choices.confidence)
    return group.estimate(value, bounds, "Wilson, effective number of cases (patient-clustered)")


def _probabilities(group: Group) -> Floats:
    return arrays.probabilities(group.s, group.y.size)


def _mean(
    group: Group, values: NDArray[np.float64], choices: Choices, bounds: tuple[float, float]
) -> Estimate:
    """A mean over cases with the standard error of a mean over patients."""
    value = float(values.mean())
    part = np.bincount(group.patient, values - value, group.n_patients)
    k = group.n_patients
    if k < 2:
        return group.estimate(value, (None, None), "no interval: one patient")
    error = float(np.sqrt(k / (k - 1) * (part @ part))) / values.size
    interval = intervals.symmetric(value, error, choices.confidence, bounds)
    return group.estimate(value, interval, "normal, standard error over patients")


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


def _recalibrated(group: Group, choices: Choices, name: str) -> Estimate:
    patient = None if group.n_patients == group.y.size else group.patient
    if name == "calibration_in_the_large":
        value, error = recalibration.offset_intercept(group.y, group.s, patient)
    else:
        fit = recalibration.recalibration(group.y, group.s, patient)
        slope = name == "calibration_slope"
        value, error = (fit.slope, fit.se_slope) if slope else (fit.intercept, fit.se_intercept)
    method = "Wald" if patient is None else "Wald, sandwich over patients"
    bounds = intervals.symmetric(value, error, choices.confidence)
    return group.estimate(value, bounds, method)


def _scaled_brier(sums: Sums) -> Floats:
    n = sums.positive + sums.negative
    reference = sums.positive * sums.negative
    loss = sums.brier * n * n
    return 1.0 - np.divide(loss, reference, out=np.full(n.shape, np.nan), where=reference > 0)


def _observed_expected(sums: Sums) -> Floats:
    n = sums.positive + sums.negative
    expected = sums.positive - sums.observed_minus_expected * n
    return np.divide(
        sums.positive, expected, out=np.full(n.shape, np.nan), where=expected > 1e-12 * n
    )
