"""Tolerances of a draw: distance from each margin, least size of each subgroup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cohort_selection.cases import LABEL
from cohort_selection.matching.sample_size import needed_for_auroc
from cohort_selection.toml_table import CohortPlanError, CohortTable

DEFAULT_TOLERANCE = 0.05
TIED = f"{LABEL} x "


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the share of a level may be from its target, one number or one for each margin.

    A margin that is tied to the label, "label x sex", has the tolerance of "sex" unless it has
    one of its own.
    """

    default: float = DEFAULT_TOLERANCE
    of_margin: Mapping[str, float] = field(default_factory=dict)

    def of(self, margin: str) -> float:
        """The tolerance of one margin."""
        untied = self.of_margin.get(margin.removeprefix(TIED), self.default)
        return self.of_margin.get(margin, untied)


@dataclass(frozen=True, slots=True)
class Minimum:
    """Patients that every level of ``attributes`` must have in the cohort.

    ``cases`` in all, ``per_class`` with a positive and as many with a negative case. Where
    ``auroc`` is given, also as many as bring the 95 % interval of such an AUROC down to
    ``half_width`` on each side. The levels in ``exempt`` need none.
    """

    attributes: tuple[str, ...] = ()
    cases: int = 0
    per_class: int = 0
    auroc: float = 0.0
    half_width: float = 0.0
    exempt: tuple[str, ...] = ()

    def needed(self, prevalence: float) -> tuple[int, int, int]:
        """Patients, positives and negatives of each level, where ``prevalence`` are positive."""
        positives = negatives = self.per_class
        if self.auroc:
            planned = needed_for_auroc(self.auroc, self.half_width, prevalence=prevalence)
            positives = max(positives, planned.positives)
            negatives = max(negatives, planned.negatives)
        return self.cases, positives, negatives


_MINIMUM = ("attributes", "cases", "per_class", "auroc", "half_width", "exempt")


def read_tolerance(read: CohortTable) -> Tolerance:
    """Read ``tolerance``: one number, or a table of margins with a ``default``."""
    if not isinstance(read.values.get("tolerance"), Mapping):
        return Tolerance(_deviation(read, "tolerance"))
    table = read.table("tolerance")
    of_margin = {name: _deviation(table, name) for name in table.values}
    return Tolerance(of_margin.pop("default", DEFAULT_TOLERANCE), of_margin)


def _deviation(read: CohortTable, key: str) -> float:
    found = read.number(key, DEFAULT_TOLERANCE)
    if not 0.0 <= found <= 1.0:
        read.refuse(key, "the largest deviation of a margin to accept, between 0 and 1")
    return found


def read_minimum(read: CohortTable) -> Minimum:
    """Read the table ``minimum``; an absent one asks for nothing."""
    if "minimum" not in read.values:
        return Minimum()
    table = read.table("minimum", _MINIMUM)
    found = Minimum(
        attributes=table.texts("attributes", ()),
        cases=table.whole_number("cases", 0),
        per_class=table.whole_number("per_class", 0),
        auroc=table.number("auroc", 0.0),
        half_width=table.number("half_width", 0.0),
        exempt=table.texts("exempt", ()),
    )
    if not found.attributes:
        table.refuse("attributes", 'those whose levels have the minimum, as ["sex", "race"]')
    if not (found.cases or found.per_class or found.auroc):
        table.refuse("cases", "at least one of cases, per_class, or auroc with half_width")
    if found.auroc or found.half_width:
        _refuse_unplannable(found, table)
    return found


def _refuse_unplannable(found: Minimum, table: CohortTable) -> None:
    try:
        needed_for_auroc(found.auroc, found.half_width)
    except ValueError as error:
        raise CohortPlanError(f"{table.path.name}: [{table.name}]: {error}") from error
