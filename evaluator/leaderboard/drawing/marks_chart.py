"""The FROC curve of marks, at the rates of false marks that a benchmark declares.

Drawn from released figures alone: the sensitivities at declared rates, and that of all marks. The
whole curve, step by step, would tell single cases apart and is not released. Of an AFROC curve only
the area is released.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from evaluator.disclosure.control import Release
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.axes import Entry, Frame, plane
from evaluator.leaderboard.drawing.chart import Chart
from evaluator.leaderboard.drawing.palette import ACCENT, WARM
from evaluator.leaderboard.drawing.svg import Canvas
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate
from metrics.figure_name import AT_FALSE_MARKS, Kind

_BESIDE = 0.06
"""Room at either end of the axis, in shares of its length, for a point with its interval."""
_AREAS = ("wafroc", "afroc", "wafroc1", "afroc1")


@dataclass(frozen=True, slots=True)
class _Point:
    """False marks an image, and the sensitivity there."""

    name: str
    rate: float
    sensitivity: float
    estimate: Estimate

    @property
    def said(self) -> str:
        return f"{self.name}: sensitivity {numbers.with_interval(self.estimate)}"


def froc(release: Release) -> Chart | None:
    """Sensitivity for lesions by false marks an image; None with fewer than two points."""
    points, end = sorted(_declared(release), key=lambda point: point.rate), _all_marks(release)
    if len(points) < 2:
        return None
    shown = sorted([*points, *([end] if end else [])], key=lambda point: point.rate)
    legend: list[Entry] = [("at a declared rate, with interval", ACCENT, "dot")]
    legend += [("all marks", WARM, "diamond")] if end else []
    first, last = math.floor(_along(shown[0])), math.ceil(_along(shown[-1]))
    beside = _BESIDE * (last - first)
    canvas, frame = plane(
        legend,
        (first - beside, last + beside),
        (0.0, 1.0),
        "false marks an image",
        "sensitivity for lesions",
        doublings=True,
    )
    canvas.path([_place(frame, point) for point in shown], ACCENT, width=2)
    for point in shown:
        _draw(canvas, frame, point, of_all=point is end)
    spoken = ", ".join(f"{point.sensitivity:.2f} at {point.rate:g}" for point in shown)
    return Chart(
        "froc",
        "FROC curve",
        f"FROC curve of sensitivity for lesions against false marks an image: {spoken}.",
        canvas.svg(f"FROC curve: {spoken}"),
        canvas.width,
        canvas.height,
        f"{_areas(release)}The dots are the curve at the rates that the benchmark declares. "
        "Between two of them it rises in steps that are not shown; straight lines join them. "
        "Rates are on a logarithmic scale.",
        ("False marks an image", "Sensitivity for lesions", "Interval"),
        tuple(
            (
                f"{point.rate:g} (all marks)" if point is end else f"{point.rate:g}",
                numbers.value(point.estimate),
                numbers.interval(point.estimate) or numbers.DASH,
            )
            for point in shown
        ),
    )


def _declared(release: Release) -> Iterator[_Point]:
    """The released points at declared rates."""
    for result in release.results:
        name, estimate = result.figure, result.estimate
        plain = name.base == AT_FALSE_MARKS and name.kind is Kind.PLAIN
        if plain and result.group == OVERALL and estimate.value is not None:
            (at,) = name.at
            said = f"{at} false marks an image"
            yield _Point(said, float(at), estimate.value, estimate)


def _all_marks(release: Release) -> _Point | None:
    """Where the curve ends, with every mark counted; None where it lies at no false mark."""
    rate, found = release.find("false_marks_per_image"), release.find("lesion_sensitivity")
    if rate is None or found is None or not rate.value or found.value is None:
        return None
    said = f"all marks, {numbers.value(rate)} false ones an image"
    return _Point(said, rate.value, found.value, found)


def _place(frame: Frame, point: _Point) -> tuple[float, float]:
    return frame.at(_along(point), point.sensitivity)


def _along(point: _Point) -> float:
    """Where a point lies on the logarithmic axis."""
    return math.log2(point.rate)


def _draw(canvas: Canvas, frame: Frame, point: _Point, *, of_all: bool) -> None:
    at, colour = _place(frame, point), WARM if of_all else ACCENT
    low, high = point.estimate.low, point.estimate.high
    if low is not None and high is not None:
        canvas.line((at[0], frame.up(low)), (at[0], frame.up(high)), colour, width=1.5)
    if of_all:
        canvas.diamond(at, colour, tip=point.said)
    else:
        canvas.dot(at, colour, radius=4, tip=point.said)


def _areas(release: Release) -> str:
    """The released areas of the AFROC curves, which have no points to draw."""
    found = [(figure(name).short, release.find(name)) for name in _AREAS]
    said = [
        f"{short} {numbers.with_interval(estimate)}"
        for short, estimate in found
        if estimate is not None and estimate.value is not None
    ]
    return f"{', '.join(said)}. " if said else ""
