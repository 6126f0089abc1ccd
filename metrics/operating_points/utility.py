"""Net benefit: the worth of acting on predictions, by the harm that a reader accepts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.operating_points.rates import Confusion, Number, confusion, ratio


def net_benefit(c: Confusion[Number], threshold: float) -> Number:
    """True positives a case, less false positives at the exchange rate of the threshold.

    Formula: TP / n - FP / n * t / (1 - t). At ``threshold`` t a reader holds one missed positive
    as bad as (1 - t) / t needless calls. Undefined for t = 1 or without cases.
    Source: Vickers & Elkin 2006.
    """
    n: Number = c.tp + c.fp + c.fn + c.tn
    gain: Number = c.tp - c.fp * _odds(threshold)
    return ratio("net benefit", gain, n, "cases")


def treat_all_net_benefit(c: Confusion[Number], threshold: float) -> Number:
    """Net benefit of calling every case positive: prevalence - (1 - prevalence) t / (1 - t).

    Undefined for t = 1 or without cases. Source: Vickers & Elkin 2006.
    """
    positive: Number = c.tp + c.fn
    negative: Number = c.fp + c.tn
    return net_benefit(Confusion(positive, negative, 0.0 * positive, 0.0 * negative), threshold)


def standardized_net_benefit(c: Confusion[Number], threshold: float) -> Number:
    """Net benefit as a share of the prevalence, the most it can be; 1 is perfect.

    Formula: net benefit / prevalence. Undefined without positives. Source: Kerr 2016.
    """
    positive: Number = c.tp + c.fn
    gain: Number = c.tp - c.fp * _odds(threshold)
    return ratio("standardized net benefit", gain, positive, "positive cases")


def decision_curve(y: ArrayLike, p: ArrayLike, thresholds: ArrayLike) -> Floats:
    """Net benefit of the predictions and of calling all, (2, thresholds); calling none is 0.

    Source: Vickers & Elkin 2006.
    """
    tables = [(confusion(y, p, float(t)), float(t)) for t in np.asarray(thresholds)]
    return np.array(
        [
            [net_benefit(table, t) for table, t in tables],
            [treat_all_net_benefit(table, t) for table, t in tables],
        ]
    )


def _odds(threshold: float) -> float:
    if not 0.0 <= threshold < 1.0:
        raise UndefinedMetric(f"net benefit needs a threshold in [0, 1); got {threshold:g}")
    return threshold / (1.0 - threshold)
