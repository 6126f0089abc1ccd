"""The power of a study over the size of its cohort, as SVG."""

from __future__ import annotations

from itertools import cycle

from evaluator.leaderboard.drawing.axes import (
    Entry,
    Frame,
    draw_axes,
    draw_legend,
    left_of,
    rounded_up,
)
from evaluator.leaderboard.drawing.palette import ACCENT, INK, MUTED, WARM
from evaluator.leaderboard.drawing.svg import LINE, Canvas, wrapped
from evaluator.planning.study_plan import ALL, StudyPlan

_WIDTH, _SIDE, _RIGHT, _BELOW = 560.0, 320.0, 16.0, 50.0
_COLOURS = (ACCENT, WARM, MUTED)
_LONGEST = 44


def power_svg(plan: StudyPlan) -> str:
    """A line for each claim and one for all; the pool's cohort is an upright line.

    Whole on its own: colours are attributes. Empty where no size was found.
    """
    if not plan.curve:
        return ""
    names = [each.name for each in plan.claims]
    if len(names) == 2:
        names = names[:1]
    colours = cycle((colour, dashed) for dashed in (False, True) for colour in _COLOURS)
    styles = {name: next(colours) for name in names if name != ALL}
    styles |= {ALL: (INK, False)} if ALL in names else {}
    legend: list[Entry] = [
        (_short(name or "all claims"), colour, "dashed" if dashed else "line")
        for name, (colour, dashed) in styles.items()
    ]
    pool = plan.cohort.counts[0] if plan.cohort is not None else None
    if pool is not None:
        legend.append((f"the pool's cohort: {pool} positives", MUTED, "dashed"))
    top = draw_legend(Canvas(_WIDTH, 2000), 8, 8, legend) + 16
    note = wrapped(_note(plan), _WIDTH - 16)
    canvas = Canvas(_WIDTH, top + _SIDE + _BELOW + LINE * (len(note) + 1))
    draw_legend(canvas, 8, 8, legend)
    most = max(*plan.curve, pool or 0)
    left = left_of((0.0, 1.0))
    frame = Frame(
        left=left,
        top=top,
        width=_WIDTH - left - _RIGHT,
        height=_SIDE,
        x=(0.0, rounded_up(most)),
        y=(0.0, 1.0),
    )
    draw_axes(canvas, frame, "readable positives of the whole cohort", "power at the first look")
    for power in (0.8, 0.9):
        canvas.path([frame.at(0, power), frame.at(frame.x[1], power)], MUTED, width=0.7)
    if pool is not None:
        canvas.path([frame.at(pool, 0), frame.at(pool, 1)], MUTED, dashed=True)
    for name, (colour, dashed) in styles.items():
        points = [(n, at[name].value) for n, at in plan.curve.items()]
        width = 2.5 if name == ALL else 1.8
        canvas.path([frame.at(x, y) for x, y in points], colour, width=width, dashed=dashed)
        for x, y in points:
            tip = f"{name or 'all claims'}: {y:.2f} with {x} positives"
            canvas.dot(frame.at(x, y), colour, radius=2.5, tip=tip)
    canvas.lines((8, top + _SIDE + _BELOW + 10), note, fill=MUTED)
    description = "; ".join(
        f"{name or 'all claims'} {at[name].value:.2f} with {n} positives"
        for n, at in list(plan.curve.items())[::3]
        for name in styles
    )
    return canvas.svg(f"Power over the number of positives: {description}")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _note(plan: StudyPlan) -> str:
    sentences = [
        f"{claim.name}: "
        + ", ".join(f"{key} {each.value:.3g}" for key, each in claim.assumed.items())
        for claim in plan.claims
        if claim.assumed
    ]
    return (
        f"Assumed: {'; '.join(sentences)}; {plan.shape.ratio:.3g} negatives a positive. Claims: "
        f"each alone at its first level; all claims: through the procedure."
    )
