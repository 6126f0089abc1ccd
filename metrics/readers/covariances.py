"""Covariances of the figures of all readers and modalities over the same cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.readers.figures import Jackknifed, reader_placements
from metrics.readers.reads import Reads

JACKKNIFE, DELONG = "jackknife", "DeLong"
COVARIANCES = (JACKKNIFE, DELONG)


def jackknife(estimates: Jackknifed) -> Floats:
    """Covariances (modalities, readers, modalities, readers) from units left out one at a time.

    Formula: (k - 1) / k sum over the k units of (F_-u - mean) (G_-u - mean). Source: Efron 1982;
    Obuchowski & Rockette 1995.
    """
    shape, k = estimates.values.shape, estimates.without.shape[2]
    if k < 2:
        raise UndefinedMetric(f"a jackknife needs two patients; got {k}")
    rows = estimates.without.reshape(-1, k)
    centred = rows - rows.mean(axis=1, keepdims=True)
    return ((k - 1) / k * (centred @ centred.T)).reshape(*shape, *shape)


def delong(study: Reads) -> Floats:
    """Covariances of AUROCs from DeLong's structural components, in one product of matrices.

    Obuchowski's clustered components where patients repeat. Undefined with fewer than two patients
    of a class. Source: DeLong, DeLong & Clarke-Pearson 1988; Obuchowski 1997.
    """
    shape = study.values.shape[:2]
    placed = reader_placements(study)
    each = np.array([one.auroc for one in placed])[:, None]
    positive = np.stack([one.positive for one in placed]) - each
    negative = np.stack([one.negative for one in placed]) - each
    y, (m, n) = study.y, (positive.shape[1], negative.shape[1])
    patients = tuple(np.unique(study.patient[of_class]).size for of_class in (y, ~y))
    if min(patients) < 2:
        raise UndefinedMetric(
            "DeLong's covariances need two patients of each class; got "
            f"{patients[0]} positive, {patients[1]} negative"
        )
    if not study.clustered:
        s10, s01 = positive @ positive.T, negative @ negative.T
        both = s10 / ((m - 1) * m) + s01 / ((n - 1) * n)
        return both.reshape(*shape, *shape)
    k = study.n_patients
    a10 = np.stack([np.bincount(study.patient[y], row, k) for row in positive])
    a01 = np.stack([np.bincount(study.patient[~y], row, k) for row in negative])
    crossed = a10 @ a01.T
    both = patients[0] / (patients[0] - 1) / m**2 * (a10 @ a10.T)
    both += patients[1] / (patients[1] - 1) / n**2 * (a01 @ a01.T)
    both += k / (k - 1) / (m * n) * (crossed + crossed.T)
    return both.reshape(*shape, *shape)


@dataclass(frozen=True, slots=True)
class Components:
    """Means of the covariances of a study, and variance components of its readers.

    ``variance`` of one figure; ``cov1`` of one reader in two modalities, ``cov2`` of two readers in
    one modality, ``cov3`` of two readers in two modalities; None where there is no such pair.
    """

    variance: float
    cov1: float | None
    cov2: float | None
    cov3: float | None


def components(covariance: Floats) -> Components:
    """Means over a matrix of covariances (modalities, readers, modalities, readers)."""
    t, r = covariance.shape[:2]
    same_t = np.eye(t, dtype=np.bool_)[:, None, :, None]
    same_r = np.eye(r, dtype=np.bool_)[None, :, None, :]

    def mean(entries: np.ndarray) -> float | None:
        some = covariance[np.broadcast_to(entries, covariance.shape)]
        return float(some.mean()) if some.size else None

    variance = mean(same_t & same_r)
    assert variance is not None
    return Components(
        variance, mean(~same_t & same_r), mean(same_t & ~same_r), mean(~same_t & ~same_r)
    )
