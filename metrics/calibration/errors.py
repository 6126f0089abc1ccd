"""Calibration error in bins, Brier score, log loss, observed and expected events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import PROBABILITY_FLOOR, Bools, Floats, Ints
from metrics.edges import bin_of
from metrics.estimate import UndefinedMetric


def brier(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Mean squared difference between probability and outcome; 0 is perfect.

    Formula: sum w (p - y)^2 / sum w. ``y`` (n,) labels 0/1, ``p`` (n,) probabilities. Undefined
    without cases. Source: Brier 1950.
    """
    y_, p_, w_ = _checked("brier", y, p, w)
    return min(1.0, float(w_ @ (p_ - y_) ** 2 / w_.sum()))


def scaled_brier(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Brier score against the prevalence as forecast: 1 is perfect, 0 is no better than it.

    Formula: 1 - Brier / (prevalence (1 - prevalence)). Undefined with one class only.
    Source: Steyerberg 2010 (index of prediction accuracy).
    """
    y_, p_, w_ = _checked("scaled brier", y, p, w)
    arrays.both_classes("scaled brier", float(w_[y_].sum()), float(w_[~y_].sum()))
    prevalence = float(w_ @ y_ / w_.sum())
    return 1.0 - brier(y_, p_, w_) / (prevalence * (1.0 - prevalence))


def log_loss(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Mean negative log probability given to what happened, in nats.

    Formula: -sum w (y log p + (1 - y) log(1 - p)) / sum w, p kept within [2^-24, 1 - 2^-24].
    Undefined without cases. Source: Good 1952.
    """
    y_, p_, w_ = _checked("log loss", y, p, w)
    return float(w_ @ log_losses(y_, p_) / w_.sum())


def log_losses(y: Bools, p: Floats) -> Floats:
    """Negative log probability of what happened, a case, in nats; p as in ``log_loss``."""
    clipped = np.clip(p, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    return np.asarray(-np.where(y, np.log(clipped), np.log1p(-clipped)))


@dataclass(frozen=True, slots=True)
class Bins:
    """Weight, mean probability and observed share of the cases of each bin that has any."""

    weight: Floats
    predicted: Floats
    observed: Floats


def equal_width_bins(
    y: ArrayLike, p: ArrayLike, n_bins: int = 10, w: ArrayLike | None = None
) -> Bins:
    """Cases by probability in ``n_bins`` equal steps (lo, hi]; 0 is in the first.

    Edges are compared with a tolerance of a millionth, so that 0.30000000000000004 and the
    float32 next to 0.3 are 0.3.
    """
    y_, p_, w_ = _checked("a reliability table", y, p, w)
    return _table(y_, p_, w_, bin_of(p_, n_bins), n_bins)


def equal_mass_bins(
    y: ArrayLike, p: ArrayLike, n_bins: int = 10, w: ArrayLike | None = None
) -> Bins:
    """Cases in ``n_bins`` runs of about equal weight by rising probability; ties stay together."""
    y_, p_, w_ = _checked("a reliability table", y, p, w)
    return _table(y_, p_, w_, mass_bin_of(p_, w_, n_bins), n_bins)


def mass_bin_of(p: Floats, w: Floats, n_bins: int) -> Ints:
    """Equal-mass bin 0..n_bins-1 of each probability: by its weighted mid-rank."""
    distinct, member = np.unique(p, return_inverse=True)
    mass = np.bincount(member, w, distinct.size)
    middle = (np.cumsum(mass) - mass / 2.0) / mass.sum()
    return np.clip((middle * n_bins).astype(np.int64), 0, n_bins - 1)[member]


def ece(y: ArrayLike, p: ArrayLike, n_bins: int = 10, w: ArrayLike | None = None) -> float:
    """Expected calibration error: mean absolute gap of observed and predicted over bins.

    Formula: sum_b (W_b / W) |observed_b - predicted_b|, equal-width bins (lo, hi]. It is biased
    upward in small samples, and more so in resamples. Undefined without cases.
    Source: Naeini 2015, for the probability of the positive class.
    """
    return _weighted_gap(equal_width_bins(y, p, n_bins, w))


def ece_equal_mass(
    y: ArrayLike, p: ArrayLike, n_bins: int = 10, w: ArrayLike | None = None
) -> float:
    """Expected calibration error over bins of equal mass. Undefined without cases.

    Formula: as ``ece``, bins by weighted mid-rank, ties kept together. Source: Nguyen 2015.
    """
    return _weighted_gap(equal_mass_bins(y, p, n_bins, w))


def mce(y: ArrayLike, p: ArrayLike, n_bins: int = 10, w: ArrayLike | None = None) -> float:
    """Largest gap of observed and predicted over equal-width bins; undefined without cases.

    Source: Naeini 2015.
    """
    table = equal_width_bins(y, p, n_bins, w)
    return min(1.0, float(np.max(np.abs(table.observed - table.predicted))))


def observed_minus_expected(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Prevalence minus mean probability: calibration-in-the-large as a risk difference.

    Formula: sum w (y - p) / sum w. Undefined without cases.
    """
    y_, p_, w_ = _checked("observed minus expected", y, p, w)
    return min(max(float(w_ @ (y_ - p_) / w_.sum()), -1.0), 1.0)


def observed_expected_ratio(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """Positives seen over positives predicted: sum w y / sum w p.

    Undefined where the probabilities sum to 0. Source: Debray 2017.
    """
    y_, p_, w_ = _checked("observed / expected", y, p, w)
    expected = float(w_ @ p_)
    if not expected > 0:
        raise UndefinedMetric("observed / expected is undefined: the probabilities sum to 0")
    value = float(w_ @ y_) / expected
    if not np.isfinite(value):
        raise UndefinedMetric("observed / expected is undefined: the probabilities sum to about 0")
    return value


def _weighted_gap(table: Bins) -> float:
    gap = np.abs(table.observed - table.predicted)
    return min(1.0, float(table.weight @ gap / table.weight.sum()))


def _table(y: Bools, p: Floats, w: Floats, member: Ints, n_bins: int) -> Bins:
    weight = np.bincount(member, w, n_bins).astype(np.float64)
    predicted = np.bincount(member, w * p, n_bins)
    observed = np.bincount(member, w * y, n_bins)
    used = weight > 0
    return Bins(weight[used], predicted[used] / weight[used], observed[used] / weight[used])


def _checked(
    figure: str, y: ArrayLike, p: ArrayLike, w: ArrayLike | None
) -> tuple[Bools, Floats, Floats]:
    y_ = arrays.labels(y)
    p_, w_ = arrays.probabilities(p, y_.size), arrays.weights(w, y_.size)
    if not w_.sum() > 0:
        raise UndefinedMetric(f"{figure} needs at least one case; got weight 0")
    return y_, p_, w_
