"""Figures at one declared threshold: sensitivity, specificity, predictive values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats
from metrics.edges import called as is_called
from metrics.estimate import UndefinedMetric

Number = TypeVar("Number", float, Floats)


@dataclass(frozen=True, slots=True)
class Confusion(Generic[Number]):
    """Weight of true and false positives and negatives at one threshold.

    Four numbers, or four arrays with one number a replicate: the formulas below serve both. What
    is undefined raises for numbers and is NaN in arrays, where ``bootstrap`` counts it.
    """

    tp: Number
    fp: Number
    fn: Number
    tn: Number


def confusion(
    y: ArrayLike, s: ArrayLike, threshold: float, w: ArrayLike | None = None
) -> Confusion[float]:
    """Count cases by label and by the rule: positive where score >= ``threshold``.

    ``y`` (n,) labels 0/1, ``s`` (n,) scores, ``w`` (n,) weights. The comparison allows a rounding
    of a millionth: 0.7 as float32, 0.699999988, is called at 0.7.
    """
    y_ = arrays.labels(y)
    called = is_called(arrays.scores(s, y_.size), threshold)
    w_ = arrays.weights(w, y_.size)
    tp, fn = float(w_[called & y_].sum()), float(w_[~called & y_].sum())
    fp, tn = float(w_[called & ~y_].sum()), float(w_[~called & ~y_].sum())
    return Confusion(tp, fp, fn, tn)


def sensitivity(c: Confusion[Number]) -> Number:
    """Share of positive cases called positive: TP / (TP + FN). Undefined without positives.

    Source: Yerushalmy 1947.
    """
    return ratio("sensitivity", c.tp, c.tp + c.fn, "positive cases")


def specificity(c: Confusion[Number]) -> Number:
    """Share of negative cases called negative: TN / (TN + FP). Undefined without negatives.

    Source: Yerushalmy 1947.
    """
    return ratio("specificity", c.tn, c.tn + c.fp, "negative cases")


def false_positive_rate(c: Confusion[Number]) -> Number:
    """Share of negative cases called positive: FP / (TN + FP). Undefined without negatives."""
    return ratio("false positive rate", c.fp, c.tn + c.fp, "negative cases")


def false_negative_rate(c: Confusion[Number]) -> Number:
    """Share of positive cases called negative: FN / (TP + FN). Undefined without positives."""
    return ratio("false negative rate", c.fn, c.tp + c.fn, "positive cases")


def ppv(c: Confusion[Number]) -> Number:
    """Share of called cases that are positive: TP / (TP + FP). Undefined if none is called.

    It holds at the prevalence of the cohort; see ``ppv_at_prevalence`` for another.
    """
    return ratio("ppv", c.tp, c.tp + c.fp, "cases called positive")


def npv(c: Confusion[Number]) -> Number:
    """Share of cases not called that are negative: TN / (TN + FN). Undefined if all are called."""
    return ratio("npv", c.tn, c.tn + c.fn, "cases called negative")


def ppv_at_prevalence(c: Confusion[Number], prevalence: float) -> Number:
    """PPV a population of the given prevalence would see, by Bayes' theorem.

    Formula: Se pi / (Se pi + (1 - Sp)(1 - pi)). Undefined where nothing would be called.
    Source: Vecchio 1966.
    """
    se, fpr = sensitivity(c), false_positive_rate(c)
    hit = se * prevalence
    return ratio("ppv at prevalence", hit, hit + fpr * (1.0 - prevalence), "calls")


def npv_at_prevalence(c: Confusion[Number], prevalence: float) -> Number:
    """NPV a population of the given prevalence would see, by Bayes' theorem.

    Formula: Sp (1 - pi) / (Sp (1 - pi) + (1 - Se) pi). Undefined where all would be called.
    Source: Vecchio 1966.
    """
    fnr, sp = false_negative_rate(c), specificity(c)
    cleared = sp * (1.0 - prevalence)
    return ratio("npv at prevalence", cleared, cleared + fnr * prevalence, "cases cleared")


def accuracy(c: Confusion[Number]) -> Number:
    """Share of cases called rightly: (TP + TN) / n. Undefined without cases."""
    return ratio("accuracy", c.tp + c.tn, c.tp + c.fp + c.fn + c.tn, "cases")


def selection_rate(c: Confusion[Number]) -> Number:
    """Share of cases called positive: (TP + FP) / n. Undefined without cases."""
    return ratio("selection rate", c.tp + c.fp, c.tp + c.fp + c.fn + c.tn, "cases")


def balanced_accuracy(c: Confusion[Number]) -> Number:
    """Mean of sensitivity and specificity. Undefined with one class only."""
    return (sensitivity(c) + specificity(c)) / 2.0


def youden_j(c: Confusion[Number]) -> Number:
    """Sensitivity + specificity - 1 (Youden 1950). Undefined with one class only."""
    return sensitivity(c) + specificity(c) - 1.0


def f1(c: Confusion[Number]) -> Number:
    """Harmonic mean of PPV and sensitivity: 2 TP / (2 TP + FP + FN).

    Undefined where no case is positive and none is called. Source: van Rijsbergen 1979.
    """
    return ratio("f1", 2.0 * c.tp, 2.0 * c.tp + c.fp + c.fn, "positive or called cases")


def mcc(c: Confusion[Number]) -> Number:
    """Matthews correlation of call and label.

    Formula: (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)). Undefined where a margin of the
    table is empty. Source: Matthews 1975.
    """
    root: Number = np.sqrt(c.tp + c.fp) * np.sqrt(c.tp + c.fn)
    root = root * np.sqrt(c.tn + c.fp) * np.sqrt(c.tn + c.fn)
    value = ratio("mcc", c.tp * c.tn - c.fp * c.fn, root, "cases in a margin of the 2x2 table")
    return _within(value, -1.0, 1.0)


def lr_positive(c: Confusion[Number]) -> Number:
    """How much a positive call raises the odds: sensitivity / (1 - specificity).

    Undefined without false positives. Source: Simel, Samsa & Matchar 1991.
    """
    return ratio("lr+", sensitivity(c), false_positive_rate(c), "false positives")


def lr_negative(c: Confusion[Number]) -> Number:
    """How much a negative call lowers the odds: (1 - sensitivity) / specificity.

    Undefined without true negatives. Source: Simel, Samsa & Matchar 1991.
    """
    return ratio("lr-", false_negative_rate(c), specificity(c), "true negatives")


def _within(value: Number, low: float, high: float) -> Number:
    """Take off what rounding puts beyond the range of a figure."""
    if isinstance(value, np.ndarray):
        return np.clip(value, low, high)
    return min(max(value, low), high)


def ratio(figure: str, part: Number, whole: Number, missing: str) -> Number:
    """Divide, or say that the ``figure`` is undefined for want of what is ``missing``."""
    if isinstance(whole, np.ndarray):
        return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    if not whole > 0:
        raise UndefinedMetric(f"{figure} is undefined: there are no {missing}")
    value = float(part / whole)
    if not np.isfinite(value):
        raise UndefinedMetric(f"{figure} is undefined: there are next to no {missing}")
    return value
