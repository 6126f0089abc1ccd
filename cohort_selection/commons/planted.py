"""Further findings of simulated radiographs, planted in what the images already show.

The heart of each chest and the breath of each image are drawn for every radiograph. Two findings
follow from them, as the opacity follows from its severity; nothing of an image changes. What is
found in a study is a list; the main finding is one class of three. Of CT volumes the findings are
drawn alike, and their images do not show the breath.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cohort_selection.commons import phantom

OPACITY, LARGE_HEART, LOW_VOLUMES = "Opacity", "Large heart", "Low lung volumes"
FINDINGS = (OPACITY, LARGE_HEART, LOW_VOLUMES)
NO_FINDING = "No finding"
NORMAL = "Normal"
CLASSES = (NORMAL, OPACITY, LARGE_HEART)
"""The main finding of a study: one of these."""

COLUMNS = ("findings", "main_finding", "severity_grade")
"""Columns of the clinical table."""
TRUTH_COLUMNS = ("risk_large_heart", "risk_low_volumes", *(f"chance_{c}" for c in range(3)))
"""Columns of the truth: the risk of each further finding, the chance of each class in turn."""

# log odds by standard deviations of the heart's radius and of the breath
_HEART, _HEART_SPREAD, _PER_HEART = 0.131, 0.016, 2.6
_BREATH, _BREATH_SPREAD, _PER_BREATH = 0.965, 0.045, 2.6


HIGHEST_GRADE = 8
_READING_ERROR = 0.06
"""Standard deviation of a reading, in shares of the severity's range."""


@dataclass(frozen=True, slots=True)
class Planted:
    """Cells of the clinical table and of the truth, by column."""

    clinical: Mapping[str, str]
    truth: Mapping[str, str]


def planted(
    chest: phantom.Anatomy,
    stance: phantom.Pose,
    opacity: tuple[float, int],
    rng: np.random.Generator,
) -> Planted:
    """Draw the findings of a study from its chest and stance; ``opacity`` is its risk and label.

    The main finding is drawn from the odds 1 : odds of the opacity : odds of a large heart.
    """
    risk, label = opacity
    heart = _logistic(_PER_HEART * (chest.heart - _HEART) / _HEART_SPREAD - 0.8)
    low = _logistic(_PER_BREATH * (_BREATH - stance.inspiration) / _BREATH_SPREAD - 0.8)
    found = [label == 1, rng.random() < heart, rng.random() < low]
    odds = np.array([1.0, risk / (1.0 - risk), heart / (1.0 - heart)])
    chances = odds / odds.sum()
    main = CLASSES[int(np.searchsorted(np.cumsum(chances)[:-1], rng.random(), side="right"))]
    names = [name for name, there in zip(FINDINGS, found, strict=True) if there]
    return Planted(
        dict(zip(COLUMNS[:2], ("|".join(names) or NO_FINDING, main), strict=True)),
        {
            name: f"{value:.9f}"
            for name, value in zip(TRUTH_COLUMNS, (heart, low, *chances.tolist()), strict=True)
        },
    )


def severity_grade(severity: float, rng: np.random.Generator) -> int:
    """A reader's grade from 0 to 8 of a severity from 0 to 1: nine bands of equal width.

    The reader sees the severity with a normal error.
    """
    seen = severity + _READING_ERROR * rng.standard_normal()
    return int(np.clip(math.floor((HIGHEST_GRADE + 1) * seen), 0, HIGHEST_GRADE))


def _logistic(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
