"""Interval of one modality's mean figure that stays between 0 and 1."""

from __future__ import annotations

from metrics.intervals.linearised import quantile


def mean_bounds(
    value: float, standard_error: float, freedom: float, n: float, confidence: float
) -> tuple[float, float]:
    reach = quantile(confidence, freedom) * standard_error
    return value - reach, value + reach
