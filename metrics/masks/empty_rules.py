"""What a case counts where one mask or both are empty: declared, never left to a library."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metrics.masks.measures import PairMeasures, State

SHARES = ("both_empty", "false_mask", "missed_mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyRules:
    """Values of the cases with an empty mask; None leaves such a case out of the figure.

    ``both_empty``, ``false_mask`` and ``missed_mask`` are the Dice, IoU and share of surface of
    such a case, from 0 to 1. ``distance_both_empty`` and ``distance_penalty_mm`` are its distances
    in mm, the latter for false and missed masks alike. Left out, missed masks cost a model no
    distance: its mean distances then hold where it drew something, and no further. Raises
    ValueError with one sentence for values out of range.
    """

    both_empty: float | None
    false_mask: float | None
    missed_mask: float | None
    distance_both_empty: float | None = None
    distance_penalty_mm: float | None = None

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in SHARES:
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must lie from 0 to 1; got {value}")
        for name in ("distance_both_empty", "distance_penalty_mm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be 0 mm or more; got {value}")

    def share(self, pair: PairMeasures, measured: float | None) -> float:
        """What Dice, IoU or a share of surface of the case counts; NaN where it is left out."""
        declared = {
            State.BOTH: measured,
            State.BOTH_EMPTY: self.both_empty,
            State.FALSE: self.false_mask,
            State.MISSED: self.missed_mask,
        }[pair.state]
        return math.nan if declared is None else declared

    def distance(self, pair: PairMeasures, measured: float | None) -> float:
        """What a distance of the case counts, in mm; NaN where the case is left out."""
        declared = {
            State.BOTH: measured,
            State.BOTH_EMPTY: self.distance_both_empty,
            State.FALSE: self.distance_penalty_mm,
            State.MISSED: self.distance_penalty_mm,
        }[pair.state]
        return math.nan if declared is None else declared
