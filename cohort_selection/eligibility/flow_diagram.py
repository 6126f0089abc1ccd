"""Counts studies and patients after each rule, and draws the flow diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

_FONT = "font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px"
_WIDTH, _LEFT, _BOX, _SIDE = 640, 8, 250, 340
_LINE, _PADDING, _GAP = 18, 9, 12
_CHARACTERS = 46  # that fit into a box at the side


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One rule: the studies it excluded, the studies and patients left.

    ``unknown`` of the excluded ones are out because what the rule asks for is not known of them.
    """

    rule: str
    excluded: int
    remaining: int
    patients: int
    unknown: int = 0


def flow_svg(flow: Sequence[FlowStep]) -> str:
    """Draw the flow as one ``<svg>`` element with neither script nor outside font.

    Down the left what is left, at the side what each rule took, as in a CONSORT diagram. An empty
    flow is an empty picture.
    """
    parts: list[str] = []
    at = _LEFT
    for before, step in zip([None, *flow], flow, strict=False):
        if before is not None:
            lines = _excluded(before, step)
            height = _height(len(lines))
            middle = at + _GAP + height / 2
            centre = _LEFT + _BOX / 2
            parts.append(_arrow(centre, at, centre, at + height + 2 * _GAP))
            parts.append(_arrow(centre, middle, _WIDTH - _LEFT - _SIDE, middle))
            parts.append(_box(_WIDTH - _LEFT - _SIDE, at + _GAP, _SIDE, lines, "#f6f4ef"))
            at += int(height) + 2 * _GAP
        left = [_counted(step.remaining, "study", "studies")]
        left.append("of " + _counted(step.patients, "patient", "patients"))
        if before is None:
            left = [*wrap(step.rule, 32), *left]
        parts.append(_box(_LEFT, at, _BOX, left, "#ffffff"))
        at += int(_height(len(left)))
    said = "; ".join(f"{step.rule}: {step.remaining} studies left" for step in flow)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {at + _LEFT}" '
        f'width="{_WIDTH}" height="{at + _LEFT}" role="img" style="max-width:100%;height:auto" '
        f'aria-label="{escape(said)}">'
        '<defs><marker id="flow-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
        f"{''.join(parts)}</svg>"
    )


def _excluded(before: FlowStep, step: FlowStep) -> list[str]:
    lines = wrap(step.rule, _CHARACTERS)
    lost = before.patients - step.patients
    said = f"{_counted(step.excluded, 'study', 'studies')} excluded"
    if lost:
        said += f", {_counted(lost, 'patient', 'patients')} with them"
    lines += wrap(said, _CHARACTERS)
    if step.unknown:
        lines.append(f"{step.unknown:,} of them because it is not known")
    return lines


def _counted(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _height(lines: int) -> float:
    return lines * _LINE + 2 * _PADDING


def _box(x: float, y: float, width: float, lines: Sequence[str], fill: str) -> str:
    texts = "".join(
        f'<text x="{x + width / 2:g}" y="{y + _PADDING + _LINE * (i + 0.75):g}" '
        f'text-anchor="middle" style="{_FONT}" fill="#222">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{_height(len(lines)):g}" rx="3" '
        f'fill="{fill}" stroke="#555"/>{texts}'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="#555" '
        'marker-end="url(#flow-tip)"/>'
    )
