"""Figures of predicted probabilities that are smooth in the cases: value, influence, interval."""

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


@dataclass(frozen=True, slots=True)
class Smooth:
    """A figure, how far each case moves it (cases,), and the shape of its interval.

    ``scale`` is "plain", "log", where ``influence`` is that of the logarithm, or "skewed" for a
    mean of values with a long tail. ``bounds`` are the ends of the figure's range. ``mixes`` says
    that the figure depends on prevalence. ``informative`` cases know as much as all of them.
    """

    value: float
    influence: Floats
    bounds: tuple[float, float] = (-math.inf, math.inf)
    scale: str = "plain"
    mixes: bool = False
    informative: float = math.inf


def estimate(group: Group, figure: Smooth, confidence: float) -> Estimate:
    """The figure with its interval; no interval where there is one patient."""
    return estimates(group, figure, (confidence,))[0]


def estimates(group: Group, figure: Smooth, confidences: Sequence[float]) -> list[Estimate]:
    """The figure with an interval at each of the confidences."""
    try:
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


def brier(group: Group) -> Smooth:
    """Mean squared difference of probability and outcome."""
    return _mean((_probabilities(group) - group.y) ** 2, (0.0, 1.0))


def log_loss(group: Group) -> Smooth:
    """Mean negative log probability of what happened."""
    return _mean(errors.log_losses(group.y, _probabilities(group)), (0.0, math.inf))


def observed_minus_expected(group: Group) -> Smooth:
    """Prevalence less mean probability."""
    found = _mean(group.y - _probabilities(group), (-1.0, 1.0))
    return replace(found, scale="plain")  # residuals of both signs have no long tail


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
    loss = (_probabilities(group) - group.y) ** 2
    value = errors.scaled_brier(group.y, group.s)
    share = group.prevalence
    spread = share * (1.0 - share)
    mean = float(loss.mean())
    moved = (loss - mean) / spread - mean * (1.0 - 2.0 * share) * (group.y - share) / spread**2
    return Smooth(value, -moved / loss.size, (-math.inf, 1.0), "skewed", mixes=True)


def brier_at_prevalence(group: Group, prevalence: float) -> Smooth:
    """Brier score that the two classes would give at another prevalence.

    Formula: pi mean of (1 - p)^2 over positives + (1 - pi) mean of p^2 over negatives.
    """
    loss = (_probabilities(group) - group.y) ** 2
    positive, negative = loss[group.y], loss[~group.y]
    arrays.both_classes("brier at a prevalence", positive.size, negative.size)
    mean = np.where(group.y, positive.mean(), negative.mean())
    share = np.where(group.y, prevalence / positive.size, (1.0 - prevalence) / negative.size)
    value = prevalence * float(positive.mean()) + (1.0 - prevalence) * float(negative.mean())
    return Smooth(value, share * (loss - mean), (0.0, 1.0), "skewed")


def calibration_in_the_large(group: Group) -> Smooth:
    """Intercept of logistic recalibration with the slope held at 1."""
    found = _fit(group, with_slope=False)
    value, informative = found.fit.intercept, found.informative
    return Smooth(value, found.intercept, mixes=True, informative=informative)


def calibration_intercept(group: Group) -> Smooth:
    """Intercept of logistic recalibration fitted with the slope."""
    found = _fit(group, with_slope=True)
    value, informative = found.fit.intercept, found.informative
    return Smooth(value, found.intercept, mixes=True, informative=informative)


def calibration_slope(group: Group) -> Smooth:
    """Slope of logistic recalibration."""
    found = _fit(group, with_slope=True)
    return Smooth(found.fit.slope, found.slope, informative=found.informative)


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
    found = _FITS.setdefault(group, {})
    if with_slope not in found:
        found[with_slope] = recalibration_influences(group.y, group.s, with_slope=with_slope)
    return found[with_slope]


def _mean(values: Floats, bounds: tuple[float, float]) -> Smooth:
    mean = float(values.mean())
    return Smooth(mean, (values - mean) / values.size, bounds, "skewed", mixes=True)


def _probabilities(group: Group) -> Floats:
    return arrays.probabilities(group.s, group.y.size)
