"""Calibration figures that are smooth in the cases: value, influence, interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from metrics import arrays
from metrics.arrays import Floats
from metrics.calibration import errors
from metrics.calibration.recalibration import Influences, recalibration_influences
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised

METHOD = "linearised, Student's t over patients"
SCALES = {"plain": "", "log": ", log scale", "skewed": ", skewness allowed for (Hall)"}
"""What a method is called on each scale."""
FEWEST_OBSERVED = 10
"""Patients that a mean loss must rest on by its outcomes, where its predictions are too certain."""


@dataclass(frozen=True, slots=True)
class Smooth:
    """A figure, how far each case moves it (cases,), and the shape of its interval.

    ``scale`` is "plain", "log", where ``influence`` is that of the logarithm, or "skewed" for a
    mean of values with a long tail. ``bounds`` are the ends of the figure's range. ``mixes`` says
    that the figure depends on prevalence. ``informative`` cases know as much as all of them.
    ``expected`` (cases,) is the squared movement by a case's outcome that its prediction expects.
    """

    value: float
    influence: Floats
    bounds: tuple[float, float] = (-math.inf, math.inf)
    scale: str = "plain"
    mixes: bool = False
    informative: float = math.inf
    expected: Floats | None = None


def estimate(group: Group, figure: Smooth, confidence: float) -> Estimate:
    """The figure with its interval; no interval where there is one patient."""
    return estimates(group, figure, (confidence,))[0]


def estimates(group: Group, figure: Smooth, confidences: Sequence[float]) -> list[Estimate]:
    """The figure with an interval at each of the confidences."""
    try:
        _refuse_certain(group, figure)
        error = linearised.error(group, figure.influence, skewed=figure.scale == "skewed")
    except UndefinedMetric as reason:
        return [group.estimate(figure.value, (None, None), str(reason)) for _ in confidences]
    error = replace(error, freedom=min(error.freedom, max(figure.informative - 1.0, 1.0)))
    method = METHOD + SCALES[figure.scale]
    if figure.mixes and group.fixed:
        method += f", at the prevalence of {100 * group.prevalence:.3g} % set by design"
    return [
        group.estimate(figure.value, _bounds(figure, error, confidence), method)
        for confidence in confidences
    ]


def _bounds(figure: Smooth, error: linearised.Error, confidence: float) -> tuple[float, float]:
    below, above = error.skewed_reach(confidence)
    low, high = figure.value - below, figure.value + above
    if figure.scale == "log":
        low, high = figure.value * math.exp(-below), figure.value * math.exp(above)
    return max(figure.bounds[0], low), min(figure.bounds[1], high)


def _refuse_certain(group: Group, figure: Smooth) -> None:
    """Refuse a mean loss that rests on few cases, both by the predictions and by the outcomes."""
    if figure.expected is None or not (figure.expected.any() or figure.influence.any()):
        return  # what cannot vary has an interval of width 0
    by_patient = np.bincount(group.patient, figure.expected, group.n_patients)
    known = arrays.kish_effective_n(by_patient.astype(np.float64))
    if known >= linearised.FEWEST_INFORMATIVE:
        return
    moved = np.bincount(group.patient, figure.influence, group.n_patients)
    if arrays.kish_effective_n(moved.astype(np.float64) ** 2) < FEWEST_OBSERVED:
        raise UndefinedMetric(
            "no interval: insufficient data: the predictions are so certain that the figure rests "
            f"on {known:.0f} effective patients; {linearised.FEWEST_INFORMATIVE} are needed"
        )


def brier(group: Group) -> Smooth:
    """Mean squared difference of probability and outcome."""
    p = _probabilities(group)
    return _mean_loss(group, (1.0 - p) ** 2, p**2, (0.0, 1.0))


def log_loss(group: Group) -> Smooth:
    """Mean negative log probability of what happened."""
    p = _probabilities(group)
    every = np.ones(p.size, dtype=bool)
    positive, negative = (errors.log_losses(y, p) for y in (every, ~every))
    return _mean_loss(group, positive, negative, (0.0, math.inf))


def observed_minus_expected(group: Group) -> Smooth:
    """Prevalence less mean probability."""
    gap = group.y - _probabilities(group)  # of both signs, so without a long tail
    mean = float(gap.mean())
    return Smooth(mean, (gap - mean) / gap.size, (-1.0, 1.0), mixes=True)


def observed_expected_ratio(group: Group) -> Smooth:
    """Positives seen over positives predicted; its log moves by y / sum y - p / sum p."""
    p = _probabilities(group)
    value = errors.observed_expected_ratio(group.y, p)
    positive = int(np.count_nonzero(group.y))
    if not positive:
        raise UndefinedMetric("observed / expected has no interval without positive cases")
    influence = group.y / positive - p / float(p.sum())
    return Smooth(value, influence, (0.0, math.inf), "log", mixes=True)


def scaled_brier(group: Group) -> Smooth:
    """1 - Brier / (prevalence (1 - prevalence)), which moves with the prevalence too."""
    p = _probabilities(group)
    value = errors.scaled_brier(group.y, group.s)
    share = group.prevalence
    spread = share * (1.0 - share)
    mean = float(((p - group.y) ** 2).mean())
    by_share = mean * (1.0 - 2.0 * share) / spread**2
    positive = (mean - (1.0 - p) ** 2) / spread + by_share * (1.0 - share)
    negative = (mean - p**2) / spread - by_share * share
    moved = _by_outcome(group, positive / p.size, negative / p.size)
    return Smooth(value, moved[0], (-math.inf, 1.0), "skewed", mixes=True, expected=moved[1])


def brier_at_prevalence(group: Group, prevalence: float) -> Smooth:
    """Brier score that the two classes would give at another prevalence.

    Formula: pi mean of (1 - p)^2 over positives + (1 - pi) mean of p^2 over negatives.
    """
    p = _probabilities(group)
    m = int(np.count_nonzero(group.y))
    n = p.size - m
    arrays.both_classes("brier at a prevalence", m, n)
    positive, negative = (1.0 - p) ** 2, p**2
    of_positives, of_negatives = float(positive[group.y].mean()), float(negative[~group.y].mean())
    moved = _by_outcome(
        group,
        prevalence / m * (positive - of_positives),
        (1.0 - prevalence) / n * (negative - of_negatives),
    )
    value = prevalence * of_positives + (1.0 - prevalence) * of_negatives
    return Smooth(value, moved[0], (0.0, 1.0), "skewed", expected=moved[1])


def calibration_in_the_large(group: Group) -> Smooth:
    """Intercept of logistic recalibration with the slope held at 1."""
    fit = _fit(group, with_slope=False)
    value, informative = fit.fit.intercept, fit.informative
    return Smooth(value, fit.intercept, mixes=True, informative=informative)


def calibration_intercept(group: Group) -> Smooth:
    """Intercept of logistic recalibration fitted with the slope."""
    fit = _fit(group, with_slope=True)
    value, informative = fit.fit.intercept, fit.informative
    return Smooth(value, fit.intercept, mixes=True, informative=informative)


def calibration_slope(group: Group) -> Smooth:
    """Slope of logistic recalibration."""
    fit = _fit(group, with_slope=True)
    return Smooth(fit.fit.slope, fit.slope, informative=fit.informative)


FIGURES: dict[str, Callable[[Group], Smooth]] = {
    "brier": brier,
    "scaled_brier": scaled_brier,
    "log_loss": log_loss,
    "observed_minus_expected": observed_minus_expected,
    "observed_expected_ratio": observed_expected_ratio,
    "calibration_in_the_large": calibration_in_the_large,
    "calibration_intercept": calibration_intercept,
    "calibration_slope": calibration_slope,
}
"""Figure by name."""

_FITS: WeakKeyDictionary[Group, dict[bool, Influences]] = WeakKeyDictionary()
"""Fits of the groups that are alive: several figures and gaps ask for the same one."""


def _fit(group: Group, *, with_slope: bool) -> Influences:
    fits = _FITS.setdefault(group, {})
    if with_slope not in fits:
        fits[with_slope] = recalibration_influences(group.y, group.s, with_slope=with_slope)
    return fits[with_slope]


def _mean_loss(
    group: Group, positive: Floats, negative: Floats, bounds: tuple[float, float]
) -> Smooth:
    """Mean of a loss that each case has if it is positive, and if it is negative; (cases,)."""
    mean = float(np.where(group.y, positive, negative).mean())
    n = positive.size
    moved = _by_outcome(group, (positive - mean) / n, (negative - mean) / n)
    return Smooth(mean, moved[0], bounds, "skewed", mixes=True, expected=moved[1])


def _by_outcome(group: Group, positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """How far each case moves a figure, and the variance by its outcome that p expects."""
    p = _probabilities(group)
    moved = np.where(group.y, positive, negative)
    return moved, p * (1.0 - p) * (positive - negative) ** 2


def _probabilities(group: Group) -> Floats:
    return arrays.probabilities(group.s, group.y.size)
