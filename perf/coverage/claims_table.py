"""The tables of docs/claims-statistics.md: false claims that are met, and power as planned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from metrics.claims.error import ALLOWED
from perf.coverage.claims import FALSE, ClaimCell, claim_cells
from perf.coverage.claims_power import MET, PLANNED, PlannedCell, planned_cells
from perf.coverage.counting import REJECTED, TESTED
from perf.coverage.study import Kept
from perf.coverage.table import made, rows_of

WITHIN = 0.02
"""How far the power of a plan may lie from the share that is met."""
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
    text += f"\nLess 2 SE above {ALLOWED:g} times the level: {'; '.join(above) or 'none'}.\n"
    return text + _of_plans(results)


def _of_plans(results: Mapping[str, Kept]) -> str:
    """A line a cell of planned power, and in which cells the two lie apart."""
    found = [(cell, results[cell.name]) for cell in planned_cells() if cell.name in results]
    if not found:
        return ""
    text = (
        "\nHow often all claims of a study were met whose power was planned\n"
        f"{made(results, planned_cells()).strip()}:\n\n"
    )
    head = ["study", "cases", "power by the plan (SE)", "met (SE)"]
    text += rows_of(head, [_planned_row(cell, kept) for cell, kept in found])
    apart = [
        cell.name
        for cell, kept in found
        if abs(_share(kept, MET)[0] - _share(kept, PLANNED)[0]) > WITHIN
    ]
    return f"{text}\nApart by more than {WITHIN:g}: {'; '.join(apart) or 'none'}.\n"


def _planned_row(cell: PlannedCell, kept: Kept) -> list[str]:
    shares = [_share(kept, row) for row in (PLANNED, MET)]
    return [*cell.judged.title.split("/"), *(f"{p:.3f} ({error:.3f})" for p, error in shares)]


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


def _share(kept: Kept, row: str = FALSE) -> tuple[float, float]:
    counts = kept.counts.rows[row]
    share = counts[REJECTED] / counts[TESTED]
    return share, math.sqrt(share * (1.0 - share) / counts[TESTED])


def _least(cell: ClaimCell, kept: Kept) -> float:
    share, error = _share(kept)
    return max(0.0, share - 2.0 * error) / cell.level
