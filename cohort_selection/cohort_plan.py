"""The [cohort] table of a benchmark's file: who counts, how the commons is split, what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cohort_selection.cells import LABEL
from cohort_selection.cohort_table import CohortPlanError, CohortTable
from cohort_selection.criteria import KEYS as CRITERIA_KEYS
from cohort_selection.criteria import Criteria, read_criteria
from cohort_selection.targets import Target, read_target


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """The [cohort] table: criteria, split and matching of one benchmark."""

    criteria: Criteria
    sequestered_share: float = 0.2
    stratify: tuple[str, ...] = (LABEL, "sex", "age_group")
    within: str = ""
    size: int = 0
    seed: int = 0
    cases_per_patient: str = "one"
    tolerance: float = 0.05
    target: Target = field(default_factory=lambda: Target({}))


KEYS = (
    *CRITERIA_KEYS, "sequestered_share", "stratify", "within", "size", "seed",
    "cases_per_patient", "tolerance", "target",
)  # fmt: skip
"""Every key of the [cohort] table."""


def read_cohort_plan(table: Mapping[str, object], path: Path) -> CohortPlan:
    """Read the [cohort] table; raises CohortPlanError or TargetError, naming file and key."""
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise CohortPlanError(
            f"{path.name}: [cohort] has {', '.join(unknown)}; known keys are {', '.join(KEYS)}"
        )
    read = CohortTable(table, path)
    criteria = read_criteria(read)
    share = read.number("sequestered_share", 0.2)
    if not 0.0 < share < 1.0:
        read.refuse("sequestered_share", "a share between 0 and 1, such as 0.2")
    tolerance = read.number("tolerance", 0.05)
    if not 0.0 <= tolerance <= 1.0:
        read.refuse("tolerance", "the largest deviation of a margin to accept, between 0 and 1")
    cases_per_patient = read.text("cases_per_patient", "one")
    if cases_per_patient not in {"one", "all"}:
        read.refuse("cases_per_patient", '"one" (drawn at random) or "all"')
    size = read.whole_number("size", 0)
    if "size" in table and size < 1:
        read.refuse("size", "a number of patients from 1")
    target = table.get("target", {})
    if not isinstance(target, Mapping):
        read.refuse("target", "a table of attributes, such as [cohort.target.sex]")
    plan = CohortPlan(
        criteria=criteria,
        sequestered_share=share,
        stratify=read.texts("stratify", (LABEL, "sex", "age_group")),
        within=read.text("within", ""),
        size=size,
        seed=read.whole_number("seed", 0),
        cases_per_patient=cases_per_patient,
        tolerance=tolerance,
        target=read_target(target, path) if isinstance(target, Mapping) else Target({}),
    )
    _refuse_undeclared(plan, path)
    return plan


def _refuse_undeclared(plan: CohortPlan, path: Path) -> None:
    """Every variable of the split and the target must be kept with the cases."""
    known = {LABEL, *plan.criteria.attributes}
    used = {"stratify": plan.stratify, "target": tuple(plan.target.margins)}
    if plan.within:
        used["within"] = (plan.within,)
    for key, names in used.items():
        for name in names:
            missing = [part for part in name.split(" x ") if part not in known]
            if missing:
                raise CohortPlanError(
                    f"{path.name}: [cohort] {key} names {missing[0]!r}, which is neither label nor "
                    f"in attributes ({', '.join(plan.criteria.attributes)}); add it there"
                )
