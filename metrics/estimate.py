"""The result type of every figure, and the one way a figure can be undefined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class UndefinedMetric(ValueError):
    """The data cannot support the figure; the message says why, with the counts."""


class Interval(NamedTuple):
    """Both ends of an interval and the method that made it."""

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval, its counts and the method that made the interval.

    ``value`` is None exactly when ``undefined`` says why; ``low`` and ``high`` may be None for a
    figure that has no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n_cases: int
    n_patients: int
    n_positive: int
    method: str
    undefined: str | None = None
