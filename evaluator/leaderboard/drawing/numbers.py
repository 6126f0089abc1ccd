"""Writes released figures with the digits that survived rounding."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache

from evaluator.disclosure.rounding import decimals, outward
from metrics.estimate import Estimate

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
MOST = 6
"""Decimals that a release has at the most."""
ON_BOARD = 3


def digits(estimate: Estimate) -> int:
    """Decimals that the released value and bounds carry between them, at least 2.

    A value without an interval, or with one of no width, has what the release would allow it, so
    that an area of exactly 0.5 reads 0.500 beside others.
    """
    if estimate.low is None or estimate.low == estimate.high:
        return max(2, decimals(None, None, estimate.n_cases, confidence=0.95, most=3))
    most = 2
    for each in (estimate.value, estimate.low, estimate.high):
        if each is not None:
            most = max(most, _decimals(each))
    return most


@lru_cache(maxsize=65_536)  # thousands of figures have few different values
def _decimals(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def number(value: float, places: int) -> str:
    """Write with a true minus sign and without a negative zero."""
    text = f"{value + 0.0:.{places}f}"
    return text.replace("-", MINUS)


def value(estimate: Estimate | None, most: int = MOST) -> str:
    """The value alone, with ``most`` decimals at the most, or an en dash."""
    if estimate is None or estimate.value is None:
        return DASH
    return number(estimate.value, min(digits(estimate), most))


def interval(estimate: Estimate | None, most: int = MOST) -> str:
    """The interval as "low to high", where decimals are cut rounded outward; empty without one."""
    if estimate is None or estimate.value is None:
        return ""
    if estimate.low is None and estimate.high is None:
        return ""
    there = digits(estimate)
    places = min(there, most)
    low, high = _finite(estimate.low), _finite(estimate.high)
    if there > most or estimate.low is None or estimate.low == estimate.high:
        low, high = outward(low, places, math.floor), outward(high, places, math.ceil)
    below = "?" if low is None else number(low, places)
    above = "unbounded" if high is None else number(high, places)
    return f"{below} to {above}"


def _finite(bound: float | None) -> float | None:
    return bound if bound is not None and math.isfinite(bound) else None


def compact(estimate: Estimate | None, most: int = MOST) -> str:
    """The interval for a narrow column: joined by a dash unless a bound is negative."""
    text = interval(estimate, most)
    return text if MINUS in text else text.replace(" to ", DASH)


def with_interval(estimate: Estimate) -> str:
    """The value with its interval behind it, as "0.84 (0.81 to 0.87)"."""
    between = interval(estimate)
    return f"{value(estimate)} ({between})" if between else value(estimate)


def board_value(estimate: Estimate | None) -> str:
    """The value on a board, where the figures of all models stand under each other."""
    return value(estimate, ON_BOARD)


def board_interval(estimate: Estimate | None) -> str:
    """The interval on a board."""
    return compact(estimate, ON_BOARD)


def p_value(estimate: Estimate) -> str:
    """A p-value as "p = 0.012", or "p < 0.001" where rounding left nothing."""
    if estimate.value is None:
        return ""
    if estimate.value < 0.001:
        return "p < 0.001"
    return f"p = {estimate.value:.{min(digits(estimate), 3)}f}"


def percent(confidence: float) -> str:
    """Confidence as "95 %", not broken over lines."""
    return f"{100 * confidence:g}\N{NO-BREAK SPACE}%"


def count(n: int) -> str:
    """A number of rows or cases, thousands set apart."""
    return f"{n:,}"
