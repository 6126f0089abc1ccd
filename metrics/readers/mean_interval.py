"""Interval of one modality's mean figure that stays between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from metrics.intervals.linearised import quantile
from metrics.intervals.near_limits import binormal_variance
from metrics.intervals.proportions import logit_bounds, score_bounds

_MODEL_CASES = 0.5
_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class NearLimits:
    """What is known of a figure near 0 and 1, where data show little variance.

    ``effective`` is the number of patients of equal size in the smaller class, ``model`` the
    variance that one reader's figure of a value has under a simple model; None for no model.
    """

    effective: float
    model: Callable[[float], float] | None = None


def of_area(positive: float, negative: float) -> NearLimits:
    """For an AUROC of so many effective patients: two normal scores of equal spread."""
    return NearLimits(
        min(positive, negative), lambda value: binormal_variance(value, positive, negative)
    )


def of_share(n: float) -> NearLimits:
    """For a share of so many effective patients: the binomial variance."""
    return NearLimits(n, lambda value: value * (1.0 - value) / n)


def mean_bounds(
    value: float,
    standard_error: float,
    freedom: float,
    *,
    readers: int,
    limits: NearLimits,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Interval of a mean of readers on the log-odds scale, by Student's t with Hillis' freedom.

    Formula: logit F -+ t SE / (F (1 - F)). SE^2 is mixed with the model's variance,
    V (1 + (readers - 1) / 2) / readers where readers share half of it, as if that were half a case:
    (k SE^2 + that / 2) / (k + 1/2), k = effective min(F, 1 - F) the cases on the wrong side. The
    published interval, F -+ t SE, passes 1 in small studies of good readers. Where all readers are
    at 0 or 1, Wilson's for the effective patients, as if the readers were one. Source: Pepe 2003,
    section 5.2.4, for the scale.
    """
    if not 0.0 < value < 1.0:
        n = limits.effective
        return score_bounds(min(max(value, 0.0), 1.0), n, quantile(confidence, max(n - 1.0, 1.0)))
    variance = standard_error**2
    if limits.model is not None:
        shared = limits.model(value) * (1.0 + (readers - 1) * _SHARED) / readers
        wrong = limits.effective * min(value, 1.0 - value)
        variance = (wrong * variance + _MODEL_CASES * shared) / (wrong + _MODEL_CASES)
    return logit_bounds(value, quantile(confidence, freedom) * math.sqrt(variance))
