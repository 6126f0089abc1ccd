"""Intervals of shares and areas near 0 and 1, where data show little variance.

A figure near its limit rests on few cases that are on the wrong side: the fewer these are, the
worse its variance is known. Both methods here mix the variance of the data with that of a model, as
much as if the model were half a case or one case on the wrong side: with many such cases the data
decide, with none the model does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metrics.arrays import Ints, kish_effective_n
from metrics.intervals import linearised
from metrics.intervals.proportions import logit_bounds, score_bounds

_BINOMIAL_CASES = 0.5
_BINORMAL_CASES = 1.0


def logit_share(
    value: float, known: linearised.Error, n: float, confidence: float
) -> tuple[float, float]:
    """Interval of a figure in [0, 1] on the logit scale, by Student's t.

    Formula: logit F -+ t SE / (F (1 - F)), SE^2 the ``mixed_variance``. At 0 or 1 it is Wilson's
    for ``n`` cases.
    """
    t = linearised.quantile(confidence, known.freedom)
    if not 0.0 < value < 1.0:
        return score_bounds(value, n, linearised.quantile(confidence, n - 1.0))
    return logit_bounds(value, t * math.sqrt(mixed_variance(value, known, n)))


def mixed_variance(value: float, known: linearised.Error, n: float) -> float:
    """Variance of a share, mixed with the binomial one as if it were half a case.

    Formula: (k V + V_b / 2) / (k + 1/2): V the variance in ``known``, V_b = F (1 - F) / n that of
    a share F of ``n`` cases and k = n min(F, 1 - F) how many of them are on the wrong side.
    """
    wrong = n * min(value, 1.0 - value)
    model = value * (1.0 - value) / n
    observed = known.standard_error**2
    return (wrong * observed + _BINOMIAL_CASES * model) / (wrong + _BINOMIAL_CASES)


def score_area(
    value: float, known: linearised.Error, positive: float, negative: float, confidence: float
) -> tuple[float, float]:
    """Score interval of an AUROC: every theta with |A - theta| <= t sqrt(c V(theta)).

    V(theta) is the variance of an AUROC of theta with two normal scores of equal spread
    (``binormal_variance``). c takes its size from the data: (k V / V(A) + 1) / (k + 1), V the
    variance in ``known`` and k = min(m, n) min(A, 1 - A) the cases on the wrong side. At an AUROC
    of 0 or 1, c is 1. ``positive`` m and ``negative`` n may be effective numbers. Source: the
    score principle as in Newcombe 2006 (method 5), with another model of the variance.
    """
    t = linearised.quantile(confidence, known.freedom)
    model = binormal_variance(value, positive, negative)
    scale = 1.0
    if model > 0.0 and known.standard_error > 0.0:
        wrong = min(positive, negative) * min(value, 1.0 - value)
        observed = known.standard_error**2 / model
        scale = (wrong * observed + _BINORMAL_CASES) / (wrong + _BINORMAL_CASES)

    def beyond(theta: float) -> float:
        variance = scale * binormal_variance(theta, positive, negative)
        return abs(theta - value) - t * math.sqrt(variance)

    return _crossing(beyond, value, 0.0), _crossing(beyond, value, 1.0)


def binormal_variance(theta: float, positive: float, negative: float) -> float:
    """Variance of an AUROC of ``theta`` where both classes have normal scores of equal spread.

    Formula: [theta (1 - theta) + (m + n - 2)(Q - theta^2)] / (m n), Q = P(two positives beat a
    negative) = theta - 2 T(h, 1 / sqrt 3), h the normal quantile of theta and T Owen's function.
    Source: Bamber 1975; Owen 1980.
    """
    from scipy.special import ndtri, owens_t  # scipy is costly to import

    if not 0.0 < theta < 1.0:
        return 0.0
    both = theta - 2.0 * float(owens_t(ndtri(theta), 1.0 / math.sqrt(3.0)))
    spread = max(0.0, both - theta * theta)
    pairs = positive * negative
    return (theta * (1.0 - theta) + max(0.0, positive + negative - 2.0) * spread) / pairs


def equal_patients(patient: Ints) -> float:
    """Number of patients of equal size with as much to say on a mean over the cases.

    ``patient`` (cases,) numbers. Formula: (sum m)^2 / sum m^2 over patients with m cases
    (Kish 1965): as few as if all cases of a patient agreed.
    """
    return kish_effective_n(np.bincount(patient).astype(np.float64))


def _crossing(beyond: Callable[[float], float], inner: float, outer: float) -> float:
    """Point between ``inner`` and ``outer`` where ``beyond`` rises from below 0 to above it.

    By false position, halving the value at an end that stays (Illinois; Dowell & Jarratt 1971).
    """
    if inner == outer:
        return outer
    if beyond(inner) == 0.0:  # at its limit a figure has no variance, a little inside it has one
        inner += 1e-9 * (outer - inner)
    inside, outside = beyond(inner), beyond(outer)
    side = 0
    for _ in range(60):
        if abs(outer - inner) <= 1e-13 or inside == outside:
            break
        middle = (inner * outside - outer * inside) / (outside - inside)
        value = beyond(middle)
        if value > 0.0:
            outer, outside = middle, value
            inside = inside / 2.0 if side > 0 else inside
            side = 1
        else:
            inner, inside = middle, value
            outside = outside / 2.0 if side < 0 else outside
            side = -1
        if value == 0.0:
            return middle
    return (inner + outer) / 2.0
