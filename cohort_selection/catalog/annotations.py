"""Names the annotations among the files that an index keeps out of the images.

Segmentations and structured reports say where lesions lie: tasks of masks and marks find them again
by the quarantine (``cohort_selection/regions/annotated.py``).
"""

from __future__ import annotations

import re

SEGMENTATION, REPORT = "segmentation", "structured report"
"""What an annotation is."""

_KEPT_OUT = re.compile(
    r"(?:modality (?P<modality>\w+)|an object of the class (?P<named>.+)) is not an image"
)
_OF_MODALITY = {"SEG": SEGMENTATION, "SR": REPORT}
_OF_CLASS = re.compile(r"(?P<segmentation>(?:Label Map )?Segmentation)|.*\bSR")


def annotation(reason: str) -> str:
    """What a file is that was kept out for ``reason``: one of the two kinds, or ''."""
    found = _KEPT_OUT.match(reason)
    if found is None:
        return ""
    if found["modality"]:
        return _OF_MODALITY.get(found["modality"], "")
    of_class = _OF_CLASS.fullmatch(found["named"])
    if of_class is None:
        return ""
    return SEGMENTATION if of_class["segmentation"] else REPORT


def explained(reason: str) -> str:
    """The reason, with what an annotation is and what it is good for."""
    kind = annotation(reason)
    return f"{reason}; it is a {kind}, which tasks of masks and marks read" if kind else reason
