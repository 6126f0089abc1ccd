"""Confidence intervals for proportions and for estimates with a known standard error."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from metrics.estimate import UndefinedMetric

_NORMAL = NormalDist()


def normal_quantile(confidence: float) -> float:
    """Two-sided standard normal quantile, 1.96 for 0.95."""
    if not 0.0 < confidence < 1.0:
        raise UndefinedMetric(f"confidence must lie between 0 and 1; got {confidence}")
    return _NORMAL.inv_cdf(0.5 + confidence / 2.0)


def normal_p_value(z: float) -> float:
    """Two-sided p-value of a standard normal statistic; exact in the far tail."""
    return math.erfc(abs(z) / math.sqrt(2.0))


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927, without continuity correction).

    ``n`` may be an effective number of cases. Undefined for n = 0.
    """
    if not n > 0:
        raise UndefinedMetric("a proportion needs at least one case; got 0")
    z = normal_quantile(confidence)
    p = successes / n
    centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n)) / (1.0 + z * z / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def clustered_wilson(
    hits: NDArray[np.bool_],
    patient: NDArray[np.int64],
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Wilson interval at the effective number of cases when patients contribute several.

    ``hits`` holds one outcome a case and ``patient`` its patient. The number of cases is divided
    by the design effect: the ratio-estimator variance over patients to the binomial variance
    (Rao & Scott 1992), never taken below 1. With every outcome alike there is no variance to
    compare, and the number of patients stands in for the number of cases.
    """
    n = hits.size
    if n == 0:
        raise UndefinedMetric("a proportion needs at least one case; got 0")
    size = np.bincount(patient)  # a patient without a case here has no residual either
    k = int(np.count_nonzero(size))
    found = int(hits.sum())
    p = found / n
    if k == n:
        return wilson(found, n, confidence)
    if found in (0, n) or k < 2:
        return wilson(p * k, k, confidence)
    residual = np.bincount(patient, weights=hits) - p * size
    variance = k / (k - 1) * float(residual @ residual) / n**2
    effect = max(1.0, variance / (p * (1.0 - p) / n))
    effective = n / effect
    return wilson(p * effective, effective, confidence)


def symmetric(
    value: float,
    standard_error: float,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[float, float]:
    """Estimate plus and minus the normal quantile times its standard error, cut at ``bounds``.

    Formula: value -+ z SE.
    """
    half = normal_quantile(confidence) * standard_error
    return max(bounds[0], value - half), min(bounds[1], value + half)


def logit_symmetric(
    value: float, standard_error: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval symmetric on the log-odds scale, for an estimate strictly between 0 and 1.

    Its ends stay inside (0, 1) and it covers better than the symmetric one near 1
    (Pepe 2003, section 5.2.4).
    """
    if not 0.0 < value < 1.0:
        raise UndefinedMetric(f"a logit interval needs an estimate inside (0, 1); got {value:g}")
    centre = math.log(value / (1.0 - value))
    half = normal_quantile(confidence) * standard_error / (value * (1.0 - value))
    return _inverse_logit(centre - half), _inverse_logit(centre + half)


def _inverse_logit(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x)) if x > -700 else 0.0
