"""The population that a report describes: its target, and how near the cohort came."""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.disclosure.control import Release
from evaluator.glossary import Figure, figure
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import readable, readable_level
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate
from metrics.figure_name import Kind

MET = "every margin"
"""How the note of a target begins that the cohort has the shares of."""


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level's share of the target and of the cohort, in words."""

    attribute: str
    level: str
    target: str
    achieved: str


@dataclass(frozen=True, slots=True)
class StandardRow:
    """A figure of the cohort as it is, and standardised to the target."""

    figure: Figure
    plain: Estimate | None
    standardized: Estimate


@dataclass(frozen=True, slots=True)
class Population:
    """The section on the target population."""

    sentences: tuple[str, ...]
    levels: tuple[LevelRow, ...]
    figures: tuple[StandardRow, ...]
    heading: str = "Target population"
    column: str = "Standardised to the target"


def population(release: Release) -> Population | None:
    """Say what the figures estimate; None where there is no target and no weight."""
    target = release.target
    rows = tuple(
        StandardRow(
            figure(str(result.figure.plain)),
            release.find(result.figure.plain),
            result.estimate,
        )
        for result in release.results
        if result.group == OVERALL and result.figure.kind is Kind.STANDARDIZED
    )
    if target is None:
        weighted = (
            "The weights that were given with the cases stand for another population. Beside each "
            "plain figure stands the weighted one, which is about that population."
        )
        return Population((weighted,), (), rows, "Weighted figures", "Weighted") if rows else None
    levels = tuple(
        LevelRow(
            readable(row.attribute),
            readable_level(row.level),
            numbers.percent(row.target),
            "withheld" if row.achieved is None else numbers.percent(round(row.achieved, 2)),
        )
        for row in target.levels
    )
    return Population(tuple(_sentences(release)), levels, rows)


def _sentences(release: Release) -> list[str]:
    target = release.target
    if target is None:
        return []
    if target.case_control:
        return [
            "Positive and negative cases were drawn with the same attributes (case-control). The "
            "figures are those of such a balanced cohort, not of the target population, and no "
            "weights turn one into the other (Janes & Pepe 2008)."
        ]
    found = []
    if target.effective_patients is not None:
        found.append(
            "The cohort is off its target by more than one point, so the plain figures are not "
            "those of the target population. Beside them stand figures standardised to it: "
            "patients of a level that is short count more, those of a level in excess less. These "
            "intervals rest on "
            f"{target.effective_patients:,.0f} effective patients of {release.n_patients:,}."
        )
    elif target.note:
        found.append(f"Standardised figures are not given: {target.note}.")
    if target.note.startswith(MET):
        found = [
            "The cohort has the shares of its target within one point: the plain figures estimate "
            "those of the target population."
        ]
    if target.unrepresented > 0:
        found.append(
            f"Nobody in the cohort represents {numbers.percent(target.unrepresented)} of the "
            f"target; no figure speaks for them."
        )
    return found
