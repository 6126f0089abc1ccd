"""Charts of subgroups: a forest with a row a level, and a heat map of two crossed attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluator.disclosure.control import Release
from evaluator.disclosure.suppression import JOINT
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.axes import WIDTH, Frame, draw_scale, ticks
from evaluator.leaderboard.drawing.chart import Chart
from evaluator.leaderboard.drawing.levels import in_order, readable, readable_level
from evaluator.leaderboard.drawing.palette import (
    ABOVE,
    ACCENT,
    BELOW,
    FAR_ABOVE,
    FAR_BELOW,
    INK,
    LEVEL,
    MUTED,
    WARM,
)
from evaluator.leaderboard.drawing.svg import LINE, Canvas, width_of, wrapped
from evaluator.scoring.results import INSUFFICIENT
from metrics.estimate import Estimate

ALL_CASES = "All cases"
_LABELS = 148.0
"""The most room that the names of levels get."""
MOST_COLUMNS = 6
"""Levels of the shorter side beyond which a heat map could not be read."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the forest; a heading has neither a figure nor a reason."""

    label: str
    estimate: Estimate | None = None
    why: str = ""

    @property
    def heading(self) -> bool:
        return self.estimate is None and not self.why


def levels_of(release: Release, attribute: str, metric: str) -> list[tuple[str, Estimate | str]]:
    """Each level in the order of reading, with its figure or why it has none."""
    found: dict[str, Estimate | str] = {
        held.level: held.reason for held in release.withheld if held.attribute == attribute
    }
    for result in release.results:
        if result.attribute == attribute and result.metric == metric:
            known = result.estimate.value is not None
            found[result.level] = result.estimate if known else INSUFFICIENT
    return [(level, found[level]) for level in in_order(list(found))]


def forest(release: Release, attributes: Sequence[str], name: str, metric: str) -> Chart | None:
    """One row a level with its interval, the figure of all cases as a line."""
    rows = list(_rows(release, attributes, metric))
    shown = [row for row in rows if row.estimate is not None]
    n_drawn = sum(row.label != ALL_CASES for row in shown)
    if not n_drawn:
        return None
    texts = [wrapped(row.label, _LABELS) for row in rows]
    labels = min(_LABELS, max(width_of(line) for lines in texts for line in lines))
    heights = [LINE * len(lines) + 9 for lines in texts]
    left, top = labels + 16, 10.0
    low, high = _ends([row.estimate for row in shown if row.estimate is not None])
    body = float(sum(heights))
    canvas = Canvas(WIDTH, top + body + 46)
    frame = Frame(left, top, WIDTH - left - 14, body, (low, high), (0.0, 1.0))
    about = figure(metric)
    _draw_scale(canvas, frame, f"{about.short}, {numbers.percent(release.confidence)} interval")
    overall = release.find(metric)
    if overall is not None and overall.value is not None:
        x = frame.across(overall.value)
        canvas.line((x, top), (x, frame.bottom), WARM, width=1.5, dashed=True)
    y = top
    for row, lines, height in zip(rows, texts, heights, strict=True):
        _draw_row(canvas, frame, row, lines, y, height)
        y += height
    empty = sum(bool(row.why) for row in rows)
    spoken = "; ".join(
        f"{row.label} {_value(row.estimate)}" for row in shown if row.estimate is not None
    )
    return Chart(
        name,
        f"{about.short} by {'intersection' if name.startswith('joint') else 'subgroup'}",
        f"{about.name} by group: {spoken}.",
        canvas.svg(f"{about.name} by group, {n_drawn} groups"),
        canvas.width,
        canvas.height,
        "The diamond and the dashed line are all cases. "
        + (f"{empty} of {empty + n_drawn} groups have no figure. " if empty else "")
        + "Intervals are one a group and not adjusted for their number.",
    )


def _rows(release: Release, attributes: Sequence[str], metric: str) -> Iterator[_Row]:
    overall = release.find(metric)
    if overall is not None and overall.value is not None:
        yield _Row(ALL_CASES, overall)
    for attribute in attributes:
        yield _Row(readable(attribute))
        for level, found in levels_of(release, attribute, metric):
            label = readable_level(level)
            yield _Row(label, why=found) if isinstance(found, str) else _Row(label, found)


def _ends(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """The axis: every value and bound, and a little room."""
    ends = [
        end for each in estimates for end in (each.value, each.low, each.high) if end is not None
    ]
    room = 0.04 * (max(ends) - min(ends) or 1.0)
    return min(ends) - room, max(ends) + room


def _draw_scale(canvas: Canvas, frame: Frame, name: str) -> None:
    draw_scale(canvas, frame, ticks(*frame.x, most=5))
    middle = frame.left + frame.width / 2
    half = width_of(name) / 2
    canvas.text((min(middle, WIDTH - half), frame.bottom + 38), name, anchor="middle")


def _draw_row(
    canvas: Canvas, frame: Frame, row: _Row, lines: Sequence[str], y: float, height: float
) -> None:
    whole = row.label == ALL_CASES
    canvas.lines((8, y + LINE), lines, bold=row.heading or whole)
    middle = y + height / 2
    if row.why:
        canvas.text((frame.left + 6, middle + 4), row.why, fill=MUTED)
    found = row.estimate
    if found is None or found.value is None:
        return
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    canvas.line((frame.across(low), middle), (frame.across(high), middle), ACCENT, width=2)
    place, tip = (frame.across(found.value), middle), f"{row.label}: {_value(found)}"
    if whole:
        canvas.diamond(place, ACCENT, radius=7, tip=tip)
    else:
        canvas.rectangle((place[0] - 4.5, middle - 4.5), 9, 9, ACCENT, tip=tip)


def heat_map(release: Release, attribute: str, metric: str) -> Chart | None:
    """Two crossed attributes as a table whose cells are coloured; None where it would not fit.

    A cell is coloured by how far it lies from the figure of all cases; its own interval is not
    drawn and stands in the table.
    """
    names = attribute.split(JOINT)
    overall = release.find(metric)
    if len(names) != 2 or overall is None or overall.value is None:
        return None
    cells: dict[tuple[str, str], Estimate | str] = {}
    for level, found in levels_of(release, attribute, metric):
        parts = level.split(JOINT)
        if len(parts) != 2:
            return None
        cells[parts[0], parts[1]] = found
    if not any(isinstance(found, Estimate) for found in cells.values()):
        return None
    down, across = (in_order([cell[side] for cell in cells]) for side in (0, 1))
    if len(across) > len(down):
        names.reverse()
        down, across = across, down
        cells = {(second, first): found for (first, second), found in cells.items()}
    if len(across) > MOST_COLUMNS:
        return None
    return _drawn(names, down, across, cells, overall.value, metric)


def _drawn(
    names: Sequence[str],
    down: Sequence[str],
    across: Sequence[str],
    cells: dict[tuple[str, str], Estimate | str],
    overall: float,
    metric: str,
) -> Chart:
    texts = [wrapped(level, 116.0) for level in down]
    left = 16 + min(116.0, max(width_of(line) for lines in texts for line in lines))
    side = (WIDTH - left - 8) / len(across)
    heads = [wrapped(level, side - 6) for level in across]
    top = 24.0 + LINE * max(len(lines) for lines in heads) + 6
    heights = [max(40.0, LINE * len(lines) + 12.0) for lines in texts]
    canvas = Canvas(WIDTH, top + sum(heights) + 36)
    canvas.text((left, 14), readable(names[1]), fill=MUTED)
    canvas.text((8, top - 8), readable(names[0]), fill=MUTED)
    for place, lines in enumerate(heads):
        first = top - 8 - LINE * (len(lines) - 1)
        canvas.lines((left + side * (place + 0.5), first), lines, anchor="middle", bold=True)
    values = [f.value for f in cells.values() if isinstance(f, Estimate) and f.value is not None]
    far = max(abs(value - overall) for value in values) or 1.0
    y, rows = top, []
    for level, lines, height in zip(down, texts, heights, strict=True):
        canvas.lines((8, y + height / 2 + 4 - LINE * (len(lines) - 1) / 2), lines)
        row = [level]
        for place, other in enumerate(across):
            found = cells.get((level, other))
            corner = (left + side * place, y)
            row.append(
                _draw_cell(canvas, corner, (side, height), found, (overall, far), (level, other))
            )
        rows.append(tuple(row))
        y += height
    _draw_steps(canvas, y + 10)
    name = figure(metric).short
    crossed = JOINT.join(names)
    return Chart(
        "heat_map",
        f"{name}: {readable(crossed)}",
        f"{name} of {readable(crossed)}, a cell for each pair of levels.",
        canvas.svg(f"{name} of {readable(crossed)} as a table with coloured cells"),
        canvas.width,
        canvas.height,
        f"Cells are coloured by their distance from all cases ({overall:g}); a strong colour is "
        f"more than half of the largest distance here, {far:.2g}. A colour is no test: small "
        f"groups lie far off by chance.",
        (readable(names[0]), *across),
        tuple(rows),
    )


def _draw_cell(
    canvas: Canvas,
    corner: tuple[float, float],
    size: tuple[float, float],
    found: Estimate | str | None,
    scale: tuple[float, float],
    levels: tuple[str, str],
) -> str:
    """A cell, and what stands in it."""
    (x, y), (width, height), (overall, far) = corner, size, scale
    middle = (x + width / 2, y + height / 2 + 4)
    if not isinstance(found, Estimate) or found.value is None:
        said = found if isinstance(found, str) else numbers.DASH
        short = said if width_of(said) < width else numbers.DASH
        canvas.text(middle, short, fill=MUTED, anchor="middle")
        return said
    share = (found.value - overall) / far
    colour = LEVEL if abs(share) < 0.15 else _coloured(share)
    tip = f"{levels[0]}, {levels[1]}: {_value(found)}"
    canvas.rectangle((x + 1, y + 1), width - 2, height - 2, colour, tip=tip)
    canvas.text(middle, numbers.value(found, numbers.ON_BOARD), fill=INK, anchor="middle")
    return _value(found)


def _coloured(share: float) -> str:
    if share > 0:
        return FAR_ABOVE if share > 0.5 else ABOVE
    return FAR_BELOW if share < -0.5 else BELOW


def _draw_steps(canvas: Canvas, y: float) -> None:
    """The colours in order, under the cells."""
    canvas.text((8, y + 12), "below", fill=MUTED)
    x = 8 + width_of("below") + 8
    for colour in (FAR_BELOW, BELOW, LEVEL, ABOVE, FAR_ABOVE):
        canvas.rectangle((x, y + 2), 26, 12, colour)
        x += 27
    canvas.text((x + 6, y + 12), "above all cases", fill=MUTED)


def _value(estimate: Estimate | None) -> str:
    interval = numbers.interval(estimate)
    return numbers.value(estimate) + (f" ({interval})" if interval else "")
