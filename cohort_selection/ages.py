"""Ages as DICOM writes them, and the oldest that is believed."""

from __future__ import annotations

import re

OLDEST = 120
"""Years; an age above it is a mistake or a placeholder, not an age."""
_PLACEHOLDER = 999  # of any unit: what is entered where nothing is known
_AGE = re.compile(r"([0-9]{1,3})\s*([YMWD]?)")


def years(text: str) -> int | None:
    """Whole years of a DICOM age string ("052Y", "006M", or a bare "62"); None where it is none."""
    matched = _AGE.fullmatch(text.strip().upper())
    if matched is None:
        return None
    number, unit = int(matched[1]), matched[2]
    age = number // {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}[unit]
    return age if age <= OLDEST and number != _PLACEHOLDER else None
