"""The levels that an attribute can have, where a rule of the project says them all."""

from __future__ import annotations

from collections.abc import Sequence

from cohort_selection.cases import LABEL
from cohort_selection.clinical.age_bands import age_group
from cohort_selection.clinical.vocabulary import _WORDS, NOT_REPORTED
from cohort_selection.tables.column_names import field_of


def levels_of(attribute: str, bands: Sequence[int]) -> tuple[str, ...]:
    """Every level that cases can have of an attribute; empty where only the tables can tell.

    ``bands`` are the lower ends of the age groups.
    """
    if attribute == LABEL:
        return ("0", "1")
    if attribute == "age_group":
        below = (age_group(bands[0] - 1, bands),) if bands[0] > 0 else ()
        return (*below, *(age_group(low, bands) for low in bands), NOT_REPORTED)
    words = _WORDS.get(field_of(attribute) or "", {})
    return (*dict.fromkeys(words.values()), NOT_REPORTED) if words else ()
