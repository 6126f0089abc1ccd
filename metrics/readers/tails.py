"""Tails of Student's t and of F, where the degrees of freedom may be endless."""

from __future__ import annotations

import math


def t_tail(t: float, freedom: float) -> float:
    """Chance of a Student's t above ``t``; the normal's where freedom is endless."""
    from scipy.special import ndtr, stdtr  # scipy is costly to import

    return float(ndtr(-t)) if math.isinf(freedom) else float(stdtr(freedom, -t))


def f_tail(f: float, df1: int, df2: float) -> float:
    """Chance of an F above ``f``; that of chi-squared over its degrees where ``df2`` is endless."""
    from scipy.special import chdtrc, fdtrc  # scipy is costly to import

    if math.isinf(df2):
        return float(chdtrc(df1, f * df1))
    return float(fdtrc(df1, df2, f))
