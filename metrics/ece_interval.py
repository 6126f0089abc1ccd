"""An interval for the expected calibration error, which noise pushes up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats
from metrics.bootstrap import quantile
from metrics.calibration import ece
from metrics.edges import bin_of
from metrics.estimate import UndefinedMetric

DRAWS = 2_000


def ece_interval(
    y: ArrayLike,
    p: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    n_bins: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of ``ece`` from the joint normal distribution of its bins' gaps.

    ECE is sum_b |d_b|, d_b the sum of y - p over the cases in bin b divided by all cases; d is a
    mean over patients and near normal: d = m + e with e of its covariance over patients. The lower
    end is ECE less the upper quantile of sum_b |m_b + e_b| - sum_b |m_b|, the bins' gaps taken
    for noise as far as noise explains them, m_b = d_b sqrt(max(0, 1 - var d_b / d_b^2)); it is 0
    unless perfect calibration, m = 0, would give such an ECE less often than
    (1 - ``confidence``) / 2. The upper end is ECE plus the distance from median to upper quantile
    of sum_b |d_b + e_b|. Resampling alone does not cover: its percentile interval counts the
    upward bias twice and often lies above the ECE. Undefined as ``ece``, or with one patient.
    """
    y_ = arrays.labels(y)
    value = ece(y_, p, n_bins)
    p_ = arrays.probabilities(p, y_.size)
    patient, k = arrays.clusters(patients, y_.size)
    if k < 2:
        raise UndefinedMetric("an interval of ECE needs two patients; got one")
    n = y_.size
    gap = np.bincount(patient * n_bins + bin_of(p_, n_bins), y_ - p_, k * n_bins)
    part = gap.reshape(k, n_bins)
    mean = part.sum(axis=0) / n
    residual = part - np.outer(np.bincount(patient, minlength=k), mean)
    covariance = k / (k - 1) * residual.T @ residual / n**2
    noise = _normal(covariance, seed)
    variance = np.diag(covariance)
    kept = np.divide(variance, mean**2, out=np.ones(n_bins), where=mean**2 > variance)
    shrunk = mean * np.sqrt(1.0 - kept)
    upper = 0.5 + confidence / 2.0
    low = 0.0
    if value > quantile(_sizes(np.zeros(n_bins), noise), upper):
        excess = quantile(_sizes(shrunk, noise), upper) - float(np.abs(shrunk).sum())
        low = max(0.0, value - excess)
    around = _sizes(mean, noise)
    high = min(1.0, value + quantile(around, upper) - quantile(around, 0.5))
    return low, high


def _sizes(centre: Floats, noise: Floats) -> Floats:
    """The error of gaps ``centre`` in each draw of noise, in rising order."""
    return np.sort(np.abs(centre + noise).sum(axis=1))


def _normal(covariance: Floats, seed: int) -> Floats:
    """Draws with the given covariance, (draws, bins)."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    standard = np.random.default_rng([seed, DRAWS]).standard_normal((DRAWS, values.size))
    return np.asarray(standard @ root.T)
