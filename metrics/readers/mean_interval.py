"""Interval of one modality's mean figure that stays between 0 and 1."""

from __future__ import annotations

import math

from metrics.intervals.linearised import quantile
from metrics.intervals.proportions import logit_bounds, score_bounds


def mean_bounds(
    value: float, standard_error: float, freedom: float, effective: float, confidence: float
) -> tuple[float, float]:
    """Interval of a mean of readers on the log-odds scale, by Student's t with Hillis' freedom.

    Formula: logit F -+ t SE / (F (1 - F)). The published interval, F -+ t SE, passes 1 in small
    studies of good readers. Where all readers are at 0 or 1, Wilson's for the ``effective``
    patients of the smaller class, as if the readers were one. Where neither readers nor cases
    vary, the value itself.
    """
    if not math.isfinite(standard_error):
        return 0.0, 1.0
    if not 0.0 < value < 1.0:
        clipped = min(max(value, 0.0), 1.0)
        return score_bounds(clipped, effective, quantile(confidence, max(effective - 1.0, 1.0)))
    return logit_bounds(value, quantile(confidence, freedom) * standard_error)
