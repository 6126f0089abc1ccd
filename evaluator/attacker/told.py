"""Names of the counts that releases tell of, and what shares of a target tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cohort_selection.cases import LABEL
from evaluator.attacker.cells import Cell, Counts, cells_of
from evaluator.attacker.programme import CASES, NEGATIVE, POSITIVE, Fact
from evaluator.scoring.results import TargetLevel
from metrics.figure_name import FigureName

SENSITIVITY, SPECIFICITY = FigureName("sensitivity"), FigureName("specificity")

TARGET: Cell = (("", "shares of the target"),)
"""Stands for the comparison with the target where a bound rests on it."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the counts of one release are called in the programme."""

    positive: str
    negative: str
    cases: str
    called: tuple[str, str]
    """Positive and negative cases that the model called positive."""

    @property
    def classes(self) -> tuple[str, str]:
        """Positive and negative cases."""
        return self.positive, self.negative


OWN = Names(POSITIVE, NEGATIVE, CASES, ("positive, called", "negative, called"))


def share_cell(row: TargetLevel) -> Cell | None:
    """The cell that a level of the target is, whatever its label; None where it reads two ways."""
    group = row.attribute, row.level
    cell = cells_of({group: Counts(0, 0, 0)})[0].get(group)
    return None if cell is None else tuple(pair for pair in cell if pair[0] != LABEL)


def share_facts(
    row: TargetLevel, count: int, step: int, names: Names, *, own: bool = False
) -> Iterator[Fact]:
    """What a share achieved tells of a cell: cases, or where the target names the label a class.

    ``count`` is the share of all patients, rounded to ``step``.
    """
    cell = share_cell(row)
    if cell is None:
        return
    group = row.attribute, row.level
    label = dict(cells_of({group: Counts(0, 0, 0)})[0][group]).get(LABEL)
    number = {None: names.cases, "1": names.positive, "0": names.negative}.get(label)
    if number is not None:
        low, high = max(0, count - step // 2), count + (step - 1) // 2
        yield Fact(cell, number, low, high, own, TARGET if own else None)
