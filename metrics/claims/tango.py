"""Score interval of the difference of two paired proportions (Tango 1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric


def score(only_first: ArrayLike, only_second: ArrayLike, n: ArrayLike, difference: float) -> Floats:
    """Standardised distance of the differences that were seen from ``difference``, as arrays.

    Formula: T(d) = (b - c - n d) / sqrt(n (2 q + d (1 - d))), b pairs in which the first alone is
    right, c the second alone, and q the likeliest chance of c at d: the upper root of
    2n q^2 + ((2n - b + c) d - b - c) q - c d (1 - d). 0 where neither the pairs nor d differ.
    ``n`` may be an effective number of pairs. Source: Tango 1998, equations 24 and 26.
    """
    b, c, whole = (np.asarray(each, dtype=np.float64) for each in (only_first, only_second, n))
    d = difference
    linear = (2.0 * whole - b + c) * d - b - c
    constant = -c * d * (1.0 - d)
    root = np.sqrt(np.maximum(linear * linear - 8.0 * whole * constant, 0.0))
    falls = linear <= 0.0
    below = np.where(falls, 1.0, root + linear)
    # the sum that does not cancel
    q = np.where(falls, (root - linear) / (4.0 * whole), -2.0 * constant / below)
    variance = whole * (2.0 * q + d * (1.0 - d))
    apart = b - c - whole * d
    flat = variance <= 1e-12 * whole
    known = apart / np.sqrt(np.where(flat, 1.0, variance))
    certain = np.where(np.abs(apart) <= 1e-9, 0.0, np.copysign(np.inf, apart))
    return np.asarray(np.where(flat, certain, known))


def lower_bound(only_first: float, only_second: float, n: float, z: float) -> float:
    """The lowest difference that is at most ``z`` standard errors below what was seen.

    Formula: the root of T(d) = z between -1 and (b - c) / n. The upper bound is the negative of
    this one with the two exchanged. Undefined without pairs. Source: Tango 1998.
    """
    from scipy.optimize import brentq  # scipy is costly to import

    if not n > 0:
        raise UndefinedMetric("a difference of proportions needs at least one case; got 0")
    observed = (only_first - only_second) / n
    least = -1.0 + 1e-12
    if observed <= least or score(only_first, only_second, n, least) <= z:
        return -1.0

    def beyond(difference: float) -> float:
        return float(score(only_first, only_second, n, difference)) - z

    return float(brentq(beyond, least, observed, xtol=1e-13, rtol=1e-14))
