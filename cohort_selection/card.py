"""The cohort's card: what was asked for, what was drawn and from what, as one page and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

import plotly.graph_objects as go

from cohort_selection.criteria import FlowStep
from cohort_selection.matching import Margin
from cohort_selection.representativeness import Deviation
from cohort_selection.shortcuts import Shortcut

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 2rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .8rem;border-bottom:1px solid #d5dae0;text-align:right}
th:first-child,td:first-child{text-align:left}
.alarm{color:#b3261e;font-weight:600} .note{color:#57606a}
"""


@dataclass(frozen=True, slots=True)
class Card:
    """Everything a card shows; aggregates only, and for the steward alone: levels may be small."""

    title: str
    digest: str
    n_cases: int
    n_patients: int
    flow: tuple[FlowStep, ...]
    margins: tuple[Margin, ...]
    deviations: tuple[Deviation, ...]
    binding: tuple[str, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    certain_share: float = 0.0
    excluded_share: float = 0.0


def card_json(card: Card) -> str:
    """Give the card as JSON, keys in a fixed order."""
    return json.dumps(asdict(card), indent=2, sort_keys=True, allow_nan=False)


def render_card(card: Card) -> str:
    """Give the card as one HTML page that needs no network."""
    attributes = list(dict.fromkeys(margin.attribute for margin in card.margins))
    figures = [
        _bars(attribute, [m for m in card.margins if m.attribute == attribute]).to_html(
            full_html=False, include_plotlyjs=k == 0, config={"displaylogo": False}
        )
        for k, attribute in enumerate(attributes)
    ]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{escape(card.title)}</title><style>{_STYLE}</style>",
        f"<h1>{escape(card.title)}</h1>",
        f"<p>{card.n_cases:,} cases of {card.n_patients:,} patients. <code>{escape(card.digest)}"
        "</code></p>",
        f"<p class=note>{card.certain_share:.1%} of the pool's patients were sure to be drawn, "
        f"{card.excluded_share:.1%} could not be.</p>",
        "<h2>Flow</h2>",
        _table(
            ("Rule", "Excluded", "Left"),
            [(step.rule, f"{step.excluded:,}", f"{step.remaining:,}") for step in card.flow],
        ),
        "<h2>Cohort, target and pool</h2>",
        *figures,
        *(f"<p class=note>{escape(sentence)}</p>" for sentence in card.binding),
        "<h2>Distances</h2>",
        "<p class=note>Jensen-Shannon distance, base 2. Chance: median and 95 % point for random "
        "draws of as many cases.</p>",
        _table(
            ("Attribute", "Distance", "without Not Reported", "Chance", "Largest deviation",
             "Standardised"),
            [_distance_row(row) for row in card.deviations],
        ),
    ]  # fmt: skip
    if card.shortcuts:
        parts += [
            "<h2>What headers alone predict</h2>",
            "<p class=note>Cross-validated AUROC of a field for the label; chance is its 95 % "
            "point under shuffled labels.</p>",
            _table(
                ("Field", "AUROC", "Chance", "Most telling"),
                [(s.field, f"{s.auroc:.3f}", f"{s.high:.3f}", s.telling) for s in card.shortcuts],
                [s.alarming for s in card.shortcuts],
            ),
        ]
    return "\n".join([*parts, "</html>"])


def _distance_row(row: Deviation) -> tuple[str, ...]:
    without, median, high = row.jsd_without_not_reported, row.chance_median, row.chance_high
    return (
        row.attribute,
        f"{row.jsd:.4f}",
        "none left" if without is None else f"{without:.4f}",
        "not drawn" if median is None or high is None else f"{median:.4f}, {high:.4f}",
        f"{row.maximum:.1%} ({row.worst_level})",
        f"{row.standardised:.3f}",
    )


def _bars(attribute: str, margins: Sequence[Margin]) -> go.Figure:
    levels = [margin.level for margin in margins]
    figure = go.Figure()
    for name, values, colour in (
        ("target", [m.target for m in margins], "#8c959f"),
        ("cohort", [m.cohort for m in margins], "#0b57d0"),
        ("pool", [m.pool for m in margins], "#e3b341"),
    ):
        figure.add_bar(name=name, x=levels, y=values, marker_color=colour)
    figure.update_layout(
        title=attribute,
        barmode="group",
        height=340,
        template="plotly_white",
        margin={"l": 50, "r": 20, "t": 50, "b": 40},
        yaxis={"tickformat": ".0%", "title": "share of patients"},
    )
    return figure


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], alarms: Sequence[bool] = ()
) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = []
    for k, row in enumerate(rows):
        marked = " class=alarm" if k < len(alarms) and alarms[k] else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        lines.append(f"<tr{marked}>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
