"""Rounds figures and counts before they leave, so that none rests on a single case."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from statistics import NormalDist

from evaluator.scoring.results import INSUFFICIENT as INSUFFICIENT

Interval = tuple[float, float | None, float | None]
"""A share with the ends of its interval, where it has one."""


def few_rounded(share: Interval, n: int, minimum: int) -> Interval:
    """Round a share of ``n`` cases that leaves few on one side, and its bounds outward.

    A step is ``minimum`` cases, or half of all where that is less; a share with a step or more on
    either side stays as it is.
    """
    step = min(minimum / max(n, 1), 0.5)
    value, low, high = share
    if 1.0 - value < step - 1e-9:
        left = 0.0 if 1.0 - value < step / 2 - 1e-9 else step
        if low is not None:
            steps = max(1, math.ceil((1.0 - low) / step - 1e-9))
            low = max(0.0, 1.0 - steps * step)
        return 1.0 - left, low, None if high is None else 1.0
    if value < step - 1e-9:
        return _turned(few_rounded(_turned(share), n, minimum))
    return share


def _turned(share: Interval) -> Interval:
    value, low, high = share
    return 1.0 - value, None if high is None else 1.0 - high, None if low is None else 1.0 - low


def decimals(low: float | None, high: float | None, n: int, *, confidence: float, most: int) -> int:
    """Return the decimals that a tenth of the standard error supports, from 0 to ``most``.

    The standard error is the width of the interval over twice the normal quantile; without an
    interval it is taken as 0.5 / sqrt(n), the largest that a proportion of n cases can have.
    A standard error of 0.02 gives 3 decimals, one of 0.1 gives 2.
    """
    error = 0.0
    if low is not None and high is not None:
        error = (high - low) / (2 * NormalDist().inv_cdf((1 + confidence) / 2))
    if not error > 0.0 or not math.isfinite(error):
        error = 0.5 / math.sqrt(max(n, 1))
    return min(max(-math.floor(math.log10(error / 10) + 1e-9), 0), most)


def outward(bound: float | None, digits: int, direction: Callable[[float], int]) -> float | None:
    """Round away from the estimate; a bound that already has the digits stays as it is."""
    if bound is None or not math.isfinite(bound):
        return None
    return plain(round(direction(round(bound * 10**digits, 6)) / 10**digits, digits))


def plain(number: float) -> float:
    """Return a Python float, and 0.0 in place of -0.0."""
    return float(number) + 0.0


def nearest(count: int, step: int) -> int:
    """Round to the nearest multiple of ``step``, halves up."""
    return (2 * count + step) // (2 * step) * step


def without_prevalence(method: str) -> str:
    """Cut the share that the design set, which with the number of cases gives the positives."""
    return re.sub(
        r"at the prevalence of \S+ % set by design", "at its prevalence by design", method
    )


def without_counts(reason: str | None) -> str | None:
    """Cut a reason before its first count."""
    if reason is None:
        return None
    words = re.split(r"[;:(,]|\d", reason, maxsplit=1)[0].strip()
    return words or INSUFFICIENT
