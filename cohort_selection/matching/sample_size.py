"""Cases that a subgroup needs for a wanted precision of its AUROC."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Needed:
    """Positives and negatives to plan for."""

    positives: int
    negatives: int


def auroc_standard_error(auroc: float, positives: int, negatives: int) -> float:
    """Standard error expected of an AUROC (Hanley & McNeil 1982, Radiology 143, eq. 1)."""
    q1 = auroc / (2.0 - auroc)
    q2 = 2.0 * auroc**2 / (1.0 + auroc)
    variance = (
        auroc * (1.0 - auroc)
        + (positives - 1) * (q1 - auroc**2)
        + (negatives - 1) * (q2 - auroc**2)
    ) / (positives * negatives)
    return sqrt(variance)


def needed_for_auroc(
    auroc: float, half_width: float, *, prevalence: float = 0.5, confidence: float = 0.95
) -> Needed:
    """Fewest cases whose expected interval is ``auroc`` +- ``half_width``."""
    if not 0.5 <= auroc < 1.0 or not (1e-4 <= half_width < 0.5 and 0.0 < prevalence < 1.0):
        raise ValueError(
            f"an AUROC of {auroc} +- {half_width}, prevalence {prevalence}, cannot be planned for; "
            "give an AUROC from 0.5, a half width from 0.0001 to under 0.5 and a prevalence "
            "between 0 and 1"
        )
    wanted = half_width / NormalDist().inv_cdf(0.5 + confidence / 2.0)

    def split(n: int) -> Needed:
        positives = max(1, round(n * prevalence))
        return Needed(positives, max(1, n - positives))

    low, high = 2, 4
    while auroc_standard_error(auroc, *_counts(split(high))) > wanted:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if auroc_standard_error(auroc, *_counts(split(middle))) > wanted:
            low = middle
        else:
            high = middle
    return split(high)


def _counts(needed: Needed) -> tuple[int, int]:
    return needed.positives, needed.negatives
