"""Dorfman, Berbaum and Metz's analysis of a reader study: analysis of variance of pseudovalues.

With Hillis' degrees of freedom its F and p are those of Obuchowski and Rockette with jackknife
covariances; it is computed apart, as a check. Source: Dorfman, Berbaum & Metz 1992; Hillis,
Obuchowski, Schartz & Berbaum 2005; Hillis 2007.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.readers.figures import Jackknifed
from metrics.readers.tails import f_tail


@dataclass(frozen=True, slots=True)
class PseudovalueTest:
    """Random readers and random cases; mean squares of T modalities, R readers, C cases."""

    statistic: float
    df1: int
    df2: float
    p: float
    square_t: float
    square_tr: float
    square_tc: float
    square_trc: float


def pseudovalues(estimates: Jackknifed) -> Floats:
    """Pseudovalues (modalities, readers, units), moved so that their mean is the figure.

    Formula: k F - (k - 1) F_-u, plus F less the mean of these, which is 0 for an AUROC or a share
    where each patient has one case. Source: Hillis, Obuchowski, Schartz & Berbaum 2005.
    """
    k = estimates.without.shape[2]
    raw = k * estimates.values[:, :, None] - (k - 1) * estimates.without
    return raw + (estimates.values - raw.mean(axis=2))[:, :, None]


def dorfman_berbaum_metz(estimates: Jackknifed) -> PseudovalueTest:
    """Test that all modalities are equal, for readers and cases like these.

    Formula: F = MS(T) / (MS(TR) + max(MS(TC) - MS(TRC), 0)), df2 the square of that denominator
    over MS(TR)^2 / ((t - 1)(r - 1)). Undefined with one modality, one reader, or where nothing
    varies. Source: Dorfman, Berbaum & Metz 1992; Hillis 2007.
    """
    x = pseudovalues(estimates)
    t, r, c = x.shape
    if t < 2 or r < 2:
        raise UndefinedMetric(f"the test needs two modalities and two readers; got {t} and {r}")
    grand = x.mean()
    of_t = x.mean(axis=(1, 2), keepdims=True)
    of_r = x.mean(axis=(0, 2), keepdims=True)
    of_c = x.mean(axis=(0, 1), keepdims=True)
    of_tr = x.mean(axis=2, keepdims=True)
    of_tc = x.mean(axis=1, keepdims=True)
    of_rc = x.mean(axis=0, keepdims=True)
    square_t = _square(of_t - grand, r * c, t - 1)
    square_tr = _square(of_tr - of_t - of_r + grand, c, (t - 1) * (r - 1))
    square_tc = _square(of_tc - of_t - of_c + grand, r, (t - 1) * (c - 1))
    rest = x - of_tr - of_tc - of_rc + of_t + of_r + of_c - grand
    square_trc = _square(rest, 1, (t - 1) * (r - 1) * (c - 1))
    error = square_tr + max(square_tc - square_trc, 0.0)
    if not error > 1e-20:
        raise UndefinedMetric("no reader or case differs between the modalities beyond rounding")
    df1, statistic = t - 1, square_t / error
    freedom = (error / square_tr) ** 2 * df1 * (r - 1) if square_tr > 0.0 else math.inf
    p = f_tail(statistic, df1, freedom)
    return PseudovalueTest(statistic, df1, freedom, p, square_t, square_tr, square_tc, square_trc)


def _square(effect: Floats, repeats: int, df: int) -> float:
    return repeats * float(np.sum(effect**2)) / df
