"""Names the band of an age."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cohort_selection.clinical import vocabulary as cells
from cohort_selection.clinical.vocabulary import NOT_REPORTED, TOP_CODED

AGE_BANDS = (0, 18, 30, 40, 50, 65, 75, 85)
"""Lower ends of the CDC's age groups, in years, as MIDRC uses them."""


def age_group(years: int | None, bands: Sequence[int]) -> str:
    """Name the band of an age in years: "40-59", "80+", "under 18", "Not Reported"."""
    if years is None:
        return NOT_REPORTED
    if years < bands[0]:
        return f"under {bands[0]}"
    for low, following in pairwise(bands):
        if years < following:
            return f"{low}-{following - 1}"
    return f"{bands[-1]}+"


def band_of(place: object, column: str, text: str, mark: str, bands: Sequence[int]) -> str:
    """The band of an age as a table has it; ``mark`` is the cell of its ``_gt89``, if there is one.

    Raises ClinicalError for a text that is no age.
    """
    years = cells.age(place, column, text)
    if years is None and cells.over_89(mark):
        years = TOP_CODED  # MIDRC's mark of an age that is withheld
    return age_group(years, bands)
