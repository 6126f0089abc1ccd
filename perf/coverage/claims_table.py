"""The table of docs/claims-statistics.md: false claims that are met, beside the level."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from metrics.claims.error import ALLOWED
from perf.coverage.claims import FALSE, ClaimCell, claim_cells
from perf.coverage.counting import REJECTED, TESTED
from perf.coverage.study import Kept
from perf.coverage.table import made, rows_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "claims-statistics.md"


def block(results: Mapping[str, Kept]) -> str:
    """A line a cell, and below which cells err more than they may."""
    found = [(cell, results[cell.name]) for cell in claim_cells() if cell.name in results]
    if not found:
        return "Nothing has been simulated yet.\n"
    text = (
        f"How often a false claim was met at its goal\n{made(results, claim_cells()).strip()}:\n\n"
    )
    head = ["claim", "study", "level", "met (SE)", "met less 2 SE, in levels"]
    text += rows_of(head, [_row(cell, kept) for cell, kept in found])
    above = [cell.name for cell, kept in found if _least(cell, kept) > ALLOWED]
    return f"{text}\nLess 2 SE above {ALLOWED:g} times the level: {'; '.join(above) or 'none'}.\n"


def _row(cell: ClaimCell, kept: Kept) -> list[str]:
    kind, *rest = cell.title.split("/")
    share, error = _share(kept)
    return [
        kind if not rest else f"{kind}, {rest[0]}",
        "; ".join(rest[1:]),
        f"{cell.level:.3g}",
        f"{share:.4f} ({error:.4f})",
        f"{_least(cell, kept):.2f}",
    ]


def _share(kept: Kept) -> tuple[float, float]:
    counts = kept.counts.rows[FALSE]
    share = counts[REJECTED] / counts[TESTED]
    return share, math.sqrt(share * (1.0 - share) / counts[TESTED])


def _least(cell: ClaimCell, kept: Kept) -> float:
    share, error = _share(kept)
    return max(0.0, share - 2.0 * error) / cell.level
