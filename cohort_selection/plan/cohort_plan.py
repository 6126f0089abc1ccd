"""The [cohort] table of a benchmark's file: who counts, how the commons is split, what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator

from cohort_selection.benchmark_keys.keys import (
    Absent,
    Derived,
    Give,
    InFile,
    Number,
    OneOf,
    Text,
    Whole,
)
from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.benchmark_keys.reading import read_key, read_table
from cohort_selection.cases import LABEL
from cohort_selection.clinical.levels import levels_of
from cohort_selection.eligibility.criteria import Criteria
from cohort_selection.matching.estimand import Estimand
from cohort_selection.matching.target import Target, TargetError, target_of, tie_to_label
from cohort_selection.matching.tolerance import (
    DEFAULT_TOLERANCE,
    TIED,
    Minimum,
    Tolerance,
    met,
    tolerance_of,
)
from cohort_selection.plan.target_tables import read_target_files

CASE_CONTROL = "case-control"
YEARS = "age"


class CohortPlanError(ValueError):
    """The [cohort] table of a benchmark's file is not what it should be."""


def _by_attribute(named: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"": named} if isinstance(named, str) else named


_NO_RULES = (("include", ""), ("exclude", ""))
_Share = Annotated[Number, Field(ge=0, le=1)]
_FileName = Annotated[Text, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class CohortPlan(Criteria):
    """The [cohort] table: criteria, split and matching of one benchmark.

    ``target`` has the shares of the file and, once it is read whole, those of ``target_files``.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    sequestered_share: Annotated[
        Number,
        Give("a share between 0 and 1, such as 0.2"),
        Field(gt=0, lt=1, description="share of the patients to hide"),
    ] = 0.2
    stratify: Annotated[
        tuple[Text, ...], Field(description="what the two parts are balanced on")
    ] = (LABEL, "sex", "age_group")
    within: Annotated[
        Text,
        Absent("none"),
        Field(description="an attribute inside which the split is made, as `site`"),
    ] = ""
    size: Annotated[
        Whole,
        Absent("none"),
        Give("a number of patients from 1"),
        Field(
            ge=1,
            description="patients in the test cohort; left out, the largest within `tolerance`",
        ),
    ] = 0
    tolerance: Annotated[
        Tolerance,
        InFile(_Share | dict[str, _Share], tolerance_of),
        Absent(str(DEFAULT_TOLERANCE)),
        Give(
            "the largest deviation of a margin to accept, from 0 to 1, or a table of such numbers "
            "by attribute"
        ),
        Field(
            description="how far a margin may be from its target; a cohort that is further off is "
            "refused. One number, or `[cohort.tolerance]` with a number for each attribute of the "
            'target, joint ones as `"race x sex" = 0.03`, and `default` for the others'
        ),
    ] = field(default_factory=Tolerance)
    minimum: Annotated[
        Minimum,
        AfterValidator(met),
        Absent("none"),
        Give("a table, [cohort.minimum]"),
        Field(
            description="`[cohort.minimum]`: how many patients subgroups have at least, see below"
        ),
    ] = field(default_factory=Minimum)
    balance: Annotated[
        Text,
        OneOf((CASE_CONTROL, "")),
        Absent("none"),
        Give(f'"{CASE_CONTROL}", or leave it out'),
        Field(
            description='`"case-control"`: positives and negatives have each attribute of the '
            "target in the same shares. The figures are then not those of the target population, "
            "where these shares differ between the two (Janes & Pepe 2008); `match`, the cohort's "
            "card and the sealed report (`estimand`) say so"
        ),
    ] = ""
    cases_per_patient: Annotated[
        Text,
        OneOf(("one", "all")),
        Give('"one" (drawn at random) or "all"'),
        Field(
            description="`one` drawn at random, or `all`; either way the pool, the target and the "
            "shares count patients"
        ),
    ] = "one"
    apart_from: Annotated[
        tuple[Text, ...],
        Give('a list of names of benchmarks, as ["opacity-validation"]'),
        Field(
            description="benchmarks that are sealed before this one; none of their patients is "
            "drawn, so that figures told of their cases say nothing of these"
        ),
    ] = ()
    seed: Annotated[Whole, Field(ge=0, description="of the split and the draw")] = 0
    target: Annotated[
        Target,
        PlainValidator(target_of, json_schema_input_type=dict[str, dict[str, _Share]]),
        Absent("none"),
        Field(
            description="`[cohort.target.ATTRIBUTE]`: the share of each level in the target "
            'population; an attribute may be joint, as `"race x sex"` with levels `"White x '
            'Female"`; `M` is `Male`, as in every [table](tables.md). A level that no table can '
            "have is refused with those that can occur. Shares that sum to 1 within 0.01 are "
            "normalised, and `match` says so; others are refused. Patients of a level without a "
            "share cannot be drawn, and `match` counts them. If a level has too few patients, the "
            "other levels take the rest of its share in proportion to theirs"
        ),
    ] = field(default_factory=lambda: Target({}))
    target_file: Annotated[
        Mapping[str, str],
        InFile(_FileName | dict[str, _FileName], _by_attribute),
        Absent("none"),
        Give('the name of a CSV, or as { race = "census_race.csv" }'),
        Field(
            description="shares from a table beside this file: its name, with the columns "
            'attribute, level and share; or `{ race = "census_race.csv" }`, a published table with '
            "one column a level, whose last line counts. The file is kept with the benchmark, and "
            "its content is sealed"
        ),
    ] = field(default_factory=dict)
    target_files: Annotated[tuple[Path, ...], Derived()] = ()

    @property
    def criteria(self) -> Criteria:
        """Who counts."""
        return self

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


def read_cohort_plan(
    table: Mapping[str, object], path: Path, beside: Path | None = None, *, installed: bool = False
) -> CohortPlan:
    """Read the [cohort] table; raises CohortPlanError or TargetError, naming file and key.

    The tables of ``target_file`` are sought from the folder of ``path``; or, where ``beside`` is
    given, by the last part of their name in that folder. ``installed``: what an earlier version
    took is not refused, since the file cannot change any more.
    """
    if installed:  # an earlier version took an empty text for no rules
        table = {key: value for key, value in table.items() if (key, value) not in _NO_RULES}
    plan = read_table(CohortPlan, table, path, "cohort", CohortPlanError)
    if not installed:
        _refuse_unknown_levels(plan, path)
    plan = _with_tables(plan, path, beside)
    _refuse_undeclared(plan, path, installed)
    _refuse_unbalanced(plan, path)
    _refuse_idle_tolerance(plan, path)
    return plan


def read_bands(table: Mapping[str, object], path: Path) -> tuple[int, ...]:
    """Read the lower ends of the age groups of the [cohort] table, and nothing else of it.

    Raises CohortPlanError, naming file and key.
    """
    bands = read_key(CohortPlan, table, "age_bands", path, "cohort", CohortPlanError)
    assert isinstance(bands, tuple)
    return bands


def _with_tables(plan: CohortPlan, path: Path, beside: Path | None) -> CohortPlan:
    """The plan with the shares of the tables that it names, beside those of the file itself."""
    paths = {
        attribute: beside / Path(name).name if beside else path.parent / name
        for attribute, name in plan.target_file.items()
    }
    files = tuple(dict.fromkeys(paths.values()))
    if len({each.name for each in files}) < len(files):
        raise CohortPlanError(
            f"{path.name}: [cohort] target_file is {dict(plan.target_file)!r}; give files of "
            "different names, also where their folders differ"
        )
    found = read_target_files(paths)
    if twice := sorted(set(found.margins) & set(plan.target.margins)):
        raise TargetError(
            f"{path.name}: the target of {twice[0]} stands in [cohort.target] and in "
            "target_file; keep one of them"
        )
    target = Target({**plan.target.margins, **found.margins}, (*plan.target.notes, *found.notes))
    return replace(plan, target=target, target_files=files)


def _refuse_unknown_levels(plan: CohortPlan, path: Path) -> None:
    """A level of the file's own target that no table can have would draw nobody."""
    for margin, shares in plan.target.margins.items():
        names = margin.split(" x ")
        for level, share in shares.items():
            parts = level.split(" x ")
            if not share or len(parts) != len(names):
                continue
            for name, part in zip(names, parts, strict=True):
                known = levels_of(name, plan.age_bands)
                if known and part not in known:
                    raise CohortPlanError(
                        f"{path.name}: [cohort.target] {margin!r} has the level {part!r}"
                        f"{did_you_mean(part, known)}; {name} can be {', '.join(known)}: "
                        "give one of these"
                    )


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
                    f"{path.name}: [cohort] {key} names {missing[0]!r}"
                    f"{did_you_mean(missing[0], known)}, which is neither label nor in attributes "
                    f"({', '.join(plan.criteria.attributes)}); add it there"
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
            f"{path.name}: [cohort.tolerance] has {idle[0]!r}"
            f"{did_you_mean(idle[0], plan.target.margins)}, which has no shares in the target "
            f"({', '.join(plan.target.margins) or 'none'}); give it shares, or leave it out"
        )
