"""Why each group of a held result is withheld: it is small itself, or it protects a smaller one.

A release does not tell the two apart, and nothing of this leaves the console.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaluator.console.difference import group_name
from evaluator.disclosure.control import WITHHELD, Release
from evaluator.disclosure.suppression import Counts, Group, counted_groups
from evaluator.scoring.results import OVERALL, Evaluation


@dataclass(frozen=True, slots=True)
class Withholding:
    """One group that a release does not show whole; ``cases`` is empty where it was not counted."""

    group: str
    shown: str
    cases: str
    why: str
    protects: bool


def withholdings(release: Release, evaluation: Evaluation) -> tuple[Withholding, ...]:
    """Each group that is withheld, with its counts and the reason; those of parts after all."""
    reasons = _of_body(release, evaluation, "")
    for part in evaluation.parts:
        reasons += _of_body(release.of_part(part.name), part.evaluation, f"{part.name}: ")
    return tuple(reasons)


def _of_body(release: Release, evaluation: Evaluation, of: str) -> list[Withholding]:
    groups = dict(counted_groups(evaluation))
    groups[OVERALL] = Counts(evaluation.n_cases, evaluation.n_patients, evaluation.n_positive)
    least = release.rule.minimum_cell
    small = {name for name, counts in groups.items() if _few(counts, least, WITHHELD)}
    reasons = []
    for each in release.withheld:
        group = (each.attribute, each.level)
        counts = groups.get(group)
        few = {} if counts is None else _few(counts, least, each.reason)
        reasons.append(
            Withholding(
                group=of + group_name(*group),
                shown="nothing" if each.reason == WITHHELD else "its number of cases",
                cases="" if counts is None else _counted(counts),
                why=_why(group, counts, few, least, small),
                protects=counts is not None and not few,
            )
        )
    return reasons


def figures_left_out(release: Release, evaluation: Evaluation) -> int:
    """How many figures of groups that are shown were left out, as predictions set cases apart."""
    hidden = {(each.attribute, each.level) for each in release.withheld}
    scored = {(str(each.figure), *each.group) for each in evaluation.results}
    shown = {(str(each.figure), *each.group) for each in release.results}
    own = sum((name[1], name[2]) not in hidden for name in scored - shown)
    return own + sum(
        figures_left_out(release.of_part(part.name), part.evaluation) for part in evaluation.parts
    )


def _few(counts: Counts, least: int, reason: str) -> dict[str, int]:
    """What a group has too few of, by name: what is withheld whole has few cases or patients."""
    kinds = {"cases": counts.n_cases, "patients": counts.n_patients}
    if reason != WITHHELD:
        kinds |= {"positive cases": counts.n_positive, "negative cases": counts.n_negative}
    return {kind: number for kind, number in kinds.items() if number < least}


def _counted(counts: Counts) -> str:
    return (
        f"{counts.n_cases:,} cases of {counts.n_patients:,} patients, "
        f"{counts.n_positive:,} positive, {counts.n_negative:,} negative"
    )


def _why(
    group: Group, counts: Counts | None, few: Mapping[str, int], least: int, small: set[Group]
) -> str:
    if counts is None:
        return "No figure of it was scored."
    if few:
        reason = " and ".join(f"{number} {kind}" for kind, number in few.items())
        return f"It is small itself: {reason}, and the least is {least}."
    beside = [group_name(*each) for each in sorted(small) if each[0] == group[0]]
    whom = f" ({', '.join(beside[:5])})" if beside else ""
    return (
        f"It is large enough itself and protects another group{whom}, which would follow from it "
        f"by subtraction."
    )
