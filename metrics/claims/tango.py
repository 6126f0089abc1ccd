"""Score interval of the difference of two paired proportions (Tango 1998)."""

from __future__ import annotations

import math

from metrics.estimate import UndefinedMetric


def score(only_first: float, only_second: float, n: float, difference: float) -> float:
    """Standardised distance of the difference that was seen from ``difference``.

    Formula: T(d) = (b - c - n d) / sqrt(n (2 q + d (1 - d))), b pairs in which the first alone is
    right, c the second alone, and q the likeliest chance of c at d: the upper root of
    2n q^2 + ((2n - b + c) d - b - c) q - c d (1 - d). 0 where neither the pairs nor d differ.
    ``n`` may be an effective number of pairs. Source: Tango 1998, equations 24 and 26.
    """
    b, c, d = only_first, only_second, difference
    linear = (2.0 * n - b + c) * d - b - c
    constant = -c * d * (1.0 - d)
    root = math.sqrt(max(linear * linear - 8.0 * n * constant, 0.0))
    # the sum that does not cancel
    q = (root - linear) / (4.0 * n) if linear <= 0.0 else -2.0 * constant / (root + linear)
    variance = n * (2.0 * q + d * (1.0 - d))
    apart = b - c - n * d
    if variance <= 1e-12 * n:
        return 0.0 if abs(apart) <= 1e-9 else math.copysign(math.inf, apart)
    return apart / math.sqrt(variance)


def lower_bound(only_first: float, only_second: float, n: float, z: float) -> float:
    """The lowest difference that is at most ``z`` standard errors below what was seen.

    Formula: the root of T(d) = z between -1 and (b - c) / n. The upper bound is the negative of
    this one with the two exchanged. Undefined without pairs. Source: Tango 1998.
    """
    from scipy.optimize import brentq  # scipy is costly to import

    if not n > 0:
        raise UndefinedMetric("a difference of proportions needs at least one case; got 0")
    seen = (only_first - only_second) / n
    least = -1.0 + 1e-12
    if seen <= least or score(only_first, only_second, n, least) <= z:
        return -1.0

    def beyond(difference: float) -> float:
        return score(only_first, only_second, n, difference) - z

    return float(brentq(beyond, least, seen, xtol=1e-13, rtol=1e-14))
