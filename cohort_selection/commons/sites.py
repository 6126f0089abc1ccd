"""The sites of a simulated commons: who comes there, and what they are imaged with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cohort_selection.commons.radiograph import Modality

RACES = (
    "White",
    "Black or African American",
    "Asian",
    "Other",
    "American Indian or Alaska Native",
    "Native Hawaiian or other Pacific Islander",
    "Not Reported",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """How one site's machine turns a chest into pixels.  Nothing here depends on the label."""

    manufacturer: str
    model: str
    modality: Modality
    size: int
    bits_stored: int
    inverted: bool
    gain: float
    offset: float
    noise: float
    blur: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who comes to a site, how ill they are there, and what they are imaged with."""

    site_id: str
    share: float
    mean_age: float
    female: float
    races: tuple[float, ...]  # in the order of RACES
    hispanic: float
    log_odds: float  # added to everybody's risk: the site's prevalence
    supine: float  # share of AP views
    scanner: Scanner


_SCANNERS: Mapping[str, Sequence[Any]] = {
    "manufacturer": ("Alderney Imaging", "Brightwell", "Corvane", "Alderney Imaging"),
    "model": ("DR 500", "Mobile 2", "Radia X", "CR 90"),
    "modality": ("DX", "CR", "DX", "CR"),
    "size": (128, 128, 144, 128),
    "bits_stored": (12, 15, 14, 12),
    "inverted": (False, True, False, False),
    "gain": (0.92, 0.8, 0.88, 0.7),
    "offset": (0.04, 0.1, 0.06, 0.16),
    "noise": (0.012, 0.022, 0.01, 0.034),
    "blur": (0.0, 0.6, 0.0, 0.8),
}
"""Each field of the sites' scanners, in the order of the sites."""

_SITES: Mapping[str, Sequence[Any]] = {
    "site_id": ("101", "102", "103", "104"),
    "share": (0.36, 0.28, 0.22, 0.14),
    "mean_age": (61.0, 52.0, 55.0, 66.0),
    "female": (0.48, 0.53, 0.52, 0.45),
    "races": (
        (0.7, 0.1, 0.07, 0.05, 0.01, 0.0, 0.07),
        (0.28, 0.46, 0.06, 0.1, 0.01, 0.01, 0.08),
        (0.42, 0.08, 0.3, 0.1, 0.02, 0.02, 0.06),
        (0.8, 0.05, 0.03, 0.04, 0.04, 0.0, 0.04),
    ),
    "hispanic": (0.08, 0.17, 0.34, 0.05),
    "log_odds": (-0.15, 0.3, -0.3, 0.1),
    "supine": (0.3, 0.6, 0.2, 0.5),
}

SITES = tuple(
    Site(
        **dict(zip(_SITES, of_site, strict=True)),
        scanner=Scanner(**dict(zip(_SCANNERS, of_scanner, strict=True))),
    )
    for of_site, of_scanner in zip(
        zip(*_SITES.values(), strict=True), zip(*_SCANNERS.values(), strict=True), strict=True
    )
)

SHORTCUT_SITES = ("101", "102")
"""Whose scanner takes a study without, and with, an opacity where a shortcut is planted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imaging:
    """Whose study it is, when, how ill, on whose machine, and where its randomness comes from."""

    study_uid: str
    patient_id: str
    at: Site
    supine: float  # share of AP views among the person's like
    female: bool
    age: int
    stated_age: int
    severity: float
    acquired: str
    anatomy: np.random.Generator
    image: np.random.Generator
    lesion: np.random.Generator | None = None

    @property
    def sex(self) -> str:
        """As tables write it."""
        return "Female" if self.female else "Male"
