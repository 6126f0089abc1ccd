"""An interval for the expected calibration error, which noise pushes up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats
from metrics.calibration import noise as calibration_noise
from metrics.calibration.errors import ece
from metrics.edges import bin_of
from metrics.estimate import Interval
from metrics.group import Group, everyone
from metrics.resampling.bootstrap import quantile

DRAWS = 1_000


def interval_of_ece(group: Group, n_bins: int, confidence: float, seed: int) -> Interval:
    """Interval of ``ece`` from the joint distribution of its bins' gaps.

    ECE is sum_b |d_b|, d_b the sum of y - p over the cases in bin b divided by all cases; d is a
    mean over patients and near normal: d = m + e with e of its covariance over patients, within
    the strata of the sampling design, widened to Student's t where patients are few. The lower
    end is ECE less the upper quantile of sum_b |m_b + e_b| - sum_b |m_b|, the bins' gaps taken
    for noise as far as noise explains them, m_b = d_b sqrt(max(0, 1 - var d_b / d_b^2)); it is 0
    unless outcomes drawn by p, as if every prediction were right, would give such an ECE less
    often than (1 - ``confidence``) / 2. The upper end is ECE plus the distance from median to
    upper quantile of sum_b |d_b + e_b|. Resampling alone does not cover: its percentile interval
    counts the upward bias twice and often lies above the ECE. Undefined as ``ece``, or with one
    patient.
    """
    value = ece(group.y, group.s, n_bins)
    member, n_cells = arrays.renumbered(bin_of(group.s, n_bins))
    residuals = calibration_noise.residuals(group, member, n_cells)
    noise = calibration_noise.of_data(residuals, DRAWS, confidence, seed)
    variance = np.diag(residuals.covariance)
    square = residuals.gap**2
    factor = np.divide(variance, square, out=np.ones(n_cells), where=square > variance)
    shrunk = residuals.gap * np.sqrt(1.0 - factor)
    upper = 0.5 + confidence / 2.0
    right = calibration_noise.of_calibrated(residuals, DRAWS, confidence, seed)
    low = 0.0
    if value > quantile(_sizes(np.zeros(n_cells), right), upper) + 1e-12:
        excess = quantile(_sizes(shrunk, noise), upper) - float(np.abs(shrunk).sum())
        low = max(0.0, value - max(0.0, excess))
    around = _sizes(residuals.gap, noise)
    high = min(1.0, value + max(0.0, quantile(around, upper) - quantile(around, 0.5)))
    method = (
        "normal gaps of bins, upward bias allowed for, lower end 0 unless right predictions would "
        "rarely give so much"
    )
    return Interval(low, high, method)


def ece_interval(
    y: ArrayLike,
    p: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    n_bins: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of ``ece`` where the number of positives was left to chance.

    See ``interval_of_ece``. Undefined as ``ece``, or with one patient.
    """
    y_ = arrays.labels(y)
    ece(y_, p, n_bins)
    p_ = arrays.probabilities(p, y_.size)
    patient, k = arrays.clusters(patients, y_.size)
    low, high, _ = interval_of_ece(everyone(y_, p_, patient, k), n_bins, confidence, seed)
    return low, high


def _sizes(centre: Floats, noise: Floats) -> Floats:
    """The error of gaps ``centre`` in each draw of noise, in rising order."""
    return np.sort(np.abs(centre + noise).sum(axis=1))
