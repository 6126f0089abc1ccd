"""Draws small interval bars on a shared axis as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from metrics.estimate import Estimate

_WIDTH, _HEIGHT, _MARGIN = 152, 26, 8
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """The range that the bars of one table share, with its tick values."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Horizontal position in the drawing's units, kept inside it."""
        share = (value - self.low) / (self.high - self.low)
        return round(_MARGIN + min(max(share, 0.0), 1.0) * (_WIDTH - 2 * _MARGIN), 1)


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
            '<text x="{x}" y="14" text-anchor="{anchor}">{tick:g}</text>'
        ).format(x=shared.at(tick), tick=tick, anchor=_anchor(shared, tick))
        for tick in shared.ticks
    )
    return _drawing(marks)


def bar(estimate: Estimate, shared: Axis | None, reference: float | None = None) -> Markup:
    """The value and its interval; ``reference`` adds a dashed line. Empty where undefined."""
    if shared is None or estimate.value is None:
        return Markup("")
    parts = Markup("").join(
        Markup('<line class="axis" x1="{x}" y1="0" x2="{x}" y2="26"/>').format(x=shared.at(tick))
        for tick in shared.ticks
    )
    if reference is not None:
        parts += Markup('<line class="reference" x1="{x}" y1="0" x2="{x}" y2="26"/>').format(
            x=shared.at(reference)
        )
    if estimate.low is not None and estimate.high is not None:
        low, high = shared.at(estimate.low), shared.at(estimate.high)
        parts += Markup(
            '<path class="range" fill="none" d="M{low} 13H{high}M{low} 9v8M{high} 9v8"/>'
        ).format(low=low, high=high)
    return _drawing(
        parts
        + Markup('<circle class="value" cx="{x}" cy="13" r="4"/>').format(
            x=shared.at(estimate.value)
        )
    )


def _anchor(shared: Axis, tick: float) -> str:
    if shared.at(tick) < _MARGIN + 8:
        return "start"
    return "end" if shared.at(tick) > _WIDTH - _MARGIN - 8 else "middle"


def _drawing(content: Markup) -> Markup:
    return Markup(
        '<svg class="bar" viewBox="0 0 {width} {height}" aria-hidden="true" focusable="false">'
        "{content}</svg>"
    ).format(width=_WIDTH, height=_HEIGHT, content=content)
