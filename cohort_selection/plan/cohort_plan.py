"""The [cohort] table of a benchmark's file: who counts, how the commons is split, what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cohort_selection.cases import LABEL
from cohort_selection.eligibility.criteria import KEYS as CRITERIA_KEYS
from cohort_selection.eligibility.criteria import Criteria, read_criteria
from cohort_selection.matching.estimand import Estimand
from cohort_selection.matching.target import Target, TargetError, read_target, tie_to_label
from cohort_selection.matching.tolerance import (
    TIED,
    Minimum,
    Tolerance,
    read_minimum,
    read_tolerance,
)
from cohort_selection.plan.target_tables import read_target_files
from cohort_selection.toml_table import CohortPlanError, CohortTable

CASE_CONTROL = "case-control"


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """The [cohort] table: criteria, split and matching of one benchmark.

    ``target_files`` are the tables that part of ``target`` was read from.
    """

    criteria: Criteria
    sequestered_share: float = 0.2
    stratify: tuple[str, ...] = (LABEL, "sex", "age_group")
    within: str = ""
    size: int = 0
    seed: int = 0
    cases_per_patient: str = "one"
    tolerance: Tolerance = field(default_factory=Tolerance)
    minimum: Minimum = field(default_factory=Minimum)
    balance: str = ""
    target: Target = field(default_factory=lambda: Target({}))
    target_files: tuple[Path, ...] = ()

    @property
    def drawn_target(self) -> Target:
        """The margins that the draw aims at: tied to the label if cases and controls balance."""
        if self.balance != CASE_CONTROL:
            return self.target
        names = [name for name in self.target.margins if LABEL not in name.split(" x ")]
        return tie_to_label(self.target, names)

    @property
    def estimand(self) -> Estimand:
        """Which population the unweighted figures of the cohort are of."""
        if self.balance == CASE_CONTROL:
            return Estimand.CASE_CONTROL
        return Estimand.TARGET if self.target.margins else Estimand.POOL


YEARS = "age"

KEYS = (
    *CRITERIA_KEYS, "sequestered_share", "stratify", "within", "size", "seed",
    "cases_per_patient", "tolerance", "minimum", "balance", "target", "target_file",
)  # fmt: skip
"""Every key of the [cohort] table."""


def read_cohort_plan(
    table: Mapping[str, object], path: Path, beside: Path | None = None, *, installed: bool = False
) -> CohortPlan:
    """Read the [cohort] table; raises CohortPlanError or TargetError, naming file and key.

    The tables of ``target_file`` are sought from the folder of ``path``; or, where ``beside`` is
    given, by the last part of their name in that folder. ``installed``: what an earlier version
    took is not refused, since the file cannot change any more.
    """
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
    cases_per_patient = read.text("cases_per_patient", "one")
    if cases_per_patient not in {"one", "all"}:
        read.refuse("cases_per_patient", '"one" (drawn at random) or "all"')
    size = read.whole_number("size", 0)
    if "size" in table and size < 1:
        read.refuse("size", "a number of patients from 1")
    balance = read.text("balance", "")
    if balance not in {"", CASE_CONTROL}:
        read.refuse("balance", f'"{CASE_CONTROL}", or leave it out')
    target, files = _target(read, beside)
    plan = CohortPlan(
        criteria=criteria,
        sequestered_share=share,
        stratify=read.texts("stratify", (LABEL, "sex", "age_group")),
        within=read.text("within", ""),
        size=size,
        seed=read.whole_number("seed", 0),
        cases_per_patient=cases_per_patient,
        tolerance=read_tolerance(read),
        minimum=read_minimum(read),
        balance=balance,
        target=target,
        target_files=files,
    )
    _refuse_undeclared(plan, path, installed)
    _refuse_unbalanced(plan, path)
    _refuse_idle_tolerance(plan, path)
    return plan


def _target(read: CohortTable, beside: Path | None) -> tuple[Target, tuple[Path, ...]]:
    """The shares written in the file itself and those of the tables that it names."""
    target = read_target(read.table("target").values, read.path)
    named = read.values.get("target_file", {})
    by_attribute = {"": named} if isinstance(named, str) else named
    if not isinstance(by_attribute, Mapping) or not all(
        isinstance(name, str) and name for name in by_attribute.values()
    ):
        read.refuse("target_file", 'the name of a CSV, or as { race = "census_race.csv" }')
        return target, ()
    paths = {
        attribute: beside / Path(name).name if beside else read.path.parent / name
        for attribute, name in by_attribute.items()
    }
    files = tuple(dict.fromkeys(paths.values()))
    if len({each.name for each in files}) < len(files):
        read.refuse("target_file", "files of different names, also where their folders differ")
    found = read_target_files(paths)
    if twice := sorted(set(found.margins) & set(target.margins)):
        raise TargetError(
            f"{read.path.name}: the target of {twice[0]} stands in [cohort.target] and in "
            "target_file; keep one of them"
        )
    margins = {**target.margins, **found.margins}
    return Target(margins, (*target.notes, *found.notes)), files


def years_are_no_level(name: str) -> str:
    """What to say of an attribute by which groups are made and that is the age in years."""
    grouped = name.replace(YEARS, "age_group", 1)
    return (
        f"names {name!r}, which has a level for each year; name {grouped!r} and put 'age_group' "
        f"among the attributes (age_bands says where its groups begin)"
    )


def _refuse_undeclared(plan: CohortPlan, path: Path, installed: bool) -> None:
    """Every variable of the split, the target and the minimum must be kept with the cases."""
    known = {LABEL, *plan.criteria.attributes}
    used = {
        "stratify": plan.stratify,
        "target": tuple(plan.target.margins),
        "minimum": plan.minimum.attributes,
    }
    if plan.within:
        used["within"] = (plan.within,)
    for key, names in used.items():
        for name in names:
            if YEARS in name.split(" x ") and not installed:
                raise CohortPlanError(f"{path.name}: [cohort] {key} {years_are_no_level(name)}")
            missing = [part for part in name.split(" x ") if part not in known]
            if missing:
                raise CohortPlanError(
                    f"{path.name}: [cohort] {key} names {missing[0]!r}, which is neither label nor "
                    f"in attributes ({', '.join(plan.criteria.attributes)}); add it there"
                )


def _refuse_unbalanced(plan: CohortPlan, path: Path) -> None:
    """Cases and controls need shares to be balanced on."""
    if plan.balance and (LABEL not in plan.target.margins or len(plan.target.margins) < 2):
        raise CohortPlanError(
            f'{path.name}: [cohort] balance is "{plan.balance}" and the target has '
            f"{', '.join(plan.target.margins) or 'no shares'}; give [cohort.target.label] and the "
            "shares of each attribute that cases and controls are to have alike"
        )


def _refuse_idle_tolerance(plan: CohortPlan, path: Path) -> None:
    """A tolerance for a margin that the target does not have would hold nothing."""
    tied = {f"{TIED}{name}" for name in plan.target.margins} if plan.balance else set()
    if idle := sorted(set(plan.tolerance.of_margin) - set(plan.target.margins) - tied):
        raise CohortPlanError(
            f"{path.name}: [cohort.tolerance] has {idle[0]!r}, which has no shares in the target "
            f"({', '.join(plan.target.margins) or 'none'}); give it shares, or leave it out"
        )
