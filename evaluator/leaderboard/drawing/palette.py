"""Colours of the charts: those of the light page, and the counterpart of each in the dark.

Charts carry the light colours as attributes, so that a chart is whole without a style sheet; the
style sheet of the report puts the dark ones in their place.
"""

from __future__ import annotations

INK, MUTED, GRID, ACCENT, BAND, WARM, PAPER = (
    "#1a2128",
    "#5b6672",
    "#dfe4e8",
    "#0b6178",
    "#c3dde4",
    "#a8480d",
    "#ffffff",
)
FAR_BELOW, BELOW, LEVEL, ABOVE, FAR_ABOVE = (
    "#f2bb95",
    "#f9dfcd",
    "#eef1f1",
    "#d4e8ed",
    "#9fcedb",
)
"""Cells of a heat map, from far below the figure of all cases to far above it."""

DARK = {
    INK: "#e8ecef",
    MUTED: "#a3afba",
    GRID: "#313b45",
    ACCENT: "#6cc4da",
    BAND: "#234752",
    WARM: "#f0a06a",
    PAPER: "#161c22",
    FAR_BELOW: "#7a3d17",
    BELOW: "#4a2c1a",
    LEVEL: "#1e262d",
    ABOVE: "#1d3a44",
    FAR_ABOVE: "#22596a",
}
"""The counterpart of each colour on a dark page."""


def in_the_dark() -> str:
    """The style sheet by which the colours of charts give way to their counterparts."""
    rules = "\n".join(
        f'svg.chart [{part}="{light}"] {{{part}: {dark};}}'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
    )
    return f"@media screen and (prefers-color-scheme: dark) {{\n{rules}\n}}\n"
