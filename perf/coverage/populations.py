"""Populations whose figures are known: binormal scores, by closed form or numerical integration."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri

Floats = NDArray[np.float64]

STRETCH = 1.3
"""Predictions are the true probabilities with their log odds stretched by this."""
SPECIFICITY = SENSITIVITY = 0.9
PREVALENCE = 0.05
PARTIAL = (0.0, 0.2)
"""The operating points, prevalence and range of the plan that the cells are scored with."""

_NORMAL = NormalDist()
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_FAR = 9.0
_FLOOR = 2.0**-24


@dataclass(frozen=True, slots=True)
class Binormal:
    """Cases with a latent score: N(0, 1) in negatives, N(d, ``positive_sd``^2) in positives.

    ``d`` is what ``auroc`` asks for. With equal spread the true log odds are linear in the latent
    score, and predictions are the true probabilities with log odds times ``stretch``. With unequal
    spread predictions only rank the cases.
    """

    auroc: float
    prevalence: float
    stretch: float = STRETCH
    positive_sd: float = 1.0

    @property
    def d(self) -> float:
        """Mean of the latent score in positives."""
        return _NORMAL.inv_cdf(self.auroc) * math.hypot(1.0, self.positive_sd)

    @property
    def line(self) -> tuple[float, float]:
        """Offset and slope of the prediction's log odds over the latent score."""
        if self.positive_sd != 1.0:
            return -self.d / 2.0, 1.0
        offset = float(logit(self.prevalence)) - self.d**2 / 2.0
        return self.stretch * offset, self.stretch * self.d

    @property
    def threshold(self) -> float:
        """Prediction midway between the classes."""
        offset, slope = self.line
        return float(expit(offset + slope * self.d / 2.0))

    def predicted(self, latent: Floats) -> Floats:
        """Prediction of each latent score."""
        offset, slope = self.line
        return np.asarray(expit(offset + slope * latent))

    def latent_of(self, prediction: float) -> float:
        """Latent score that gives a prediction; infinite for 0 and 1."""
        offset, slope = self.line
        return (float(logit(prediction)) - offset) / slope


@lru_cache(maxsize=64)
def exact_figures(population: Binormal, threshold: float) -> dict[str, float]:
    """Every figure of the population with a closed form or an integral, by the metric's name."""
    elsewhere = _at_threshold(population, threshold, PREVALENCE)
    return {
        **_discrimination(population),
        **_at_threshold(population, threshold, population.prevalence),
        **{f"{name}_at_prevalence_{PREVALENCE:g}": value for name, value in elsewhere.items()},
        **_calibration(population),
    }


def figures_at_cohort_prevalence(
    population: Binormal, threshold: float, prevalence: float
) -> dict[str, float]:
    """Figures of the population's two classes mixed as they are in a cohort."""
    made = _at_threshold(population, threshold, prevalence)
    positive, negative = _class_briers(population)
    made["brier"] = prevalence * positive + (1.0 - prevalence) * negative
    return {f"{name}_at_cohort_prevalence": value for name, value in made.items()}


def _discrimination(population: Binormal) -> dict[str, float]:
    d, sd, share = population.d, population.positive_sd, population.prevalence
    cut = _NORMAL.inv_cdf(SPECIFICITY)
    miss = d + sd * _NORMAL.inv_cdf(1.0 - SENSITIVITY)

    def precision(x: Floats) -> Floats:
        called = share * _above(x, d, sd)
        return np.asarray(called / (called + (1.0 - share) * _above(x, 0.0, 1.0)))

    low, high = PARTIAL
    area = _integral(
        lambda x: _above(x, d, sd) * _density(x, 0.0, 1.0), _NORMAL.inv_cdf(1.0 - high), _FAR
    )
    chance = (high**2 - low**2) / 2.0
    return {
        "auroc": population.auroc,
        "average_precision": _mean(population, precision, positives=True),
        f"sensitivity_at_specificity_{SPECIFICITY:g}": float(ndtr((d - cut) / sd)),
        f"specificity_at_sensitivity_{SENSITIVITY:g}": float(ndtr(miss)),
        f"partial_auroc_{low:g}_{high:g}": (1.0 + (area - chance) / (high - low - chance)) / 2.0,
    }


def _at_threshold(population: Binormal, threshold: float, share: float) -> dict[str, float]:
    d, sd = population.d, population.positive_sd
    cut = population.latent_of(threshold)
    se, sp = float(ndtr((d - cut) / sd)), float(ndtr(cut))
    tp, fn, tn, fp = share * se, share * (1 - se), (1 - share) * sp, (1 - share) * (1 - sp)
    margins = (tp + fp) * share * (1.0 - share) * (tn + fn)
    benefit = tp - fp * threshold / (1.0 - threshold)
    return {
        "sensitivity": se,
        "specificity": sp,
        "false_positive_rate": 1.0 - sp,
        "false_negative_rate": 1.0 - se,
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "accuracy": tp + tn,
        "selection_rate": tp + fp,
        "f1": 2.0 * tp / (2.0 * tp + fp + fn),
        "balanced_accuracy": (se + sp) / 2.0,
        "youden_j": se + sp - 1.0,
        "mcc": (tp * tn - fp * fn) / math.sqrt(margins),
        "lr_positive": se / (1.0 - sp),
        "lr_negative": (1.0 - se) / sp,
        "net_benefit": benefit,
        "standardized_net_benefit": benefit / share,
    }


def _calibration(population: Binormal) -> dict[str, float]:
    share = population.prevalence
    expected = _mean(population, population.predicted)
    positive, negative = _class_briers(population)
    brier = share * positive + (1.0 - share) * negative
    made = {
        "observed_minus_expected": share - expected,
        "observed_expected_ratio": share / expected,
        "brier": brier,
        "scaled_brier": 1.0 - brier / (share * (1.0 - share)),
        "log_loss": _log_loss(population),
        "ece": _ece(population, 10),
        "calibration_in_the_large": _in_the_large(population),
    }
    if population.positive_sd == 1.0:
        # the true log odds are the prediction's over ``stretch``
        made["calibration_slope"] = 1.0 / population.stretch
        made["calibration_intercept"] = 0.0
        made |= _corp(population, brier)
    return made


@lru_cache(maxsize=64)
def _class_briers(population: Binormal) -> tuple[float, float]:
    """Mean squared error in positives and in negatives."""
    return (
        _mean(population, lambda x: (1.0 - population.predicted(x)) ** 2, True),
        _mean(population, lambda x: population.predicted(x) ** 2, False),
    )


def _log_loss(population: Binormal) -> float:
    def kept(x: Floats) -> Floats:
        return np.clip(population.predicted(x), _FLOOR, 1.0 - _FLOOR)

    share = population.prevalence
    positives = _mean(population, lambda x: -np.log(kept(x)), True)
    return share * positives + (1.0 - share) * _mean(
        population, lambda x: -np.log1p(-kept(x)), False
    )


def _ece(population: Binormal, n_bins: int) -> float:
    edges = [-_FAR, *(population.latent_of(k / n_bins) for k in range(1, n_bins))]
    edges.append(population.d + _FAR * max(1.0, population.positive_sd))
    edges = np.clip(edges, edges[0], edges[-1]).tolist()
    share, d, sd = population.prevalence, population.d, population.positive_sd

    def excess(x: Floats) -> Floats:
        positive = share * _density(x, d, sd)
        both = positive + (1.0 - share) * _density(x, 0.0, 1.0)
        return np.asarray(positive - both * population.predicted(x))

    return sum(abs(_integral(excess, low, high)) for low, high in pairwise(edges))


def _in_the_large(population: Binormal) -> float:
    """Intercept over the prediction's log odds that makes expected and observed equal."""

    def excess(intercept: float) -> float:
        return (
            _mean(population, lambda x: expit(intercept + logit(population.predicted(x))))
            - population.prevalence
        )

    return float(brentq(excess, -5.0, 5.0, xtol=1e-12))


def _corp(population: Binormal, brier: float) -> dict[str, float]:
    """Parts of the Brier score, for the isotonic curve of an endless sample: the true one."""
    true = Binormal(population.auroc, population.prevalence, 1.0)
    left = _mean(population, lambda x: true.predicted(x) * (1.0 - true.predicted(x)))
    share = population.prevalence
    return {
        "corp_miscalibration": brier - left,
        "corp_discrimination": share * (1.0 - share) - left,
    }


def _mean(
    population: Binormal, function: Callable[[Floats], Floats], positives: bool | None = None
) -> float:
    """Mean over the population's cases, or over those of one class."""
    if positives is None:
        share = population.prevalence
        return share * _mean(population, function, True) + (1.0 - share) * _mean(
            population, function, False
        )
    centre, sd = (population.d, population.positive_sd) if positives else (0.0, 1.0)
    return _integral(
        lambda x: function(x) * _density(x, centre, sd), centre - _FAR * sd, centre + _FAR * sd
    )


def _integral(function: Callable[[Floats], Floats], low: float, high: float) -> float:
    half = (high - low) / 2.0
    return float(half * (_WEIGHTS @ function(low + half * (1.0 + _NODES))))


def _density(x: Floats, centre: float, sd: float) -> Floats:
    return np.asarray(np.exp(-(((x - centre) / sd) ** 2) / 2.0) / (sd * math.sqrt(2.0 * math.pi)))


def _above(x: Floats, centre: float, sd: float) -> Floats:
    return np.asarray(ndtr((centre - x) / sd))


def ideal_sample(population: Binormal, n: int = 100_000) -> tuple[NDArray[np.bool_], Floats]:
    """Labels and predictions of ``n`` cases whose latent scores are the quantiles of each class.

    Figures without a closed form are taken from it: chance has no part in it.
    """
    positive = round(n * population.prevalence)
    y = np.arange(n) < positive
    rank = np.concatenate([np.arange(positive), np.arange(n - positive)])
    share = (rank + 0.5) / np.where(y, positive, n - positive)
    latent = ndtri(share)
    latent = np.where(y, population.d + population.positive_sd * latent, latent)
    return y, population.predicted(latent)
