"""Thresholdout for AUROC: the sequestered cases answer only where practice cases mislead.

After Gossmann, Pezeshk, Wang & Sahiner 2021 (doi 10.1137/20M1333110), with normal noise; the
threshold has no noise of its own between answers, as in their code after the first one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats

OF_DIFFERENCE = 4.0
"""The noise of the comparison has this many times the standard deviation of the answer's."""


@dataclass(frozen=True, slots=True)
class Told:
    """An AUROC that may be told, and whether it comes from sequestered cases and spends budget."""

    value: float
    spends: bool


def told(
    sequestered: float, practice: float | None, *, difference: float, noise: float, seed: int
) -> Told:
    """Answer one look at a cohort.

    ``sequestered`` and ``practice`` are AUROCs of one model on the two sets of cases; without the
    latter the answer comes from the former. ``difference`` is the threshold, ``noise`` the standard
    deviation. The same ``seed`` gives the same answer. An answer lies from 0 to 1.
    """
    rng = np.random.default_rng(seed)
    of_value, of_difference = noise * rng.standard_normal(2)
    far = difference + OF_DIFFERENCE * of_difference
    if practice is not None and abs(sequestered - practice) <= far:
        return Told(practice, False)
    return Told(float(min(max(sequestered + of_value, 0.0), 1.0)), True)


def ranking(scores: Floats) -> bytes:
    """What an AUROC depends on: the order of the cases by ``scores`` (n,), with ties.

    Noise drawn from it cannot be averaged out by the same ranking in another submission.
    """
    return np.unique(scores, return_inverse=True)[1].astype(np.int64).tobytes()
