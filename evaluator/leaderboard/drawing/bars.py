"""Draws small interval bars on a shared axis as inline SVG; they are as wide as their cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from metrics.estimate import Estimate

_MARGIN = 5.0
"""Free at either side, in percent of the width."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """The range that the bars of one table share, with its tick values."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """Horizontal position in percent of the drawing's width, kept inside it."""
        share = (value - self.low) / (self.high - self.low)
        return f"{_MARGIN + min(max(share, 0.0), 1.0) * (100 - 2 * _MARGIN):.4g}%"


def axis(estimates: Sequence[Estimate]) -> Axis | None:
    """Span every value and bound with two to five round ticks; None where nothing is defined."""
    ends = [
        end
        for estimate in estimates
        if estimate.value is not None
        for end in (estimate.value, estimate.low, estimate.high)
        if end is not None
    ]
    if not ends:
        return None
    span = max(max(ends) - min(ends), 0.02)
    step = next((step for step in _STEPS if span / step <= 4), _STEPS[-1])
    first, last = math.floor(min(ends) / step + 1e-9), math.ceil(max(ends) / step - 1e-9)
    last = max(last, first + 1)
    every = math.ceil((last - first) / 3)
    ticks = tuple(round(i * step, 6) for i in range(first, last + 1, every))
    return Axis(first * step, last * step, ticks)


def scale(shared: Axis | None) -> Markup:
    """The axis with its ticks, for the head of the column."""
    if shared is None:
        return Markup("")
    marks = Markup("").join(
        Markup(
            '<line class="axis" x1="{x}" y1="19" x2="{x}" y2="26"/>'
            '<text x="{x}" y="14" text-anchor="{anchor}">{tick}</text>'
        ).format(x=shared.at(tick), tick=_tick(tick), anchor=_anchor(shared, tick))
        for tick in shared.ticks
    )
    return _drawing(marks)


def _tick(tick: float) -> str:
    return f"{tick:g}".replace("-", "\N{MINUS SIGN}")


def bar(
    estimate: Estimate,
    shared: Axis | None,
    reference: float | None = None,
    wider: tuple[float, float] | None = None,
) -> Markup:
    """The value and its interval; ``reference`` adds a dashed line. Empty where undefined.

    ``wider`` are the ends of a second interval, drawn as a thin line through the first.
    """
    if shared is None or estimate.value is None:
        return Markup("")
    parts = [f'<line class="axis" x1="{x}" y1="0" x2="{x}" y2="26"/>' for x in _ticks(shared)]
    if reference is not None:
        x = shared.at(reference)
        parts.append(f'<line class="reference" x1="{x}" y1="0" x2="{x}" y2="26"/>')
    if wider is not None:
        low, high = shared.at(wider[0]), shared.at(wider[1])
        parts.append(f'<line class="wider" x1="{low}" y1="13" x2="{high}" y2="13"/>')
    if estimate.low is not None and estimate.high is not None:
        low, high = shared.at(estimate.low), shared.at(estimate.high)
        parts.append(
            f'<line class="range" x1="{low}" y1="13" x2="{high}" y2="13"/>'
            f'<line class="range" x1="{low}" y1="8" x2="{low}" y2="18"/>'
            f'<line class="range" x1="{high}" y1="8" x2="{high}" y2="18"/>'
        )
    parts.append(f'<circle class="value" cx="{shared.at(estimate.value)}" cy="13" r="4.5"/>')
    return _drawing("".join(parts))


def _ticks(shared: Axis) -> list[str]:
    return [shared.at(tick) for tick in shared.ticks]


def _anchor(shared: Axis, tick: float) -> str:
    share = (tick - shared.low) / (shared.high - shared.low)
    return "start" if share < 0.05 else "end" if share > 0.95 else "middle"


def _drawing(content: str) -> Markup:
    """``content`` is elements and numbers of our own alone."""
    return Markup(
        f'<svg class="bar" height="26" aria-hidden="true" focusable="false">{content}</svg>'
    )
