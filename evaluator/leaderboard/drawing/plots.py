"""Interactive figures of a release: plotly specifications that need no network.

Colours are those of the light page; ``DARK`` maps each to its counterpart, and the page swaps
them when the reader prefers dark. Text from data is escaped, since plotly reads some markup.
"""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import plotly
import plotly.graph_objects as go

from evaluator.disclosure.control import Release
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.scoring.results import OVERALL, Curve

INK, MUTED, GRID, ACCENT, BAND, WARM, PAPER = (
    "#1a2128",
    "#5b6672",
    "#dfe4e8",
    "#0b6178",
    "#c3dde4",
    "#a8480d",
    "#ffffff",
)
DARK = {
    INK: "#e8ecef",
    MUTED: "#a3afba",
    GRID: "#313b45",
    ACCENT: "#6cc4da",
    BAND: "#234752",
    WARM: "#f0a06a",
    PAPER: "#161c22",
}
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_LABEL_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with the words that stand for it where it cannot be seen."""

    key: str
    title: str
    caption: str
    description: str
    specification: str


@cache
def plotly_javascript() -> str:
    """The plotly.js that ships in the wheel."""
    return plotly_file().read_text(encoding="utf-8")


def plotly_file() -> Path:
    """Where the wheel keeps it."""
    return Path(str(plotly.__file__)).parent / "package_data" / "plotly.min.js"


def roc(release: Release) -> Drawing | None:
    """The overall ROC curve on its released grid, with its band and the declared threshold."""
    curve = _curve(release, "roc")
    if curve is None:
        return None
    drawn = _figure(height=440)
    x = [point.x for point in curve.points]
    low = [point.low for point in curve.points]
    high = [point.high for point in curve.points]
    if None not in low and None not in high:
        band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        drawn.add_scatter(x=x, y=low, **band)
        drawn.add_scatter(x=x, y=high, fill="tonexty", fillcolor=BAND, **band)
    _diagonal(drawn, "chance")
    drawn.add_scatter(
        x=x,
        y=[point.y for point in curve.points],
        mode="lines+markers",
        name="ROC",
        line={"color": ACCENT, "width": 2.5},
        marker={"size": 5, "color": ACCENT},
        hovertemplate="1 − specificity %{x:.2f}<br>sensitivity %{y:.3f}<extra></extra>",
    )
    point = _operating_point(release)
    if point is not None:
        drawn.add_trace(point)
    _unit_axes(drawn, "1 − specificity (false positive rate)", "sensitivity")
    found = release.find("auroc")
    said = f"AUROC {numbers.value(found)} ({numbers.interval(found)}). " if found else ""
    spoken = ", ".join(f"{p.y:.2f} at {p.x:g}" for p in curve.points[:: max(1, len(x) // 5)])
    return Drawing(
        "roc",
        "ROC curve",
        f"{said}Shown on a grid of {len(x)} points, joined by straight lines; the curve between "
        f"them is not shown.{_rounded(release.rule.minimum_cell)}"
        + (" The band is pointwise." if None not in low else "")
        + (" The diamond is the threshold." if point is not None else ""),
        f"ROC curve of sensitivity against 1 − specificity: {spoken}.",
        _json(drawn),
    )


def _rounded(minimum: int) -> str:
    """What the caption says of rounded counts; nothing where the rule rounds none."""
    if minimum <= 1:
        return ""
    return (
        f" Where fewer than {minimum} positive cases lie above or below a point, their number is "
        f"shown as 0 or as {minimum}."
    )


def reliability(release: Release) -> Drawing | None:
    """Observed against predicted share by bin, with intervals, over the sizes of the bins."""
    curve = _curve(release, "reliability")
    if curve is None:
        return None
    drawn = _figure(height=460)
    x = [point.x for point in curve.points]
    y = [point.y for point in curve.points]
    _diagonal(drawn, "perfect calibration")
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name="observed",
        line={"color": ACCENT, "width": 1, "dash": "dot"},
        marker={"size": 8, "color": ACCENT},
        error_y=_bars(
            [
                (p.y, p.low if p.low is not None else p.y, p.high if p.high is not None else p.y)
                for p in curve.points
            ]
        ),
        customdata=[point.n for point in curve.points],
        hovertemplate="predicted %{x:.2f}<br>observed %{y:.2f}<br>n %{customdata}<extra></extra>",
    )
    drawn.add_bar(
        x=x,
        y=[point.n for point in curve.points],
        width=0.012,
        yaxis="y2",
        marker={"color": MUTED},
        showlegend=False,
        hovertemplate="predicted %{x:.2f}<br>n %{y}<extra></extra>",
    )
    _unit_axes(drawn, "mean predicted probability of the bin", "observed share positive")
    drawn.update_layout(
        yaxis={"domain": [0.27, 1]},
        yaxis2={
            "domain": [0, 0.17],
            "title": {"text": "cases"},
            "nticks": 3,
            "rangemode": "tozero",
            "gridcolor": GRID,
            "zeroline": False,
        },
        xaxis={"anchor": "y2"},
        legend={"x": 0.01, "y": 0.99, "xanchor": "left", "yanchor": "top"},
    )
    spoken = ", ".join(f"predicted {p.x:.2f} observed {p.y:.2f}" for p in curve.points)
    return Drawing(
        "reliability",
        "Reliability diagram",
        f"{len(x)} bins of about equal size; bars are {numbers.percent(release.confidence)} Wilson "
        f"intervals of the observed share. Points under the diagonal: risk is overestimated. "
        f"Below, the cases in each bin (to the nearest {release.rule.count_step}).",
        f"Reliability diagram: {spoken}.",
        _json(drawn),
    )


_ForestRow = tuple[str, tuple[float, float, float] | None, str]
"""Label, value with both ends, and why there is none."""


def forest(release: Release, attributes: Sequence[str], key: str, metric: str) -> Drawing | None:
    """One row a level with its interval, the overall value as a line, and why a row is empty."""
    rows = list(_forest_rows(release, attributes, metric))
    n_drawn = sum(row is not None for label, row, _ in rows if label != _ALL_CASES)
    if not n_drawn:
        return None
    drawn = _figure(height=96 + sum(25 + 13 * label.count("<br>") for label, _, _ in rows))
    place = [-float(i) for i in range(len(rows))]
    shown = [(y, label, row) for y, (label, row, _) in zip(place, rows, strict=True) if row]
    _draw_squares(drawn, shown)
    bounds = [bound for _, _, row in shown for bound in row]
    margin = 0.04 * (max(bounds) - min(bounds) or 1.0)
    left, right = min(bounds) - margin, max(bounds) + margin
    overall = next((row for label, row, _ in rows if label == _ALL_CASES), None)
    if overall is not None:
        _draw_overall(drawn, overall[0], place[-1])
    for y, (_, _, why) in zip(place, rows, strict=True):
        if why:
            drawn.add_annotation(
                x=left,
                y=y,
                text=why,
                xanchor="left",
                xshift=6,
                showarrow=False,
                font={"color": MUTED},
            )
    name = figure(metric).short
    drawn.update_layout(
        xaxis={
            "title": {"text": f"{name}, {numbers.percent(release.confidence)} interval"},
            "range": [left, right],
            "gridcolor": GRID,
            "zeroline": False,
        },
        yaxis={
            "tickvals": place,
            "ticktext": [label for label, _, _ in rows],
            "range": [place[-1] - 0.7, 0.7],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
        margin={"l": 8, "r": 12, "t": 8, "b": 48},
    )
    return Drawing(
        key,
        f"{name} by subgroup" if key == "forest" else f"{name} by intersection",
        _forest_caption(sum(1 for _, _, why in rows if why), n_drawn),
        f"Forest plot of {name} for {n_drawn} groups; the table below holds the same figures.",
        _json(drawn),
    )


_ALL_CASES = "<b>All cases</b>"


def _forest_rows(release: Release, attributes: Sequence[str], metric: str) -> Iterator[_ForestRow]:
    overall = release.find(metric)
    if overall is not None and overall.value is not None:
        yield _ALL_CASES, _triple(overall.value, overall.low, overall.high), ""
    for attribute in attributes:
        yield f"<b>{_wrapped(readable(attribute))}</b>", None, ""
        for result in release.results:
            if (result.attribute, result.metric) != (attribute, metric):
                continue
            found = result.estimate
            label = f"{_wrapped(readable_level(result.level))}"
            if found.value is None:
                yield label, None, "insufficient data"
            else:
                yield label, _triple(found.value, found.low, found.high), ""
        for held in release.withheld:
            if held.attribute == attribute:
                yield _wrapped(readable_level(held.level)), None, held.reason


def _draw_squares(
    drawn: go.Figure, shown: Sequence[tuple[float, str, tuple[float, float, float]]]
) -> None:
    """A mark a row with its interval; the row at 0 is that of all cases."""
    drawn.add_scatter(
        x=[row[0] for _, _, row in shown],
        y=[y for y, _, _ in shown],
        mode="markers",
        marker={
            "size": [14 if y == 0 else 11 for y, _, _ in shown],
            "symbol": ["diamond" if y == 0 else "square" for y, _, _ in shown],
            "color": ACCENT,
            "line": {"color": PAPER, "width": 1},
            "opacity": 1,
        },
        error_x=_bars([row for _, _, row in shown]),
        customdata=[[label.replace("<br>", " "), row[1], row[2]] for _, label, row in shown],
        hovertemplate="%{customdata[0]}<br>%{x} (%{customdata[1]} to %{customdata[2]})"
        "<extra></extra>",
        showlegend=False,
    )


def _draw_overall(drawn: go.Figure, value: float, lowest: float) -> None:
    drawn.add_shape(
        type="line",
        x0=value,
        x1=value,
        y0=0.5,
        y1=lowest - 0.5,
        line={"color": WARM, "width": 1.5, "dash": "dash"},
        layer="below",
    )


def _forest_caption(n_empty: int, n_drawn: int) -> str:
    said = "Squares are subgroups, the diamond and the dashed line all cases. "
    if n_empty:
        said += f"{n_empty} of {n_empty + n_drawn} groups have no figure. "
    return f"{said}Intervals are one a group and not adjusted for their number."


def readable(attribute: str) -> str:
    """An attribute's name as a heading: "race x sex" is "Race × sex"."""
    text = attribute.replace("_", " ").replace(" x ", " × ")
    return text[:1].upper() + text[1:]


def readable_level(level: str) -> str:
    """A level as text, its parts joined by a multiplication sign."""
    return level.replace(" x ", " × ")


def _curve(release: Release, name: str) -> Curve | None:
    for curve in release.curves:
        if (curve.name, curve.attribute, curve.level) == (name, *OVERALL):
            return curve
    return None


def _operating_point(release: Release) -> go.Scatter | None:
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if sensitivity is None or specificity is None:
        return None
    if sensitivity.value is None or specificity.value is None:
        return None
    low, high = specificity.low, specificity.high
    across = (
        1 - specificity.value,
        1 - (specificity.value if high is None else high),
        1 - (specificity.value if low is None else low),
    )
    up = _triple(sensitivity.value, sensitivity.low, sensitivity.high)
    return go.Scatter(
        x=[round(across[0], 4)],
        y=[up[0]],
        mode="markers",
        name=f"threshold {release.threshold:g}",
        marker={"size": 11, "symbol": "diamond", "color": WARM},
        error_x=_bars([across], WARM),
        error_y=_bars([up], WARM),
        hovertemplate="1 − specificity %{x}<br>sensitivity %{y}<extra>threshold</extra>",
    )


def _triple(value: float, low: float | None, high: float | None) -> tuple[float, float, float]:
    return value, value if low is None else low, value if high is None else high


def _bars(rows: Sequence[tuple[float, float, float]], colour: str = ACCENT) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [round(max(0.0, high - value), 6) for value, _, high in rows],
        "arrayminus": [round(max(0.0, value - low), 6) for value, low, _ in rows],
        "color": colour,
        "thickness": 1.5,
        "width": 4,
    }


def _figure(height: int) -> go.Figure:
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "font": {"family": _FONT, "size": 13, "color": INK},
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "margin": {"l": 56, "r": 12, "t": 8, "b": 48},
            "legend": {
                "x": 0.99,
                "y": 0.02,
                "xanchor": "right",
                "yanchor": "bottom",
                "bgcolor": PAPER,
                "bordercolor": GRID,
                "borderwidth": 1,
            },
            "hoverlabel": {"font": {"family": _FONT}},
            "dragmode": False,
        }
    )


def _diagonal(drawn: go.Figure, name: str) -> None:
    drawn.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name=name,
        line={"color": MUTED, "width": 1, "dash": "dash"},
        hoverinfo="skip",
    )


def _unit_axes(drawn: go.Figure, x: str, y: str) -> None:
    axis = {"range": [-0.02, 1.02], "dtick": 0.2, "gridcolor": GRID, "zeroline": False}
    drawn.update_layout(xaxis=axis | {"title": {"text": x}}, yaxis=axis | {"title": {"text": y}})


def _wrapped(text: str) -> str:
    return "<br>".join(html.escape(line) for line in textwrap.wrap(text, _LABEL_WIDTH) or [""])


def _json(drawn: go.Figure) -> str:
    found = json.loads(drawn.to_json())
    found["layout"].pop("template", None)
    return json.dumps({"data": found["data"], "layout": found["layout"], "dark": DARK})
