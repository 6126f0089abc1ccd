"""A claim's plan beside what was drawn, as a cohort's card shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.planning.saw_tooth import MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededFor:
    """Cases of the whole cohort that a power takes; ``error`` of the positives, 0 if exact."""

    power: float
    positives: int
    negatives: int
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One claim of a study, or all together (``claim`` empty).

    ``level`` of its first test; ``positives`` and ``negatives`` drawn to score, of the smallest
    group that it is about; ``power`` on them through the procedure at the first look, with two
    standard errors of its simulation; ``assumed`` in words.
    """

    claim: str
    level: float
    needed: tuple[NeededFor, ...]
    positives: int
    negatives: int
    power: float
    error: float
    assumed: str = ""


HOW_READ = (
    "Cases as positives + negatives. Needed: of the whole cohort, for the power at the top; exact "
    "where no error is given, and every larger number has it too. Drawn: of the smallest group "
    "that the claim is about. Power: through the procedure at the first look, with the drawn "
    "numbers. An error is two standard errors of a simulation."
)
"""How the table of a card is read."""


def as_table(
    planned: Sequence[PlannedRow],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and cells of the table of a card, a row for each claim."""
    wanted = sorted({each.power for row in planned for each in row.needed})
    rows: list[tuple[str, ...]] = []
    for row in planned:
        needed = {each.power: each for each in row.needed}
        rows.append(
            (
                row.claim or "All claims together",
                row.assumed or "as above",
                f"{row.level:.4g}",
                *(_needed(needed.get(power)) for power in wanted),
                f"{row.positives:,} + {row.negatives:,}",
                f"{row.power:.2f}" + (f" \u00b1 {row.error:.3f}" if row.error else ""),
            )
        )
    columns = ("Claim", "Assumed", "Level", *(f"Needed for {power:g}" for power in wanted))
    return (*columns, "Drawn", "Power"), rows


def _needed(each: NeededFor | None) -> str:
    if each is None:
        return f"over {MOST:,}"
    error = f" \u00b1 {each.error:.1f}" if each.error else ""
    return f"{each.positives:,}{error} + {each.negatives:,}"
