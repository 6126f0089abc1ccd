"""The frame of a chart: scales, ticks, grid, names of the axes and what each colour means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.leaderboard.drawing.palette import GRID, INK, MUTED
from evaluator.leaderboard.drawing.svg import LINE, Canvas, Point, width_of

WIDTH = 380
"""Width of every chart: on a phone its text is still read, on a large screen two stand abreast."""
SIDE, RIGHT, BELOW = 312.0, 12.0, 50.0
"""Height of a plane, room at its right, and room below."""
_STEPS = (1, 2, 2.5, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plane of ``width`` by ``height`` units whose upper left corner is (``left``, ``top``)."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def at(self, x: float, y: float) -> Point:
        """Where a value lies; one outside the frame lies on its edge."""
        return self.across(x), self.up(y)

    def across(self, x: float) -> float:
        """Horizontal position of a value."""
        return self.left + self.width * _share(x, self.x)

    def up(self, y: float) -> float:
        """Vertical position of a value."""
        return self.bottom - self.height * _share(y, self.y)


def _share(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return min(max((value - low) / (high - low), 0.0), 1.0)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` round values from ``low`` to ``high``."""
    span = max(high - low, 1e-9)
    size = 10.0 ** math.floor(math.log10(span / most))
    step = next(s * size for s in _STEPS if span / (s * size) <= most - 1 + 1e-9)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)]


def rounded_up(value: float) -> float:
    """The next value of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return round(next(s * size for s in steps if value <= s * size * (1 + 1e-9)), 12)


def written(tick: float) -> str:
    """A tick as text, with a true minus sign."""
    return f"{tick:g}".replace("-", "\N{MINUS SIGN}")


def draw_axes(canvas: Canvas, frame: Frame, x: str, y: str, *, doublings: bool = False) -> None:
    """The grid, the ticks and the names of both axes; ``doublings`` as in :func:`plane`."""
    if doublings:
        places = [tick for tick in ticks(*frame.x, most=9) if tick.is_integer()]
        draw_scale(canvas, frame, places, [written(2.0**place) for place in places])
    else:
        draw_scale(canvas, frame, ticks(*frame.x))
    for tick in ticks(*frame.y):
        up = frame.up(tick)
        canvas.line((frame.left, up), (frame.right, up), GRID)
        canvas.text((frame.left - 6, up + 4), written(tick), fill=MUTED, anchor="end")
    middle = (frame.left + frame.width / 2, frame.bottom + 38)
    canvas.text(middle, x, anchor="middle")
    canvas.text((14, frame.top + frame.height / 2), y, anchor="middle", turned=True)


def draw_scale(
    canvas: Canvas, frame: Frame, values: Sequence[float], names: Sequence[str] = ()
) -> None:
    """The ticks below the frame, by their values or ``names``.

    One whose text would leave the drawing is moved inside.
    """
    for tick, text in zip(values, names or [written(value) for value in values], strict=True):
        across = frame.across(tick)
        canvas.line((across, frame.top), (across, frame.bottom), GRID)
        half = width_of(text) / 2
        at = min(max(across, half), canvas.width - half)
        canvas.text((at, frame.bottom + 17), text, fill=MUTED, anchor="middle")


def left_of(y: tuple[float, float]) -> float:
    """Room left of a frame: the name of the axis, and its widest tick."""
    return 30.0 + max(width_of(written(tick)) for tick in ticks(*y))


Entry = tuple[str, str, str]
"""Text, colour and kind ("line", "dashed", "area", "dot", "diamond") of a line of the legend."""


def draw_legend(canvas: Canvas, left: float, top: float, entries: Sequence[Entry]) -> float:
    """What each mark means, in as many lines as it takes; returns the height."""
    x, y = left, top
    for text, colour, kind in entries:
        room = 26 + width_of(text) + 10
        if x > left and x + room > canvas.width:
            x, y = left, y + LINE + 3
        middle = y + 8
        if kind == "area":
            canvas.rectangle((x, middle - 5), 18, 10, colour)
        elif kind == "dot":
            canvas.dot((x + 9, middle), colour, radius=4)
        elif kind == "diamond":
            canvas.diamond((x + 9, middle), colour, radius=5)
        else:
            canvas.line((x, middle), (x + 18, middle), colour, width=2, dashed=kind == "dashed")
        canvas.text((x + 24, middle + 4), text, fill=INK)
        x += room
    return y + LINE + 8 - top


def plane(
    legend: Sequence[Entry],
    x: tuple[float, float],
    y: tuple[float, float],
    x_name: str,
    y_name: str,
    *,
    height: float = SIDE,
    doublings: bool = False,
) -> tuple[Canvas, Frame]:
    """An empty chart: legend, grid and axes.

    With ``doublings`` the horizontal axis is logarithmic: ``x`` are logarithms to base 2.
    """
    top = 10 + draw_legend(Canvas(WIDTH, 0), 8, 4, legend)
    canvas = Canvas(WIDTH, top + height + BELOW)
    draw_legend(canvas, 8, 4, legend)
    left = left_of(y)
    frame = Frame(left, top, WIDTH - left - RIGHT, height, x, y)
    draw_axes(canvas, frame, x_name, y_name, doublings=doublings)
    return canvas, frame
