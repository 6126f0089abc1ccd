"""AUROC, average precision and partial areas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats
from metrics.estimate import UndefinedMetric


def auroc(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> float:
    """Chance that a positive case scores above a negative one, ties counted one half.

    Formula: AUROC = sum_ij w_i w_j [s_i > s_j] + 1/2 [s_i = s_j] over (sum_i w_i)(sum_j w_j).
    ``y`` (n,) labels 0/1, ``s`` (n,) scores, higher means more likely positive; ``w`` (n,) case
    weights. Undefined with one class only.
    Source: Mann & Whitney 1947; Bamber 1975.
    """
    y_, s_, w_ = _checked(y, s, w)
    curve = _cumulative(y_, s_, w_)
    arrays.both_classes("auroc", curve.tp[-1], curve.fp[-1])
    height = np.diff(curve.fp)
    twice_area = float(np.sum(height * (curve.tp[1:] + curve.tp[:-1])))  # exact without weights
    return min(1.0, twice_area / (2.0 * float(curve.tp[-1] * curve.fp[-1])))


def average_precision(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> float:
    """Mean precision over the positives as the threshold falls, without interpolation.

    Formula: AP = sum_k (recall_k - recall_{k-1}) precision_k over distinct scores, descending.
    ``y`` (n,) labels 0/1, ``s`` (n,) scores, ``w`` (n,) weights. Its chance level is the
    prevalence. Undefined without a positive case.
    Source: Zhu 2004; step-wise as scikit-learn's average_precision_score.
    """
    y_, s_, w_ = _checked(y, s, w)
    curve = _cumulative(y_, s_, w_)
    positive = float(curve.tp[-1])
    if not positive > 0:
        raise UndefinedMetric(
            f"average precision needs a positive case; got 0 positive, {curve.fp[-1]:g} negative"
        )
    gain = np.diff(curve.tp)
    step = gain > 0
    precision = curve.tp[1:][step] / (curve.tp[1:] + curve.fp[1:])[step]
    return min(1.0, float(np.sum(gain[step] * precision)) / positive)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Weight of positives and negatives at or above each distinct score, descending from none."""

    threshold: Floats
    tp: Floats
    fp: Floats


def cumulative(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> Cumulative:
    """Count the positives and negatives at or above each distinct score.

    The first point is (inf, 0, 0); ``threshold`` descends. Shapes (distinct scores + 1,).
    """
    return _cumulative(*_checked(y, s, w))


def sensitivity_at(
    y: ArrayLike, s: ArrayLike, specificity: float, w: ArrayLike | None = None
) -> float:
    """Sensitivity of the ROC curve at a declared specificity.

    Formula: the ROC curve, straight between neighbouring points, read at 1 - specificity; where
    it rises vertically the highest point counts. Undefined with one class only.
    Source: pROC's coords/ci.se convention (Robin 2011).
    """
    return float(roc_sensitivities(y, s, np.array([1.0 - specificity]), w)[0])


def specificity_at(
    y: ArrayLike, s: ArrayLike, sensitivity: float, w: ArrayLike | None = None
) -> float:
    """Specificity of the ROC curve at a declared sensitivity.

    Formula: ``sensitivity_at`` with the classes swapped and the scores' signs turned. Undefined
    with one class only.
    """
    y_, s_, w_ = _checked(y, s, w)
    return sensitivity_at(~y_, -s_, sensitivity, w_)


def roc_sensitivities(
    y: ArrayLike, s: ArrayLike, false_positive_rates: Floats, w: ArrayLike | None = None
) -> Floats:
    """Sensitivity of the ROC curve at each given false positive rate; shape as given."""
    y_, s_, w_ = _checked(y, s, w)
    curve = _cumulative(y_, s_, w_)
    arrays.both_classes("a ROC curve", curve.tp[-1], curve.fp[-1])
    x, tpr = curve.fp / curve.fp[-1], curve.tp / curve.tp[-1]
    rates = np.asarray(false_positive_rates, dtype=np.float64)
    left = np.searchsorted(x, rates + 1e-12, side="right") - 1  # the top of a vertical rise
    right = np.minimum(left + 1, x.size - 1)
    run = np.where(x[right] > x[left], x[right] - x[left], 1.0)
    share = np.clip((rates - x[left]) / run, 0.0, 1.0)
    return np.minimum(tpr[left] + share * (tpr[right] - tpr[left]), 1.0)


def partial_auroc(
    y: ArrayLike,
    s: ArrayLike,
    low: float = 0.0,
    high: float = 0.1,
    w: ArrayLike | None = None,
    *,
    standardized: bool = True,
) -> float:
    """Area under the ROC curve between two false positive rates.

    Formula: A = integral of TPR over FPR from ``low`` to ``high``; standardized as
    (1 + (A - A_min) / (A_max - A_min)) / 2, A_min the chance line's area and A_max the width, so
    that 0.5 is chance and 1 perfect. Undefined with one class only or an empty range.
    Source: McClish 1989.
    """
    y_, s_, w_ = _checked(y, s, w)
    if not 0.0 <= low < high <= 1.0:
        raise UndefinedMetric(f"a partial AUROC needs 0 <= low < high <= 1; got {low} and {high}")
    curve = _cumulative(y_, s_, w_)
    arrays.both_classes("a partial auroc", curve.tp[-1], curve.fp[-1])
    ends = roc_sensitivities(y_, s_, np.array([low, high]), w_)
    x, tpr = curve.fp / curve.fp[-1], curve.tp / curve.tp[-1]
    inside = (x > low) & (x < high)
    x = np.concatenate(([low], x[inside], [high]))
    height = np.concatenate(([ends[0]], tpr[inside], [_left_limit(curve, high)]))
    area = min(high - low, float(np.sum(np.diff(x) * (height[1:] + height[:-1])) / 2.0))
    return float(standardized_area(np.array(area), low, high)) if standardized else area


def partial_auroc_sensitivity(
    y: ArrayLike,
    s: ArrayLike,
    low: float = 0.9,
    high: float = 1.0,
    w: ArrayLike | None = None,
    *,
    standardized: bool = True,
) -> float:
    """Area left of the ROC curve between two sensitivities: ``partial_auroc`` turned about.

    Formula: integral of specificity over TPR from ``low`` to ``high``, standardized as that is.
    Undefined with one class only or an empty range. Source: McClish 1989; pROC.
    """
    y_, s_, w_ = _checked(y, s, w)
    return partial_auroc(~y_, -s_, 1.0 - high, 1.0 - low, w_, standardized=standardized)


def standardized_area(area: Floats, low: float, high: float) -> Floats:
    """McClish's standardization of areas between false positive rates ``low`` and ``high``."""
    least = (high - low) * (high + low) / 2.0
    return np.minimum((1.0 + (area - least) / ((high - low) - least)) / 2.0, 1.0)


def _left_limit(curve: Cumulative, rate: float) -> float:
    """Height of the ROC curve where it reaches ``rate`` from the left, before a vertical rise."""
    x, tpr = curve.fp / curve.fp[-1], curve.tp / curve.tp[-1]
    right = int(np.searchsorted(x, rate - 1e-12, side="left"))
    if right == 0:
        return float(tpr[0])
    right = min(right, x.size - 1)
    run = x[right] - x[right - 1]
    share = (rate - x[right - 1]) / run if run > 0 else 1.0
    return min(1.0, float(tpr[right - 1] + min(1.0, share) * (tpr[right] - tpr[right - 1])))


def _checked(y: ArrayLike, s: ArrayLike, w: ArrayLike | None) -> tuple[Bools, Floats, Floats]:
    y_ = arrays.labels(y)
    return y_, arrays.scores(s, y_.size), arrays.weights(w, y_.size)


def _cumulative(y: Bools, s: Floats, w: Floats) -> Cumulative:
    order = np.argsort(-s, kind="stable")
    s_, w_ = s[order], w[order]
    tp = np.cumsum(np.where(y[order], w_, 0.0))
    fp = np.cumsum(np.where(y[order], 0.0, w_))
    end = np.append(s_[1:] != s_[:-1], True)[: s_.size]
    return Cumulative(
        np.concatenate(([np.inf], s_[end])),
        np.concatenate(([0.0], tp[end])),
        np.concatenate(([0.0], fp[end])),
    )
