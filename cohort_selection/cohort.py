"""Cases, the blinded view of them that a container gets, and the sealed cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """One imaging study with its reference standard; never leaves the steward's side."""

    case_id: str
    patient_id: str
    files: tuple[Path, ...]
    label: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BlindedCase:
    """What a container may be given of a case: no label, no patient, an id drawn for one run."""

    case_id: str
    files: tuple[Path, ...]
    attributes: Mapping[str, str]
