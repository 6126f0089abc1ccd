"""The parts that a filed report is set from, as plain data: no text is ever read as markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.filing.letters import printable
from evaluator.leaderboard.drawing.chart import Chart

Block = dict[str, object]
"""One part of a page as ``report.typ`` reads it from JSON."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the PDF; ``relationship`` is one of PDF/A-3's, as "data"."""

    name: str
    text: str
    description: str
    media_type: str
    relationship: str


def heading(text: str, level: int = 1) -> Block:
    """A heading; levels follow one another without a gap."""
    return {"kind": "heading", "text": printable(text), "level": level}


def paragraph(text: str) -> Block:
    """A paragraph."""
    return {"kind": "paragraph", "text": printable(text)}


def listed(sentences: Sequence[str]) -> Block:
    """A list with a mark before each entry."""
    return {"kind": "list", "entries": [printable(each) for each in sentences]}


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    widths: Sequence[str] = (),
    digests: Sequence[int] = (),
) -> Block:
    """A table whose first row is its header.

    ``right`` has the places of columns of numbers, ``digests`` of those in a type of even width.
    ``widths`` are shares of the line ("2fr") or "auto"; by default the first column takes the rest.
    """
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"a row of the table {caption!r} has not {len(columns)} cells")
    wide = list(widths) or ["1fr"] + ["auto"] * (len(columns) - 1)
    return {
        "kind": "table",
        "caption": printable(caption),
        "columns": [printable(each) for each in columns],
        "rows": [
            [printable(cell, whole_words=place in digests) for place, cell in enumerate(row)]
            for row in rows
        ],
        "right": list(right),
        "widths": [_width(each) for each in wide],
        "digests": list(digests),
    }


def charts(drawn: Sequence[Chart], abreast: int) -> Block:
    """Drawings with their text alternatives, so many side by side."""
    return {
        "kind": "charts",
        "abreast": abreast,
        "charts": [
            {
                "svg": printable(each.svg, whole_words=True),
                "alt": printable(each.description),
                "caption": printable(f"{each.title}. {each.caption}".strip()),
            }
            for each in drawn
        ],
    }


def _width(share: str) -> float:
    """A share as a number; 0 for "auto"."""
    return 0.0 if share == "auto" else float(share.removesuffix("fr"))
