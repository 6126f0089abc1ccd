"""Intervals of a figure made of others, from the intervals of its parts: MOVER.

The method of variance estimates recovery takes the distance of each part from its own bound as
the error of that part in that direction, and adds squares (Zou & Donner 2008; Newcombe 1998,
method 10). It keeps what each part's interval knows at its boundary: a rate of 1 has an error
below it and none above.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric


@dataclass(frozen=True, slots=True)
class Part:
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def turned(self, whole: float = 1.0) -> Part:
        """The part that it leaves of ``whole``: a specificity's false positive rate."""
        return Part(whole - self.value, whole - self.high, whole - self.low)

    def scaled(self, by: float, plus: float = 0.0) -> Part:
        """``by`` times the part, and ``plus``; ``by`` is positive."""
        return Part(plus + by * self.value, plus + by * self.low, plus + by * self.high)

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends of the interval."""
        return self.low, self.high


def combine(
    figure: Callable[..., float], parts: Sequence[Part], correlations: Sequence[float] = ()
) -> Part:
    """Interval of ``figure`` of the parts; it rises or falls with each of them throughout.

    Formula: F - sqrt(sum_jk r_jk d_j d_k), d_j how far the figure falls where part j alone is at
    the end that lowers it, and the other way for the upper end. ``correlations`` holds r of each
    pair of parts, (0, 1), (0, 2), (1, 2) ...; none where the parts are independent.
    """
    values = [part.value for part in parts]
    value = figure(*values)
    falls, rises, signs = [], [], []
    for place, part in enumerate(parts):
        ends = [figure(*values[:place], end, *values[place + 1 :]) for end in part.bounds]
        falls.append(max(0.0, value - min(ends)))
        rises.append(max(0.0, max(ends) - value))
        signs.append(1.0 if ends[1] >= ends[0] else -1.0)
    return Part(
        value,
        value - _length(falls, signs, correlations),
        value + _length(rises, signs, correlations),
    )


def difference(a: Part, b: Part, correlation: float = 0.0) -> Part:
    """Interval of a - b; method 10 of Newcombe 1998 where both are rates with Wilson's intervals.

    Formula: a - b - sqrt((a - l_a)^2 + (u_b - b)^2 - 2 r (a - l_a)(u_b - b)), and the other way.
    """
    return combine(lambda x, y: x - y, (a, b), (correlation,))


def differences(parts: Sequence[Part], correlations: Floats) -> tuple[Floats, Floats, Floats]:
    """``difference`` of each part less each other: value, low and high, (parts, parts) each.

    ``correlations`` (parts, parts) are those of the parts.
    """
    value, low, high = (
        np.array([end(part) for part in parts])
        for end in (lambda p: p.value, lambda p: p.low, lambda p: p.high)
    )
    below, above = value - low, high - value
    apart = value[:, None] - value[None, :]
    reach = np.sqrt(
        np.maximum(
            below[:, None] ** 2
            + above[None, :] ** 2
            - 2.0 * correlations * below[:, None] * above[None, :],
            0.0,
        )
    )
    return apart, apart - reach, apart + reach.T


def ratio(a: Part, b: Part, correlation: float = 0.0) -> Part:
    """Interval of a / b, both at least 0; unbounded above where the interval of b reaches 0.

    Formula: [ab - r - sqrt((ab - r)^2 - l_a u_b (2a - l_a)(2b - u_b))] / (u_b (2b - u_b)) for the
    lower end, with the corrections for correlated parts, and the same with the other bounds for
    the upper. Undefined where both are 0. Source: Donner & Zou 2012, equation 9.
    """
    if not b.value > 0:
        if not a.value > 0:
            raise UndefinedMetric("a ratio of 0 to 0 is undefined")
        turned = ratio(b, a, correlation)
        return Part(math.inf, 1.0 / turned.high if turned.high > 0 else math.inf, math.inf)
    lower = _ratio_end(a.value, b.value, a.low, b.high, correlation, -1.0)
    upper = _ratio_end(a.value, b.value, a.high, b.low, correlation, 1.0)
    return Part(a.value / b.value, max(0.0, lower), upper)


def _ratio_end(a: float, b: float, end_a: float, end_b: float, r: float, sign: float) -> float:
    """One end of a ratio; ``end_a`` and ``end_b`` are the bounds that move it that way."""
    centre = a * b - r * (a - end_a) * (end_b - b)
    top = end_a * (2.0 * a - end_a)
    bottom = end_b * (2.0 * b - end_b)
    if not bottom > 1e-15:
        return math.inf if sign > 0 else 0.0
    root = math.sqrt(max(0.0, centre * centre - top * bottom))
    return (centre + sign * root) / bottom


def _length(steps: Sequence[float], signs: Sequence[float], correlations: Sequence[float]) -> float:
    square = sum(step * step for step in steps)
    remaining = iter(correlations)
    for j in range(len(steps)):
        for k in range(j + 1, len(steps)):
            square += 2.0 * next(remaining, 0.0) * signs[j] * signs[k] * steps[j] * steps[k]
    return math.sqrt(max(0.0, square))
