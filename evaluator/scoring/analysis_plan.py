"""The [analysis] table: figures and subgroups, declared before any score is seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

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
from cohort_selection.benchmark_keys.reading import read_table, refuse_wrong_values
from metrics.estimate import UndefinedMetric
from metrics.gaps.tests import DECLARABLE, refuse_undeclarable
from metrics.group import DESIGNS, SAMPLED

NOT_REPORTED = "Not Reported"
"""The level of an attribute that nobody knows; never what others are compared with."""

ASSUMED = (("auroc", 0.85), ("sensitivity", 0.8), ("specificity", 0.8))
"""What planning takes the figures to be where the benchmark does not say."""

Gap = tuple[str, str]
"""A figure and the attribute between whose levels it is compared."""


class PlanError(ValueError):
    """The [analysis] table cannot be followed; the message names the file and the key."""


def _gap(text: str) -> Gap:
    figure, by, attribute = text.partition(" by ")
    if not by or not figure.strip() or not attribute.strip():
        raise ValueError(f"is {text!r}; give a figure by an attribute, as 'auroc by sex'")
    return figure.strip(), attribute.strip()


def _gaps(texts: Sequence[str]) -> tuple[Gap, ...]:
    return tuple(_gap(text) for text in texts)


def _crossed(named: Sequence[str | Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(part.strip() for part in names.split(" x "))
        if isinstance(names, str)
        else tuple(names)
        for names in named
    )


def _assumed(values: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted({**dict(ASSUMED), **values}.items()))


def _sorted(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def _none_or_enough(replicates: int) -> int:
    if 0 < replicates < 100:
        raise ValueError
    return replicates


def _rising(limits: tuple[float, ...]) -> tuple[float, ...]:
    if limits and (len(limits) != 2 or limits[0] >= limits[1]):
        raise ValueError
    return limits


_Name = Annotated[Text, Field(min_length=1)]
_Share = Annotated[Number, Field(gt=0, lt=1)]


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """Figures, groups and intervals of an evaluation; its digest goes with every result.

    A group with fewer than ``minimum_cases`` patients, or fewer than ``minimum_per_class``
    patients with a positive or with a negative case, gets no figure. Every figure, interval and gap
    follows ``sampling_design``. ``primary_gap`` and ``gaps`` are tested; all other gaps are
    described.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    primary: Annotated[_Name, Field(description="what the board is ordered by")] = "auroc"
    subgroups: Annotated[
        tuple[_Name, ...], Field(description="attributes whose levels are scored apart")
    ] = ()
    intersections: Annotated[
        tuple[tuple[str, ...], ...],
        InFile(list[_Name | list[_Name]], _crossed),
        Give('a list of lists of attributes, as [["race", "sex"]]'),
        Field(description='lists of attributes of `subgroups`, as `[["race", "sex"]]`'),
    ] = ()
    minimum_cases: Annotated[
        Whole, Field(ge=2, description="patients a group must have for any figure")
    ] = 20
    minimum_per_class: Annotated[
        Whole,
        Field(
            ge=1,
            description="patients with a positive, and with a negative, case that it must have",
        ),
    ] = 10
    confidence: Annotated[Number, Field(ge=0.5, lt=1, description="of the intervals")] = 0.95
    replicates: Annotated[
        Whole,
        Give("100 to 1,000,000, or 0 for no ROC band"),
        Field(
            ge=0,
            le=1_000_000,
            description="bootstrap replicates of the ROC curve's band, at most 512 of them are "
            "used; 0 for no band",
        ),
        AfterValidator(_none_or_enough),
    ] = 2000
    seed: Annotated[
        Whole,
        Field(
            ge=0,
            lt=2**63,
            description="of the replicates, and of the permutations of declared gaps",
        ),
        Give("a whole number from 0"),
    ] = 0
    sampling_design: Annotated[
        Text,
        OneOf(DESIGNS),
        Absent("from the target"),
        Field(
            description="how the number of positives came about: `fixed-prevalence`, set by "
            "design, or `sampled`, left to chance. A target that names the label's share sets it; "
            "a file that says otherwise is refused"
        ),
    ] = SAMPLED
    fixed_attributes: Annotated[tuple[str, ...], Derived()] = ()
    """Attributes within whose levels the number of positives was set by design too."""
    primary_gap: Annotated[
        Gap | None,
        InFile(Text, _gap),
        Give("a figure by an attribute, as 'auroc by sex'"),
        Field(
            description="the one difference between groups that is tested first, as "
            '`"sensitivity by sex"`'
        ),
    ] = None
    gaps: Annotated[
        tuple[Gap, ...],
        InFile(list[Text], _gaps),
        Field(
            description='further differences that are tested, as `["auroc by race", '
            '"calibration_slope by site"]`; see [gaps](gaps.md)'
        ),
    ] = ()
    assumed: Annotated[
        tuple[tuple[str, float], ...],
        InFile(dict[Annotated[Text, OneOf(tuple(dict(ASSUMED)))], _Share], _assumed),
        Give(f"a table that holds {', '.join(dict(ASSUMED))}, each between 0 and 1"),
        Absent("0.85, 0.8, 0.8"),
        Field(
            description="`{ auroc = 0.85, sensitivity = 0.8, specificity = 0.8 }`: what "
            "`sequestra match --plan` takes the figures to be when it says how wide intervals of "
            "AUROCs are and which gaps can be found"
        ),
    ] = ASSUMED
    threshold: Annotated[
        Number | None,
        Absent("the submission's"),
        Give("a number on the scale of the scores"),
        Field(
            allow_inf_nan=False,
            description="the operating point of every submission, whatever it declares; in "
            "`score` on the scale of the scores",
        ),
    ] = None
    interval: Annotated[
        Text,
        OneOf(("score", "logit", "symmetric")),
        Field(
            description="of the AUROC: `score`, which holds near 1 too, `logit`, or `symmetric` "
            "as in pROC"
        ),
    ] = "score"
    ece_bins: Annotated[
        Whole, Field(ge=2, le=100, description="bins of the expected calibration error")
    ] = 10
    specificities: Annotated[
        tuple[_Share, ...], Field(description="sensitivity is given at each of these")
    ] = ()
    sensitivities: Annotated[
        tuple[_Share, ...], Field(description="specificity is given at each of these")
    ] = ()
    prevalences: Annotated[
        tuple[_Share, ...],
        Field(
            description="predictive values, accuracy, selection rate, F1, Matthews correlation and "
            "Brier score are given at each of these"
        ),
    ] = ()
    partial_auroc: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=1)], ...],
        Give("[low, high] false positive rates, from 0 to 1"),
        Field(description="a range of false positive rates, as `[0.0, 0.1]`", max_length=2),
        AfterValidator(_rising),
    ] = ()
    smooth_calibration: Annotated[
        Text,
        OneOf(("overall", "all", "none")),
        Field(
            description="where figures of smooth calibration curves are given: `overall`, `all` "
            "or `none`"
        ),
    ] = "overall"
    references: Annotated[
        tuple[tuple[str, str], ...],
        InFile(dict[str, _Name], _sorted),
        Give('a table of attributes and levels in quotes, as { sex = "Male" }'),
        Absent("the largest level"),
        Field(
            description='`{ sex = "Male" }`: the level that others are compared with; never '
            "`Not Reported`"
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Raise PlanError for a plan that cannot be followed."""
        try:
            refuse_wrong_values(self)
        except ValueError as problem:
            raise PlanError(str(problem)) from None
        if problems := _problems(self):
            raise PlanError(problems[0])

    @property
    def declared_gaps(self) -> tuple[tuple[str, str], ...]:
        """The gaps that are tested, the primary one first; (figure, attribute)."""
        first = () if self.primary_gap is None else (self.primary_gap,)
        return (*first, *self.gaps)

    def testing(self, gaps: Sequence[Gap]) -> AnalysisPlan:
        """The plan with these of its declared gaps alone, the first of them the primary one."""
        return replace(self, primary_gap=next(iter(gaps), None), gaps=tuple(gaps[1:]))

    def refuse_single_levels(self, levels: Mapping[str, Iterable[str]]) -> None:
        """Raise PlanError where a declared gap has fewer than two levels to compare.

        ``levels`` maps each attribute to the level of each case.
        """
        for figure, attribute in self.declared_gaps:
            names = (attribute,) if attribute in levels else attribute.split(" x ")
            columns = (levels[name] for name in names)
            crossed = sorted({" x ".join(each) for each in zip(*columns, strict=True)})
            if len(crossed) < 2:
                raise PlanError(
                    f"the gap {figure} by {attribute} compares nothing: all cases are "
                    f"{crossed[0] if crossed else 'missing'!r}; declare a gap by an attribute that "
                    "has two levels here"
                )

    @property
    def digest(self) -> str:
        """SHA-256 over every choice, so that two results can be seen to follow one plan."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_plan(table: Mapping[str, object], path: Path) -> AnalysisPlan:
    """Read the [analysis] table of a benchmark file; raise PlanError."""
    if "stratified" in table:
        raise PlanError(
            f"{path.name}: [analysis] 'stratified' is no key any more; give sampling_design = "
            f'"fixed-prevalence" where it was true, or "sampled" where it was false'
        )
    return read_table(AnalysisPlan, table, path, "analysis", PlanError)


def _problems(plan: AnalysisPlan) -> list[str]:
    rules = (
        (
            all(len(set(names)) == len(names) >= 2 for names in plan.intersections),
            "an intersection names two or more different attributes",
        ),
        (
            len(set(plan.subgroups)) == len(plan.subgroups)
            and len(set(plan.intersections)) == len(plan.intersections),
            "a subgroup or an intersection is named twice",
        ),
        *_gap_rules(plan),
        (
            all(name in dict(ASSUMED) and 0 < value < 1 for name, value in plan.assumed),
            f"assumed holds {', '.join(dict(ASSUMED))}, each between 0 and 1",
        ),
        (
            all(NOT_REPORTED not in level.split(" x ") for _, level in plan.references),
            f"references names {NOT_REPORTED!r}; compare with a level that is known",
        ),
        ("overall" not in plan.subgroups, "'overall' is always there and cannot be a subgroup"),
    )
    return [message for holds, message in rules if not holds]


def _gap_rules(plan: AnalysisPlan) -> list[tuple[bool, str]]:
    attributes = {*plan.subgroups, *(" x ".join(names) for names in plan.intersections)}
    declared = plan.declared_gaps
    rules = [
        (
            plan.primary_gap is not None or not plan.gaps,
            "gaps are declared and no primary_gap; name the first of them primary_gap",
        ),
        (len(set(declared)) == len(declared), "a gap is declared twice"),
    ]
    for figure, attribute in declared:
        rules += [
            (not (refused := _untested(figure)), refused),
            (
                attribute in attributes,
                f"the gap {figure} by {attribute} names no subgroup or intersection of the plan"
                f"{did_you_mean(attribute, attributes)}, which has "
                f"{', '.join(sorted(attributes)) or 'none'}; add {attribute} to its subgroups, or "
                "drop the gap",
            ),
        ]
    return rules


def _untested(figure: str) -> str:
    """Why a figure's gap cannot be declared; empty where it can."""
    try:
        refuse_undeclarable(figure)
    except UndefinedMetric as reason:
        return f"{reason}{did_you_mean(figure, DECLARABLE)}"
    return ""
