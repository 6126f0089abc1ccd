"""Simulated studies with a cohort's own counts: binormal scores, right and wrong calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats, Ints

if TYPE_CHECKING:
    from metrics.claims.kernels import Classes

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The cases of a group: the patient of each positive (m,) and each negative case (n,)."""

    positive: Ints
    negative: Ints

    @classmethod
    def of(cls, labels: ArrayLike, patients: ArrayLike | None = None) -> Counts:
        """Counts of cases with ``labels`` (cases,) and ``patients`` (cases,); None: one each."""
        y = arrays.labels(labels)
        patient = arrays.clusters(patients, y.size)[0]
        return cls(patient[y], patient[~y])

    @property
    def clustered(self) -> bool:
        """Whether a patient has several cases."""
        both = np.concatenate([self.positive, self.negative])
        return _repeats(both)

    @property
    def fewest(self) -> int:
        """Patients of the class that has fewer."""
        return min(np.unique(self.positive).size, np.unique(self.negative).size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What scores are like beyond their AUROC.

    ``spread`` is the standard deviation of the negatives' scores over that of the positives';
    ``within`` the share of the variance that images of a patient share; ``correlation`` that of
    the two scores of a case.
    """

    spread: float = 1.0
    within: float = 0.5
    correlation: float = 0.5


def scores(
    generator: np.random.Generator, studies: int, counts: Counts, auroc: float, truth: Truth
) -> Classes:
    """Binormal scores of ``studies`` studies whose true AUROC is ``auroc``."""
    return _classes(_noise(generator, studies, counts, truth.within), counts, auroc, truth)


def paired_scores(
    generator: np.random.Generator,
    studies: int,
    counts: Counts,
    aurocs: tuple[float, float],
    truth: Truth,
) -> tuple[Classes, Classes]:
    """Binormal scores of two programs on the same cases, with the true ``aurocs``."""
    first, second = _paired_noise(generator, studies, counts, truth)
    return _classes(first, counts, aurocs[0], truth), _classes(second, counts, aurocs[1], truth)


def answers(
    generator: np.random.Generator, studies: int, patient: Ints, share: float, within: float
) -> Floats:
    """Answers (studies, cases), 1 where right, as often as ``share``, alike in a patient."""
    counts = Counts(patient, patient[:0])
    return _right(_noise(generator, studies, counts, within), share)


def paired_answers(
    generator: np.random.Generator,
    studies: int,
    patient: Ints,
    shares: tuple[float, float],
    truth: Truth,
) -> tuple[Floats, Floats]:
    """Answers of two programs on the same cases, each right as often as its share."""
    first, second = _paired_noise(generator, studies, Counts(patient, patient[:0]), truth)
    return _right(first, shares[0]), _right(second, shares[1])


def binormal_shift(auroc: float, spread: float) -> float:
    """Distance of the class means in standard deviations of the positives.

    Formula: z(AUROC) sqrt(1 + r^2), r the ``spread``.
    """
    return _NORMAL.inv_cdf(auroc) * math.sqrt(1.0 + spread**2)


def _classes(noise: Floats, counts: Counts, auroc: float, truth: Truth) -> Classes:
    m = counts.positive.size
    return noise[:, :m] + binormal_shift(auroc, truth.spread), noise[:, m:] * truth.spread


def _right(noise: Floats, share: float) -> Floats:
    return (noise < _NORMAL.inv_cdf(share)).astype(np.float64)


def _noise(generator: np.random.Generator, studies: int, counts: Counts, within: float) -> Floats:
    """Standard normal numbers (studies, cases), positives first, alike in a patient."""
    patient = np.concatenate([counts.positive, counts.negative])
    own = generator.standard_normal((studies, patient.size))
    if not _repeats(patient) or within == 0.0:
        return own
    number, k = arrays.renumbered(patient)
    shared = generator.standard_normal((studies, k))
    own *= math.sqrt(1.0 - within)
    own += math.sqrt(within) * shared[:, number]
    return own


def _paired_noise(
    generator: np.random.Generator, studies: int, counts: Counts, truth: Truth
) -> tuple[Floats, Floats]:
    first = _noise(generator, studies, counts, truth.within)
    second = _noise(generator, studies, counts, truth.within)
    second *= math.sqrt(1.0 - truth.correlation**2)
    second += truth.correlation * first
    return first, second


def _repeats(patient: Ints) -> bool:
    return np.unique(patient).size < patient.size
