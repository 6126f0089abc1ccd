"""A claim's plan beside what was drawn, as a cohort's card shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededFor:
    """Cases of the whole cohort that a power takes; ``error`` of the positives, 0 if exact."""

    power: float
    positives: int
    negatives: int
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One claim of a study, or all together (``claim`` empty).

    ``level`` of its first test; ``positives`` and ``negatives`` drawn to score, of the smallest
    group that it is about; ``power`` on them through the procedure at the first look, with two
    standard errors of its simulation; ``assumed`` in words.
    """

    claim: str
    level: float
    needed: tuple[NeededFor, ...]
    positives: int
    negatives: int
    power: float
    error: float
    assumed: str = ""
