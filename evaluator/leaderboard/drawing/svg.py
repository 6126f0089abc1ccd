"""Writes SVG as text: the one writer of charts, with what a figure needs and no more.

Colours and fonts are attributes, so that a chart is whole on its own: in a page, in a PDF, as a
file. Positions are in the drawing's own units, from the upper left corner.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape

from evaluator.leaderboard.drawing.palette import INK

NAMESPACE = "http://www.w3.org/2000/svg"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
SIZE = 13
"""Height of the text, in the drawing's units."""
LINE = 16
"""Distance between two lines of text."""

Point = tuple[float, float]
Attributes = dict[str, float | str]

_NARROW, _WIDE = frozenset("ijlI.,:;'|!()[] ft"), frozenset("mwMW@%&")


def width_of(text: str, size: float = SIZE) -> float:
    """The most room that ``text`` takes in a common sans serif, which runs wide or narrow."""
    units = 0.0
    for character in text:
        if character in _NARROW:
            units += 0.42
        elif character in _WIDE or ord(character) > 0x2E7F:
            units += 1.02
        elif character.isupper():
            units += 0.76
        else:
            units += 0.66
    return units * size


def wrapped(text: str, room: float, size: float = SIZE) -> list[str]:
    """Lines of ``text`` that fit into ``room``; a word that is longer is cut."""
    letters = max(4, int(room / (0.66 * size)))
    lines: list[str] = []
    for line in textwrap.wrap(text, max(letters, 1)) or [""]:
        while width_of(line, size) > room and len(line) > 1:
            cut = max(1, int(len(line) * room / width_of(line, size)))
            lines.append(line[:cut])
            line = line[cut:]
        lines.append(line)
    return lines


def coordinate(number: float) -> str:
    """A position to a tenth of a unit, without a zero at its end."""
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


class Canvas:
    """Collects the parts of one chart, in the order in which they cover each other."""

    def __init__(self, width: float, height: float) -> None:
        """Begin an empty drawing of ``width`` by ``height`` units."""
        self.width, self.height = width, height
        self._parts: list[str] = []

    def _put(self, name: str, attributes: Attributes) -> None:
        self._parts.append(f"<{name}{_written(attributes)}/>")

    def line(
        self, start: Point, end: Point, stroke: str, *, width: float = 1, dashed: bool = False
    ) -> None:
        """A straight line."""
        ends: Attributes = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
        self._put("line", ends | _stroke(stroke, width, dashed=dashed))

    def path(
        self, points: Sequence[Point], stroke: str, *, width: float = 1.5, dashed: bool = False
    ) -> None:
        """A line through points."""
        shape: Attributes = {"d": _through(points), "fill": "none"}
        self._put("path", shape | _stroke(stroke, width, dashed=dashed))

    def area(self, points: Sequence[Point], fill: str) -> None:
        """The area within points."""
        self._put("path", {"d": _through(points) + "Z", "fill": fill})

    def rectangle(
        self, corner: Point, width: float, height: float, fill: str, *, tip: str = ""
    ) -> None:
        """A rectangle from its upper left corner; ``tip`` is read when a reader points at it."""
        box: Attributes = {"x": corner[0], "y": corner[1], "width": width, "height": height}
        self._put("rect", box | {"fill": fill} | _told(tip))

    def dot(self, at: Point, fill: str, *, radius: float = 3, tip: str = "") -> None:
        """A point of a curve."""
        place: Attributes = {"cx": at[0], "cy": at[1], "r": radius}
        self._put("circle", place | {"fill": fill} | _told(tip))

    def diamond(self, at: Point, fill: str, *, radius: float = 6, tip: str = "") -> None:
        """A point that stands out: all cases, or the threshold."""
        x, y = at
        corners = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
        shape: Attributes = {"d": _through(corners) + "Z", "fill": fill}
        self._put("path", shape | _told(tip))

    def text(
        self,
        at: Point,
        text: str,
        *,
        fill: str = INK,
        anchor: str = "start",
        size: float = SIZE,
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """One line of text on its base line; ``turned`` reads from below upward."""
        x, y = at
        more: Attributes = {} if size == SIZE else {"font-size": size}
        if anchor != "start":
            more["text-anchor"] = anchor
        if bold:
            more["font-weight"] = "bold"
        if turned:
            more["transform"] = f"rotate(-90 {coordinate(x)} {coordinate(y)})"
        place: Attributes = {"x": x, "y": y, "fill": fill}
        written = _written(place | more)
        self._parts.append(f"<text{written}>{escape(text, quote=False)}</text>")

    def lines(
        self,
        at: Point,
        texts: Sequence[str],
        *,
        fill: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """Lines of text below each other, the first on the base line ``at``."""
        for number, text in enumerate(texts):
            place = (at[0], at[1] + number * LINE)
            self.text(place, text, fill=fill, anchor=anchor, bold=bold)

    def svg(self, label: str) -> str:
        """The whole drawing; ``label`` says in words what it shows."""
        box = f"0 0 {coordinate(self.width)} {coordinate(self.height)}"
        head = _written(
            {
                "xmlns": NAMESPACE,
                "class": "chart",
                "viewBox": box,
                "width": self.width,
                "height": self.height,
                "font-family": FONT,
                "font-size": SIZE,
                "role": "img",
                "aria-label": label,
            }
        )
        return f"<svg{head}>{''.join(self._parts)}</svg>"


def _through(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)


def _stroke(colour: str, width: float, *, dashed: bool) -> Attributes:
    given: Attributes = {"stroke": colour, "stroke-width": width}
    return given | {"stroke-dasharray": "5 4"} if dashed else given


def _told(tip: str) -> Attributes:
    return {"data-t": tip} if tip else {}


def _written(attributes: Attributes) -> str:
    return "".join(
        f' {name}="{escape(value) if isinstance(value, str) else coordinate(value)}"'
        for name, value in attributes.items()
    )
