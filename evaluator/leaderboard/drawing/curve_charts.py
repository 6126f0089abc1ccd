"""Charts over all cases: ROC, precision and recall, net benefit, calibration, scores by class.

Each is drawn from what is released; where a curve is not, the chart is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.disclosure.control import Release
from evaluator.leaderboard.drawing import numbers, released_points
from evaluator.leaderboard.drawing.axes import (
    WIDTH,
    Entry,
    Frame,
    draw_legend,
    plane,
    rounded_up,
    written,
)
from evaluator.leaderboard.drawing.chart import Chart
from evaluator.leaderboard.drawing.palette import ACCENT, BAND, GRID, MUTED, WARM
from evaluator.leaderboard.drawing.svg import Canvas
from evaluator.scoring.results import CurvePoint

_FALSE_POSITIVE = "1 \N{MINUS SIGN} specificity (false positive rate)"


def roc(release: Release) -> Chart | None:
    """The overall ROC curve on its released grid, with its band and the declared threshold."""
    points = released_points.points_of(release, "roc")
    if not points:
        return None
    point, banded = operating_point(release), _banded(points)
    legend = [("ROC curve", ACCENT, "line"), ("chance", MUTED, "dashed")]
    legend += [("pointwise band", BAND, "area")] if banded else []
    legend += [(f"threshold {release.threshold:g}", WARM, "diamond")] if point else []
    canvas, frame = plane(legend, (0.0, 1.0), (0.0, 1.0), _FALSE_POSITIVE, "sensitivity")
    if banded:
        upper = [frame.at(p.x, p.high) for p in points if p.high is not None]
        lower = [frame.at(p.x, p.low) for p in points if p.low is not None]
        canvas.area([*upper, *reversed(lower)], BAND)
    canvas.path([frame.at(0, 0), frame.at(1, 1)], MUTED, dashed=True)
    canvas.path([frame.at(p.x, p.y) for p in points], ACCENT, width=2)
    for p in points:
        said = f"1 \N{MINUS SIGN} specificity {p.x:g}, sensitivity {_said(p)}"
        canvas.dot(frame.at(p.x, p.y), ACCENT, tip=said)
    if point is not None:
        _draw_operating_point(canvas, frame, point, release.threshold)
    area = release.find("auroc")
    said = (
        f"AUROC {numbers.with_interval(area)}. "
        if area is not None and area.value is not None
        else ""
    )
    spoken = ", ".join(f"{p.y:.2f} at {p.x:g}" for p in points[:: max(1, len(points) // 5)])
    return Chart(
        "roc",
        "ROC curve",
        f"ROC curve of sensitivity against 1 \N{MINUS SIGN} specificity: {spoken}.",
        canvas.svg(f"ROC curve: {spoken}"),
        canvas.width,
        canvas.height,
        f"{said}The curve is shown at {len(points)} points, joined by straight lines."
        f"{_few(release)}",
        ("1 \N{MINUS SIGN} specificity", "Sensitivity", *(("Band",) if banded else ())),
        tuple(
            (f"{p.x:g}", f"{p.y:g}", *((f"{p.low:g} to {p.high:g}",) if banded else ()))
            for p in points
        ),
    )


def _few(release: Release) -> str:
    minimum = release.rule.minimum_cell
    if minimum <= 1:
        return ""
    return (
        f" Where fewer than {minimum} positive cases lie above or below a point, their number is "
        f"shown as 0 or as {minimum}."
    )


Across = tuple[float, float, float]
"""A value with both ends of its interval."""


def operating_point(release: Release) -> tuple[Across, Across] | None:
    """False positive rate and sensitivity at the threshold; None where one is not released."""
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if sensitivity is None or specificity is None:
        return None
    if sensitivity.value is None or specificity.value is None:
        return None
    low = specificity.value if specificity.low is None else specificity.low
    high = specificity.value if specificity.high is None else specificity.high
    up = (
        sensitivity.value,
        sensitivity.value if sensitivity.low is None else sensitivity.low,
        sensitivity.value if sensitivity.high is None else sensitivity.high,
    )
    return (1 - specificity.value, 1 - high, 1 - low), up


def _draw_operating_point(
    canvas: Canvas, frame: Frame, point: tuple[Across, Across], threshold: float
) -> None:
    (x, left, right), (y, low, high) = point
    canvas.path([frame.at(left, y), frame.at(right, y)], WARM)
    canvas.path([frame.at(x, low), frame.at(x, high)], WARM)
    said = f"threshold {threshold:g}: 1 \N{MINUS SIGN} specificity {x:.3g}, sensitivity {y:.3g}"
    canvas.diamond(frame.at(x, y), WARM, tip=said)


def precision_recall(release: Release) -> Chart | None:
    """Precision against recall, worked out from the released ROC curve and prevalence."""
    points = released_points.points_of(release, "roc")
    share = released_points.prevalence(release)
    if not points or share is None:
        return None
    curve = released_points.precision_recall(points, share)
    if not curve:
        return None
    grid = released_points.precision_recall(points, share, between=0)
    point = operating_point(release)
    precise = release.find("ppv")
    legend: list[Entry] = [("precision", ACCENT, "line"), ("chance", MUTED, "dashed")]
    shown = point is not None and precise is not None and precise.value is not None
    legend += [(f"threshold {release.threshold:g}", WARM, "diamond")] if shown else []
    highest = max([y for _, y in curve] + [precise.value or 0.0 if precise is not None else 0.0])
    top = min(1.0, rounded_up(1.05 * highest))
    canvas, frame = plane(legend, (0.0, 1.0), (0.0, top), "recall (sensitivity)", "precision (PPV)")
    canvas.path([frame.at(0, share), frame.at(1, share)], MUTED, dashed=True)
    canvas.path([frame.at(x, y) for x, y in curve], ACCENT, width=2)
    for x, y in grid:
        canvas.dot(frame.at(x, y), ACCENT, tip=f"recall {x:.3g}, precision {y:.2f}")
    if point is not None and precise is not None and precise.value is not None:
        x, y = point[1][0], precise.value
        said = f"threshold {release.threshold:g}: recall {x:.3g}, precision {y:.3g}"
        canvas.diamond(frame.at(x, y), WARM, tip=said)
    found = release.find("average_precision")
    said = ""
    if found is not None and found.value is not None:
        said = f"Average precision over single cases {numbers.with_interval(found)}. "
    spoken = ", ".join(f"{y:.2f} at {x:.2f}" for x, y in grid[:: max(1, len(grid) // 5)])
    return Chart(
        "precision_recall",
        "Precision and recall",
        f"Precision against recall: {spoken}.",
        canvas.svg(f"Precision against recall: {spoken}"),
        canvas.width,
        canvas.height,
        f"{said}The line follows from the points of the ROC curve and the share of positive "
        f"cases, {100 * share:.3g}\N{NO-BREAK SPACE}%, which is also the level of chance.",
        ("Recall", "Precision"),
        tuple((f"{x:.3f}", f"{y:.2f}") for x, y in grid),
    )


def decision(release: Release) -> Chart | None:
    """Net benefit over thresholds, beside calling every case positive and calling none."""
    points = released_points.points_of(release, "decision")
    share = released_points.prevalence(release)
    if not points or share is None:
        return None
    ends = [end for p in points for end in (p.y, p.high) if end is not None]
    top = rounded_up(max(*ends, share))
    lowest = min([0.0, *(p.y for p in points)])
    bottom = min(-0.1 * top, max(lowest * 1.05, -top))
    right = rounded_up(max(p.x for p in points))
    legend: list[Entry] = [("model", ACCENT, "line"), ("all positive", WARM, "dashed")]
    legend += [("none positive", MUTED, "line")]
    legend += [("interval", BAND, "area")] if _banded(points) else []
    canvas, frame = plane(
        legend, (0.0, right), (bottom, top), "threshold probability", "net benefit", height=260
    )
    if _banded(points):
        upper = [frame.at(p.x, p.high) for p in points if p.high is not None]
        lower = [frame.at(p.x, p.low) for p in points if p.low is not None]
        canvas.area([*upper, *reversed(lower)], BAND)
    canvas.line(frame.at(0, 0), frame.at(right, 0), MUTED, width=1.5)
    canvas.path(_of_everybody(frame, share, right, bottom), WARM, dashed=True)
    canvas.path([frame.at(p.x, p.y) for p in points], ACCENT, width=2)
    for p in points:
        everybody = share - (1 - share) * p.x / (1 - p.x)
        said = f"threshold {p.x:g}, net benefit {_said(p)}; all positive {everybody:.3f}"
        canvas.dot(frame.at(p.x, p.y), ACCENT, tip=said)
    spoken = ", ".join(f"{p.y:g} at {p.x:g}" for p in points[:: max(1, len(points) // 5)])
    return Chart(
        "decision",
        "Decision curve",
        f"Net benefit by threshold: {spoken}.",
        canvas.svg(f"Decision curve, net benefit by threshold: {spoken}"),
        canvas.width,
        canvas.height,
        "Net benefit is the share of true positives less that of false positives, the latter "
        "weighted by the odds of the threshold (Vickers & Elkin 2006). The model is of use where "
        "its line lies above both others. It is drawn for thresholds that rest on enough cases.",
        ("Threshold", "Net benefit", "Interval", "All positive"),
        tuple(
            (
                f"{p.x:g}",
                written(p.y),
                f"{written(p.low)} to {written(p.high)}"
                if p.low is not None and p.high is not None
                else numbers.DASH,
                f"{share - (1 - share) * p.x / (1 - p.x):.3f}".replace("-", "\N{MINUS SIGN}"),
            )
            for p in points
        ),
    )


def _of_everybody(
    frame: Frame, share: float, right: float, bottom: float
) -> list[tuple[float, float]]:
    """Net benefit of calling every case positive, down to the lower edge of the frame."""
    line: list[tuple[float, float]] = []
    for step in range(61):
        x = min(right * step / 60, 0.999)
        y = share - (1.0 - share) * x / (1.0 - x)
        if y <= bottom:
            odds = (share - bottom) / (1.0 - share)
            return [*line, frame.at(odds / (1.0 + odds), bottom)]
        line.append(frame.at(x, y))
    return line


def reliability(release: Release) -> Chart | None:
    """Observed against predicted share by bin, with intervals and the isotonic fit of the bins."""
    points = released_points.points_of(release, "reliability")
    if not points:
        return None
    highest = max([p.x for p in points] + [p.y if p.high is None else p.high for p in points])
    side = min(1.0, rounded_up(max(highest, 0.01)))
    legend: list[Entry] = [("bin", ACCENT, "dot"), ("isotonic fit", ACCENT, "line")]
    legend += [("perfect calibration", MUTED, "dashed")]
    canvas, frame = plane(
        legend, (0.0, side), (0.0, side), "mean predicted probability", "observed share positive"
    )
    canvas.path([frame.at(0, 0), frame.at(side, side)], MUTED, dashed=True)
    fit = released_points.isotonic(points)
    line = [frame.at(x, block.height) for block in fit for x in (block.low, block.high)]
    canvas.path(line, ACCENT, width=2)
    for p in points:
        if p.low is not None and p.high is not None:
            canvas.line(frame.at(p.x, p.low), frame.at(p.x, p.high), ACCENT, width=1.5)
        said = f"predicted {p.x:g}, observed {_said(p)}, {p.n} cases"
        canvas.dot(frame.at(p.x, p.y), ACCENT, radius=4, tip=said)
    spoken = ", ".join(f"predicted {p.x:.2g} observed {p.y:.2g}" for p in points)
    return Chart(
        "reliability",
        "Reliability diagram (CORP)",
        f"Reliability diagram: {spoken}.",
        canvas.svg(f"Reliability diagram: {spoken}"),
        canvas.width,
        canvas.height,
        f"{len(points)} bins of about equal size with {numbers.percent(release.confidence)} "
        f"intervals. Under the diagonal, risk is overestimated. The line is the isotonic fit of "
        f"these bins (Dimitriadis 2021), not of single scores.{_corp(release)}",
        ("Mean predicted", "Observed share", "Interval", "Cases"),
        tuple(
            (
                f"{p.x:g}",
                f"{p.y:g}",
                numbers.DASH if p.low is None or p.high is None else f"{p.low:g} to {p.high:g}",
                str(p.n),
            )
            for p in points
        ),
    )


def _corp(release: Release) -> str:
    parts = []
    for said in ("miscalibration", "discrimination"):
        found = release.find(f"corp_{said}")
        if found is not None and found.value is not None:
            parts.append(f"{said} {numbers.value(found)}")
    return f" Over single cases the Brier score has {' and '.join(parts)}." if parts else ""


def scores(release: Release) -> Chart | None:
    """How the scores of each class lie over the released bins, back to back."""
    bins = released_points.classes_by_bin(released_points.points_of(release, "reliability"))
    if not bins:
        return None
    row, label, top = 22.0, 62.0, 50.0
    canvas = Canvas(WIDTH, top + row * len(bins) + 30)
    draw_legend(
        canvas, 8, 4, [("negative cases", ACCENT, "area"), ("positive cases", WARM, "area")]
    )
    middle, room = WIDTH / 2, WIDTH / 2 - label / 2 - 44
    canvas.text((middle, top - 8), "mean score", fill=MUTED, anchor="middle")
    most = max(max(b.positive, b.negative) for b in bins)
    rows = []
    for place, b in enumerate(reversed(bins)):
        y = top + place * row
        for share, way, colour, name in (
            (b.negative, -1, ACCENT, "negative"),
            (b.positive, 1, WARM, "positive"),
        ):
            start = middle + way * label / 2
            length = room * share / most
            corner = (start if way > 0 else start - length, y + 3)
            said = f"mean score {b.x:.3g}: {_percent(share)} of the {name} cases"
            canvas.rectangle(corner, max(length, 0.5), row - 6, colour, tip=said)
            end = start + way * (length + 5)
            anchor = "start" if way > 0 else "end"
            canvas.text((end, y + 15), _percent(share), fill=MUTED, anchor=anchor)
        canvas.text((middle, y + 15), f"{b.x:.3g}", anchor="middle")
        rows.append((f"{b.x:.3g}", _percent(b.negative), _percent(b.positive)))
    canvas.line((middle - label / 2, top), (middle - label / 2, canvas.height - 30), GRID)
    canvas.line((middle + label / 2, top), (middle + label / 2, canvas.height - 30), GRID)
    canvas.text((middle, canvas.height - 10), "share of the cases of each class", anchor="middle")
    spoken = ", ".join(f"{p} of positives and {n} of negatives at {x}" for x, n, p in rows)
    return Chart(
        "scores",
        "Scores by class",
        f"Scores by class: {spoken}.",
        canvas.svg(f"Scores by class: {spoken}"),
        canvas.width,
        canvas.height,
        "Each row is a bin of the reliability diagram, the highest scores at the top. The better "
        "the model separates the classes, the more the two sides differ.",
        ("Mean score", "Negative cases", "Positive cases"),
        tuple(rows),
    )


def _banded(points: Sequence[CurvePoint]) -> bool:
    return all(p.low is not None and p.high is not None for p in points)


def _said(point: CurvePoint) -> str:
    if point.low is None or point.high is None:
        return written(point.y)
    return f"{written(point.y)} ({written(point.low)} to {written(point.high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
