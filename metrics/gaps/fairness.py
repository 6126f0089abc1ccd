"""Named differences between groups, from each group's rates.

Every function takes rates of shape (groups, ...): one number a group, or one a group and
replicate, and gives shape (...). The same formula thus serves the figure and its replicates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats
from metrics.discrimination.delong import auroc_estimate
from metrics.estimate import Estimate, UndefinedMetric


def max_min_gap(rates: Floats) -> Floats:
    """Largest minus smallest of a figure over the groups; 0 where all are equal.

    Formula: max_g F_g - min_g F_g. Noise alone makes it positive: read it with its null p-value
    and its bias-corrected interval.
    """
    _refuse_one(rates)
    return np.asarray(rates.max(axis=0) - rates.min(axis=0))


def demographic_parity_difference(selection_rate: Floats) -> Floats:
    """Largest difference of selection rates over the groups.

    Formula: max_g P(call | g) - min_g P(call | g). Source: Calders 2009; fairlearn.
    """
    return max_min_gap(selection_rate)


def demographic_parity_ratio(selection_rate: Floats) -> Floats:
    """Smallest over largest selection rate; not finite where no group has a call.

    Formula: min_g P(call | g) / max_g P(call | g). Source: the four-fifths rule; fairlearn.
    """
    return _ratio(selection_rate)


def equal_opportunity_difference(sensitivity: Floats) -> Floats:
    """Largest difference of sensitivities over the groups.

    Formula: max_g TPR - min_g TPR. Source: Hardt, Price & Srebro 2016; fairlearn.
    """
    return max_min_gap(sensitivity)


def equalized_odds_difference(sensitivity: Floats, false_positive_rate: Floats) -> Floats:
    """The larger of the gaps in sensitivity and in false positive rate.

    Formula: max(max_g TPR - min_g TPR, max_g FPR - min_g FPR). Source: Hardt, Price & Srebro
    2016; fairlearn (worst case).
    """
    return np.maximum(max_min_gap(sensitivity), max_min_gap(false_positive_rate))


def equalized_odds_ratio(sensitivity: Floats, false_positive_rate: Floats) -> Floats:
    """The smaller of the min / max ratios of sensitivity and of false positive rate.

    Formula: min(min TPR / max TPR, min FPR / max FPR). Source: fairlearn (worst case).
    """
    return np.minimum(_ratio(sensitivity), _ratio(false_positive_rate))


def predictive_parity_difference(ppv: Floats) -> Floats:
    """Largest difference of positive predictive values over the groups (Chouldechova 2017)."""
    return max_min_gap(ppv)


def average_absolute_odds_difference(
    sensitivity: Floats, false_positive_rate: Floats, reference: int
) -> Floats:
    """Mean absolute difference of both rates from the reference group; keeps the group axis.

    Formula: (|TPR_g - TPR_ref| + |FPR_g - FPR_ref|) / 2. Its resamples are biased upward by the
    absolute values: the figure is the one of the data, never a resampling median.
    Source: Bellamy 2018 (AIF360); MIDRC MELODY.
    """
    tpr = np.abs(sensitivity - sensitivity[reference])
    return np.asarray((tpr + np.abs(false_positive_rate - false_positive_rate[reference])) / 2.0)


def bnsp_auroc(
    y: ArrayLike,
    s: ArrayLike,
    member: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    interval: str = "logit",
) -> Estimate:
    """AUROC of the group's positives against everybody else's negatives.

    Low where the group's positive cases are scored too low beside the others' negatives
    (background negative, subgroup positive). ``member`` (n,) booleans; ``interval`` as in
    ``auroc_estimate``. Undefined without a positive in the group or a negative outside.
    Source: Borkan 2019; xAUC of Kallus & Zhou 2019.
    """
    inside, y_ = np.asarray(member, dtype=np.bool_), arrays.labels(y)
    return _crossed(y_, s, inside == y_, patients, confidence, interval)


def bpsn_auroc(
    y: ArrayLike,
    s: ArrayLike,
    member: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    interval: str = "logit",
) -> Estimate:
    """AUROC of everybody else's positives against the group's negatives.

    Low where the group's negative cases are scored too high beside the others' positives
    (background positive, subgroup negative). ``interval`` as in ``auroc_estimate``. Undefined
    without a negative in the group or a positive outside.
    Source: Borkan 2019; xAUC of Kallus & Zhou 2019.
    """
    inside, y_ = np.asarray(member, dtype=np.bool_), arrays.labels(y)
    return _crossed(y_, s, inside != y_, patients, confidence, interval)


def _crossed(
    y: Bools,
    s: ArrayLike,
    member: Bools,
    patients: ArrayLike | None,
    confidence: float,
    interval: str,
) -> Estimate:
    own = None if patients is None else np.asarray(patients)[member]
    s_ = np.asarray(s)[member]
    return auroc_estimate(y[member], s_, own, confidence=confidence, interval=interval)


def _refuse_one(rates: Floats) -> None:
    if len(rates) < 2:
        raise UndefinedMetric(f"a gap needs two groups that have the figure; got {len(rates)}")


def _ratio(rates: Floats) -> Floats:
    _refuse_one(rates)
    largest = rates.max(axis=0)
    return np.divide(
        rates.min(axis=0), largest, out=np.full(np.shape(largest), np.nan), where=largest > 0
    )
