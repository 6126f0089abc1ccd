"""Writes the cohort's card as one page that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from textwrap import wrap

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from cohort_selection.eligibility.flow_diagram import flow_svg
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.leakage.shortcuts import ALARM
from cohort_selection.matching.estimand import Estimand
from cohort_selection.representativeness.card import (
    AIM,
    POOL,
    Batch,
    Card,
    Comparison,
    DoubtCount,
    LevelShares,
    SealChecks,
    TextCheck,
)
from cohort_selection.representativeness.distance import Deviation
from cohort_selection.representativeness.planned_row import HOW_READ, as_table

_STYLE = """
:root{color-scheme:light dark;--ink:#1a2128;--muted:#5b6672;--grid:#d5dae0;--paper:#fff;
--alarm:#b3261e;--quiet:#f3f4f2}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecef;--muted:#a3afba;--grid:#3a444e;
--paper:#12171c;--alarm:#ff8a80;--quiet:#1c232a}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem;
background:var(--paper);color:var(--ink);overflow-wrap:break-word}
h1{line-height:1.2}h2{margin-top:2.5rem}code{overflow-wrap:anywhere;color:var(--muted)}
.note{color:var(--muted)}.alarm{color:var(--alarm);font-weight:600}
.warning{border-left:4px solid var(--alarm);background:var(--quiet);padding:.6rem 1rem}
.scroll{overflow-x:auto;margin:.5rem 0 1.5rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--grid);text-align:right;
vertical-align:bottom}
th:first-child,td:first-child{text-align:left;padding-left:0;min-width:7rem}
.flow{background:#fff;padding:.5rem;border-radius:6px;max-width:42rem}
.plot{width:100%}
.js-plotly-plot text{fill:var(--ink)!important}
.js-plotly-plot .hoverlayer text{fill:#fff!important}
.js-plotly-plot .gridlayer path,.js-plotly-plot .zerolinelayer path{stroke:var(--grid)!important}
"""
_COLOURS = {"target": "#8c959f", "cohort": "#1f77d0", "pool": "#d9a21b", "open part": "#3d9970"}
_CLEAR = "rgba(0,0,0,0)"


def render_card(card: Card) -> str:
    """Give the card as one HTML page that asks for nothing else."""
    sealed = f"Sealed as <code>{escape(card.digest)}</code>" if card.digest else "Not sealed yet"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{escape(card.title)}: cohort card</title><style>{_STYLE}</style>",
        f"<script>{get_plotlyjs()}</script>",
        f"<h1>{escape(card.title)}</h1>",
        "<p class=warning><strong>For the steward alone.</strong> Levels may have only a few "
        "patients, and the page names header fields that tell the label. Do not publish it.</p>",
        f"<p>{card.n_cases:,} cases of {card.n_patients:,} patients. {sealed}.</p>",
        "<h2>Flow</h2>",
        f"<div class='flow scroll'>{flow_svg(card.flow)}</div>",
        _flow_table(card),
        "<h2>Target, cohort, pool and open part</h2>",
        "<p class=note>Shares of patients; a patient with several images counts once, in equal "
        "parts for each. The pool is the sequestered patients who could be drawn.</p>",
        *_level_parts(card.levels),
        "<h2>The draw</h2>",
        *_draw_parts(card),
        *_plan_parts(card),
        "<h2>Distances</h2>",
        "<p class=note>Jensen-Shannon distance, base 2: 0 for equal shares, 1 for disjoint ones. "
        "Chance is the distance of random draws of as many patients: median and 95 % point. A "
        "table of two attributes has a large distance by chance alone. Deviations are of shares. "
        "The standardised difference is that of the worst level; 0.1 is the usual limit."
        "</p>",
        *(part for comparison in card.comparisons for part in _comparison_parts(comparison)),
        *_batch_parts(card.batches),
        "<h2>What headers alone predict</h2>",
        *_shortcut_parts(card),
        "<h2>Across the wall</h2>",
        *_wall_parts(card.checks),
        "<h2>Headers that contradict</h2>",
        *_doubt_parts(card.doubts),
        "<h2>Text in the pictures</h2>",
        *_text_parts(card.text),
    ]
    return "\n".join([*parts, "</html>\n"])


def _flow_table(card: Card) -> str:
    return _table(
        ("Rule", "Excluded", "of these unknown", "Cases left", "Patients left"),
        [
            (s.rule, f"{s.excluded:,}", f"{s.unknown:,}", f"{s.remaining:,}", f"{s.patients:,}")
            for s in card.flow
        ],
    )


def _plan_parts(card: Card) -> list[str]:
    """What each claim needs beside what was drawn; nothing where no claim is declared."""
    if not card.planned and not card.unplanned:
        return []
    head = "<h2>The plan of the study</h2>"
    if not card.planned:
        return [head, f"<p class=note>{escape(card.unplanned)}</p>"]
    return [head, f"<p class=note>{HOW_READ}</p>", _table(*as_table(card.planned))]


def _level_parts(levels: Sequence[LevelShares]) -> list[str]:
    parts = []
    for attribute, group in groupby(levels, key=lambda row: row.attribute):
        rows = list(group)
        parts += [
            f"<h3>{escape(attribute)}</h3>",
            _plot(_bars(rows)),
            _table(
                ("Level", "Target", "Cohort", "Cases", "Pool", "Open part"),
                [
                    (
                        row.level,
                        "none" if row.target is None else f"{row.target:.1%}",
                        f"{row.cohort:.1%}",
                        f"{row.n_cohort:,}",
                        f"{row.pool:.1%}",
                        "none" if row.opened is None else f"{row.opened:.1%}",
                    )
                    for row in rows
                ],
            ),
        ]
    return parts


def _bars(rows: Sequence[LevelShares]) -> go.Figure:
    levels = [_label(row.level) for row in rows]
    sides: dict[str, list[float | None]] = {
        "target": [row.target for row in rows],
        "cohort": [row.cohort for row in rows],
        "pool": [row.pool for row in rows],
        "open part": [row.opened for row in rows],
    }
    figure = go.Figure()
    for name, values in sides.items():
        if any(share is not None for share in values):
            figure.add_bar(
                name=name,
                y=levels,
                x=values,
                orientation="h",
                marker_color=_COLOURS[name],
                hovertemplate="%{y}: %{x:.1%}",
            )
    figure.update_layout(barmode="group", bargap=0.25, height=110 + 58 * len(levels))
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _draw_parts(card: Card) -> list[str]:
    drawn = card.inclusion
    said = [
        f"{drawn.certain_share:.1%} of the pool's patients were certain to be drawn, "
        f"{drawn.excluded_share:.1%} could not be drawn. The drawn patients had a chance of "
        f"{drawn.lowest:.3f} to {drawn.highest:.3f}, median {drawn.median:.3f}.",
        *card.binding,
    ]
    if not card.binding and card.estimand is not Estimand.POOL:
        said.append("No level and no minimum kept the draw from its target.")
    said.append(f"Of these cases, {card.estimand.sentence}.")
    return [f"<p>{escape(sentence)}</p>" for sentence in said]


def _comparison_parts(comparison: Comparison) -> list[str]:
    parts = [f"<h3>Against {escape(comparison.against)}</h3>"]
    if comparison.against == AIM:
        parts.append(
            "<p class=note>The pool, each patient weighted by the chance of being drawn: the "
            "average of all draws. A balanced draw lies nearer to it than chance.</p>"
        )
    if comparison.against == POOL:
        parts.append("<p class=note>A matched cohort is meant to differ from its pool.</p>")
    return [*parts, _plot(_dots(comparison.rows)), _distance_table(comparison.rows)]


def _dots(rows: Sequence[Deviation]) -> go.Figure:
    names = [_label(row.attribute) for row in rows]
    figure = go.Figure()
    figure.add_bar(
        name="chance, up to 95 %",
        y=names,
        x=[row.chance_high for row in rows],
        orientation="h",
        marker_color="rgba(140,149,159,.35)",
        hovertemplate="chance, 95 % point: %{x:.4f}",
    )
    for name, values, symbol, colour in (
        ("chance, median", [row.chance_median for row in rows], "line-ns-open", "#8c959f"),
        ("distance", [row.jsd for row in rows], "circle", _COLOURS["cohort"]),
        (
            "without Not Reported",
            [row.jsd_without_not_reported for row in rows],
            "diamond-open",
            _COLOURS["pool"],
        ),
    ):
        figure.add_scatter(
            name=name,
            y=names,
            x=values,
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": 11, "line": {"width": 2}},
            hovertemplate="%{x:.4f}",
        )
    figure.update_layout(height=130 + 44 * len(names), bargap=0.5)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _distance_table(rows: Sequence[Deviation]) -> str:
    return _table(
        ("Attribute", "Distance", "without Not Reported", "Chance, median", "Chance, 95 %",
         "Largest deviation", "Mean deviation", "Standardised"),
        [
            (
                row.attribute,
                f"{row.jsd:.4f}",
                _number(row.jsd_without_not_reported),
                _number(row.chance_median),
                _number(row.chance_high),
                f"{row.maximum:.1%} ({row.worst_level})",
                f"{row.mean:.1%}",
                f"{row.standardised:.3f}",
            )
            for row in rows
        ],
    )  # fmt: skip


def _batch_parts(batches: Sequence[Batch]) -> list[str]:
    if not batches:
        return []
    parts = [
        "<h2>The split, batch by batch</h2>",
        "<p class=note>Sequestered patients so far against open ones so far, and against the "
        "target, after each batch.</p>",
        _table(
            ("After batch", "Open patients", "Sequestered patients"),
            [
                (b.name, f"{b.open_patients:,}", f"{b.sequestered_patients:,}")
                for b in batches
            ],
        ),
    ]  # fmt: skip
    for against, sides in (
        ("the open part", [batch.against_open for batch in batches]),
        ("the target", [batch.against_target for batch in batches]),
    ):
        names = [row.attribute for row in sides[-1]]
        if not names:
            continue
        parts.append(f"<h3>Against {against}</h3>")
        if len(batches) > 1:
            parts.append(_plot(_lines(batches, sides, names)))
        lines = [
            (batch.name, row.attribute, f"{row.jsd:.4f}", _number(row.chance_median),
             _number(row.chance_high), f"{row.maximum:.1%} ({row.worst_level})")
            for batch, rows in zip(batches, sides, strict=True)
            for row in rows
        ]  # fmt: skip
        heads = ("After batch", "Attribute", "Distance", "Chance, median", "Chance, 95 %")
        parts.append(_table((*heads, "Largest deviation"), lines))
    return parts


def _lines(
    batches: Sequence[Batch], sides: Sequence[Sequence[Deviation]], names: Sequence[str]
) -> go.Figure:
    figure = go.Figure()
    for name in names:
        found = [{row.attribute: row.jsd for row in rows}.get(name) for rows in sides]
        figure.add_scatter(
            name=_label(name), x=[_label(batch.name) for batch in batches], y=found,
            mode="lines+markers", hovertemplate="%{x}: %{y:.4f}",
        )  # fmt: skip
    figure.update_layout(height=380)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(type="category")
    return figure


def _shortcut_parts(card: Card) -> list[str]:
    if not card.shortcuts:
        return ["<p>Not audited: a class has fewer than 2 patients, or no field varies.</p>"]
    alarms = [shortcut for shortcut in card.shortcuts if shortcut.alarming]
    accepted = card.checks.accepted.get("shortcuts", "") if card.checks else ""
    parts = [
        "<p class=note>Cross-validated AUROC of each field alone for the label, patients kept "
        f"together. An alarm is {ALARM} or more, and above chance: the 99 % point of the "
        "strongest field under shuffled labels.</p>"
    ]
    if alarms:
        named = ", ".join(shortcut.field for shortcut in alarms)
        parts.append(
            f"<p class='warning alarm'>{escape(named)}: the label can be told without looking at "
            f"the picture.{' Accepted: ' + escape(accepted) if accepted else ''}</p>"
        )
    return [
        *parts,
        _table(
            ("Field", "AUROC", "Chance, 99 %", "Most telling"),
            [(s.field, f"{s.auroc:.3f}", f"{s.high:.3f}", s.telling) for s in card.shortcuts],
            [shortcut.alarming for shortcut in card.shortcuts],
        ),
    ]


def _wall_parts(checks: SealChecks | None) -> list[str]:
    if checks is None:
        return ["<p>Not checked yet: <code>sequestra seal</code> does.</p>"]
    wall = checks.wall
    pictures = "not compared (--no-look)"
    if wall.looked:
        pictures = f"{wall.look_alikes} pairs look alike" if wall.look_alikes else "none alike"
        if wall.look_alikes:
            pictures += f"; accepted: {checks.accepted.get('look_alikes', '')}"
    return [
        _table(
            ("Check", "Found"),
            [
                ("Files compared", f"{wall.sealed_files:,} sealed, {wall.open_files:,} open"),
                ("Patients on both sides", "none"),
                ("Identical stored pixels", "none"),
                ("Pictures", pictures),
                ("One picture under several patients or labels", _repeated(checks.repeats)),
                ("Files that say text is burned in", f"{checks.burned_in_files:,}"),
                ("Compressed files with a comment", f"{checks.commented_files:,}"),
            ],
        ),
        "<p class=note>The middle frame of each file is compared. Copies that were resized, "
        "recompressed, windowed, inverted, turned by quarters, mirrored or cropped by up to 5 % "
        "are found. A tilt, a larger crop, and another exposure of the same patient are not. A CT "
        "series is compared as one volume.</p>",
    ]


def _repeated(found: RepeatCounts | None) -> str:
    if found is None:
        return "not compared: this cohort was sealed by a version without this check"
    if not found.in_pool:
        return f"none among {found.files:,} files of the pool"
    return (
        f"{found.in_pool:,} among {found.files:,} files of the pool, {found.in_pool_opposite:,} of "
        f"opposite labels; {found.in_cohort:,} in the cohort, {found.in_cohort_opposite:,} of "
        "opposite labels"
    )


def _doubt_parts(doubts: Sequence[DoubtCount]) -> list[str]:
    if not doubts:
        return ["<p>None in the cohort or its pool.</p>"]
    return [
        "<p class=note>Studies whose headers cannot be right. The catalog's doubts.csv names them. "
        "A clinical table takes precedence over a header.</p>",
        _table(
            ("Found", "What is done", "Cohort", "Pool"),
            [(d.found, d.done, f"{d.n_cohort:,}", f"{d.n_pool:,}") for d in doubts],
        ),
    ]


def _text_parts(text: TextCheck | None) -> list[str]:
    if text is None:
        return ["<p>Not looked for (--no-text).</p>"]
    return [
        f"<p>Of {text.files:,} images of the cohort that could be decoded, {text.suspects:,} "
        "have a line that looks like text.</p>",
        "<p class=note>A rule looks for lines of five or more small marks with sharp edges. It "
        "cannot read: a line may say PORTABLE, or a name. In two public collections it missed "
        "three lines in ten. Short, slanted and very small text is not found. "
        "<code>sequestra card --suspects FILE</code> lists the files.</p>",
    ]


def _plot(figure: go.Figure) -> str:
    figure.update_layout(
        template="none",
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        margin={"l": 8, "r": 16, "t": 40, "b": 30},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        font={"family": "system-ui, sans-serif", "size": 13},
        hoverlabel={"bgcolor": "#333"},
        showlegend=True,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        default_width="100%",
        config={"displaylogo": False, "displayModeBar": False, "responsive": True},
    )
    return f"<div class=plot>{drawn}</div>"


def _label(text: str) -> str:
    """Text of the data on an axis: plotly reads some markup, so it is escaped; long is wrapped."""
    return "<br>".join(escape(line) for line in wrap(text, 18)) or "(empty)"


def _number(number: float | None) -> str:
    return "none" if number is None else f"{number:.4f}"


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], alarms: Sequence[bool] = ()
) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = []
    for k, row in enumerate(rows):
        marked = " class=alarm" if k < len(alarms) and alarms[k] else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        lines.append(f"<tr{marked}>{cells}</tr>")
    return f"<div class=scroll><table><tr>{head}</tr>{''.join(lines)}</table></div>"
