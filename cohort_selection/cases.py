"""Cases as the steward has them, the blinded view that a container gets, and their levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a lesion that lies in one frame of one image.

    ``source`` is the image's SOPInstanceUID, ``frame`` counts from 1, ``lesion`` numbers the
    lesions of a case from 1. A mask has ``runs`` (see ``cohort_selection/task/runs.py``), a box
    ``box``: x, y, width and height in pixels, x and y from the upper left corner of the image to
    that of the box. A point is a box of no width.
    """

    source: str
    frame: int
    lesion: int
    runs: str = ""
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One imaging study with its reference standard; never leaves the steward's side.

    ``label`` is 0 or 1. ``targets`` is what the reference standard says of each output of a task
    that asks for more: None where it is not known. ``regions`` are where its lesions lie, for a
    task that asks for that.
    """

    case_id: str
    patient_id: str
    files: tuple[Path, ...]
    label: int
    attributes: Mapping[str, str]
    targets: Mapping[str, float | None] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class BlindedCase:
    """What a container may be given of a case: no label, no patient, an id drawn for one run."""

    case_id: str
    files: tuple[Path, ...]
    attributes: Mapping[str, str]


LABEL = "label"


class UnknownAttributeError(ValueError):
    """A variable was named that the cases do not carry."""


def value(case: Case, variable: str) -> str:
    """A case's level of ``variable``: its label as text, an attribute, or a joint "a x b"."""
    if variable == LABEL:
        return str(case.label)
    if variable in case.attributes:
        return case.attributes[variable]
    parts = variable.split(" x ")
    if len(parts) > 1:
        return " x ".join(value(case, part) for part in parts)
    known = ", ".join([LABEL, *case.attributes])
    raise UnknownAttributeError(
        f"{variable!r} is not an attribute of the cases; they have {known}; "
        "correct the name or add it to [cohort] attributes"
    )
