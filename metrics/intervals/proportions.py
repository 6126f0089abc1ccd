"""Confidence intervals for proportions and for estimates with a known standard error."""

from __future__ import annotations

import math
from statistics import NormalDist

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
    return score_bounds(successes / n, n, normal_quantile(confidence))


def score_bounds(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a proportion ``p`` of ``n`` cases at the quantile ``z``.

    Formula: (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n); ``n`` may be an
    effective number of cases and ``z`` a quantile of Student's t. Undefined without cases.
    Source: Wilson 1927.
    """
    if not n > 0:
        raise UndefinedMetric("a proportion needs at least one case; got 0")
    centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n)) / (1.0 + z * z / n)
    low = 0.0 if p <= 0.0 else max(0.0, centre - half)
    high = 1.0 if p >= 1.0 else min(1.0, centre + half)
    return low, high


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
    return logit_bounds(value, normal_quantile(confidence) * standard_error)


def logit_bounds(value: float, reach: float) -> tuple[float, float]:
    """Interval symmetric on the log-odds scale that ``reach`` would make on the plain one.

    Formula: expit(logit v -+ reach / (v (1 - v))). ``value`` lies strictly between 0 and 1.
    """
    centre = math.log(value / (1.0 - value))
    half = reach / (value * (1.0 - value))
    return _inverse_logit(centre - half), _inverse_logit(centre + half)


def _inverse_logit(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x)) if x > -700 else 0.0
