"""The plan of a study on a terminal: tables, with every assumption beside its number."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from evaluator.claims.words import claimed
from evaluator.planning.assumptions_of import Assumption
from evaluator.planning.errors import PartError, looks_at
from evaluator.planning.study_plan import ALL, StudyPlan, to_draw
from evaluator.screen import Sheet, styled
from metrics.claims.claim import Study
from metrics.planning.joint import Power
from metrics.planning.saw_tooth import MOST
from metrics.planning.sizes import POWERS, Size


def printed(
    plan: StudyPlan,
    study: Study,
    errors: Sequence[PartError] = (),
    notes: Sequence[str] = (),
) -> RenderableType:
    """Needed cases, power of the pool's cohort, levels, and what was assumed."""
    shown: list[RenderableType] = [_needed(plan), *_remarks(plan)]
    if plan.cohort is not None:
        shown.append(_reached(plan))
    if errors:
        shown.append(_levels(study, errors))
        shown += [f"not to be sealed: claim {e.claim!r}: {e.refused}" for e in errors if e.refused]
    return Group(*shown, _assumptions(plan), *map(styled, notes))


def _needed(plan: StudyPlan) -> Sheet:
    title = (
        f"Cases needed: one-sided alpha {plan.alpha:g}, {plan.procedure}, look 1 of {plan.looks} "
        f"({plan.spending})"
    )
    table = Sheet(title=title, title_justify="left")
    table.add_column("claim")
    table.add_column("level", justify="right")
    for power in POWERS:
        for what in ("positives", "negatives"):
            table.add_column(f"{what}, power {power:g}", justify="right")
    for claim in plan.claims:
        cells = [cell for power in POWERS for cell in _cells(claim.sizes.get(power), plan)]
        table.add_row(claim.name or "all claims together", f"{claim.level:.4g}", *cells)
    return table


def _cells(size: Size | None, plan: StudyPlan) -> tuple[str, str]:
    if size is None:
        return f"over {MOST:,}", "-"
    positives = to_draw(size.positives, plan.shape.unreadable)
    negatives = to_draw(size.negatives, plan.shape.unreadable)
    error = f" +- {size.error:.1f}" if size.error else ""
    return f"{positives}{error}", str(negatives)


def _remarks(plan: StudyPlan) -> list[str]:
    lines = [
        "Numbers are those to draw for the whole cohort. A number without +- is exact: every "
        "larger one has the power too. +- is two standard errors of the simulation."
    ]
    if plan.shape.sampled:
        lines.append(
            "The number of positives is left to chance: positives and negatives are those expected."
        )
    if any(each.looked_to for claim in plan.claims for each in claim.sizes.values() if each):
        most = max(each.looked_to for claim in plan.claims for each in claim.sizes.values() if each)
        lines.append(f"Exact numbers were looked at up to {most} positives.")
    return lines


def _reached(plan: StudyPlan) -> Sheet:
    positives, negatives = (0, 0) if plan.cohort is None else plan.cohort.counts
    title = (
        f"The cohort that the pool can give: {plan.patients} patients, {positives} positives and "
        f"{negatives} negatives to score"
    )
    table = Sheet(title=title, title_justify="left")
    table.add_column("claim")
    for name in ("fewest positives", "fewest negatives", "power alone", "power by the procedure"):
        table.add_column(name, justify="right")
    for claim in plan.claims:
        counts = ("-", "-") if claim.counts is None else tuple(map(str, claim.counts))
        alone = "" if claim.name == ALL else said(claim.alone)
        table.add_row(claim.name or "all claims together", *counts, alone, said(claim.met))
    return table


def said(power: Power | None) -> str:
    """A power with its error; an exact one has none."""
    if power is None:
        return "-"
    error = f" +- {power.error:.3f}" if power.error else ""
    return f"{power.value:.3f}{error}"


def _levels(study: Study, errors: Sequence[PartError]) -> Sheet:
    table = Sheet(
        title="Error at the goal, with the cohort's counts: the largest of the data tried",
        title_justify="left",
    )
    table.add_column("bound")
    for name in ("look", "level", "level used", "error", "+-"):
        table.add_column(name, justify="right")
    for each in errors:
        for one in each.levels:
            table.add_row(
                f"{each.claim}: {claimed(each.part)}",
                looks_at(study, one.nominal),
                f"{one.nominal:.4g}",
                f"{one.used:.4g}",
                f"{one.error:.4g}",
                f"{2 * one.standard_error:.2g}" if one.standard_error else "exact",
            )
    return table


def _assumptions(plan: StudyPlan) -> Sheet:
    table = Sheet(title="Assumed", title_justify="left")
    for name in ("of", "what", "value", "from"):
        table.add_column(name)
    for claim in plan.claims:
        for key, each in claim.assumed.items():
            _row(table, claim.name, key, each)
    for key in ("prevalence", "images_per_patient", "unreadable"):
        _row(table, "the cohort", key, plan.said[key])
    return table


def _row(table: Sheet, of: str, key: str, each: Assumption) -> None:
    table.add_row(of, key.replace("_", " "), f"{each.value:.4g}", each.source)
