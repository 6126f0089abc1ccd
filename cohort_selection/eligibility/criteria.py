"""Selects the studies that become cases: inclusion rules and reference standard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import (
    Absent,
    Derived,
    Give,
    InFile,
    Shorthand,
    Text,
    Truth,
    Whole,
)
from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.case_table import CaseTable
from cohort_selection.clinical.age_bands import AGE_BANDS, age_group
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.coded import Coded, compact
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.eligibility.label_rule import COVID, LabelError, LabelRule
from cohort_selection.eligibility.nearest_test import nearest
from cohort_selection.eligibility.rules import Rule
from cohort_selection.eligibility.sieve import SelectionError, Sieve
from cohort_selection.eligibility.targets import columns_of, is_known, targets_of
from cohort_selection.study_table.commons import Commons, Known
from cohort_selection.study_table.study_values import NAMES
from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL, Task

__all__ = [
    "NOT_REPORTED",
    "Criteria",
    "FlowStep",
    "Selected",
    "SelectionError",
    "age_group",
    "select",
]


def _capitals(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.upper() for word in words)


def _rising(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if list(numbers) != sorted(set(numbers)):
        raise ValueError
    return numbers


def _first_to_last(days: tuple[int, int]) -> tuple[int, int]:
    if days[0] > days[1]:
        raise ValueError
    return days


def _excluding(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(replace(rule, excludes=True) for rule in rules)


_TOLD = {MULTILABEL: "any finding", MULTICLASS: "class", ORDINAL: "grade"}
"""What the clinical table must tell of a study, beside its label, by the kind of task."""

_Codes = Annotated[tuple[str, ...], InFile(list[Text], _capitals), Absent("all")]


@dataclass(frozen=True, slots=True)
class Criteria:
    """Inclusion rules and the reference standard of one benchmark: keys of the [cohort] table.

    An empty collection allows everything. ``covid_window`` is days, test minus study (negative:
    the test came first), both ends included.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    label: Annotated[
        LabelRule,
        Shorthand("column"),
        Give(
            f'a column of the clinical table in quotes, "{COVID}", or a table as '
            '{ column = "Finding Labels", contains = "Pneumonia" }'
        ),
        Field(
            description="a column of the clinical table with 0 and 1 (or no and yes), a table that "
            "says how to read a column (see below), or `covid19`"
        ),
    ]
    modalities: Annotated[
        _Codes, Field(description='DICOM modalities that count, as `["CR", "DX"]`')
    ] = ()
    views: Annotated[_Codes, Field(description='view positions that count, as `["PA", "AP"]`')] = ()
    body_parts: Annotated[
        _Codes, Field(description='DICOM body parts that count, as `["CHEST"]`')
    ] = ()
    loinc: Annotated[
        tuple[Text, ...], Absent("all"), Field(description="LOINC codes that count")
    ] = ()
    minimum_age: Annotated[Whole, Field(ge=0, description="in whole years at imaging")] = 0
    maximum_age: Annotated[Whole | None, Field(ge=0, description="in whole years at imaging")] = (
        None
    )
    covid_window: Annotated[
        tuple[Whole, Whole],
        Give("two whole numbers of days, test minus study, smaller first"),
        Field(
            description="for `covid19`: first and last day of the test, counted from the study "
            "(negative: the test came first); the nearest test decides, a day with two results "
            "excludes the case, and so does a day that no table counts from the study"
        ),
        AfterValidator(_first_to_last),
    ] = (-14, 0)
    invert_label: Annotated[
        Truth,
        Field(
            description="positive is where the column says 0; what `uncertain` and `blank` say of "
            "a case stays"
        ),
    ] = False
    age_bands: Annotated[
        tuple[Annotated[Whole, Field(ge=0)], ...],
        Give("ages in years, rising, such as [0, 40, 60, 80]"),
        Field(min_length=1, description="lower bounds of the age groups"),
        AfterValidator(_rising),
    ] = AGE_BANDS
    attributes: Annotated[
        tuple[Text, ...],
        Field(
            description="kept with each case, for subgroups and matching; any field that a rule "
            "may name"
        ),
    ] = ("sex", "age_group")
    include: Annotated[
        tuple[Rule, ...],
        Give("rules as [[cohort.include]] tables, each with a field and a test"),
        Field(
            description="rules that a study must satisfy, as `[[cohort.include]]` tables: see below"
        ),
    ] = ()
    exclude: Annotated[
        tuple[Rule, ...],
        AfterValidator(_excluding),
        Give("rules as [[cohort.exclude]] tables, each with a field and a test"),
        Field(description="rules that put a study out, as `[[cohort.exclude]]` tables"),
    ] = ()
    task: Annotated[Task | None, Derived()] = None
    """What is asked besides the label; None where the label says all."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The cases that satisfy every rule, in order of their ids, and the flow that led to them."""

    cases: CaseTable
    flow: tuple[FlowStep, ...]


def select(commons: Commons, criteria: Criteria) -> Selected:
    """Apply the rules one after the other; a study that passes all of them becomes a case.

    The case's id is the study's UID. Raises SelectionError where the label's column, a rule's field
    or an attribute does not exist, a label is neither 0 nor 1, or nobody is left.
    """
    _refuse_missing(criteria, commons)
    sieve = Sieve(commons)
    for name, allowed in (
        ("modality", criteria.modalities),
        ("view", criteria.views),
        ("body_part", criteria.body_parts),
        ("loinc", criteria.loinc),
    ):
        if allowed:
            sieve.obey(Rule(name, allowed))
    sieve.keep("has a clinical record", commons.recorded())
    if criteria.minimum_age > 0 or criteria.maximum_age is not None:
        sieve.keep_known("age is known", commons.ages() >= 0)
    if criteria.minimum_age > 0:
        sieve.obey(Rule("age", at_least=criteria.minimum_age))
    if criteria.maximum_age is not None:
        sieve.obey(Rule("age", at_most=criteria.maximum_age))
    for rule in (*criteria.include, *criteria.exclude):
        sieve.obey(rule)
    task = criteria.task if criteria.task and criteria.task.has_targets else None
    try:
        label = (_by_tests if criteria.label.column == COVID else _by_column)(sieve, criteria)
        targets = {} if task is None else _targets(sieve, task)
    except LabelError as wrong:
        raise SelectionError(str(wrong)) from None
    if not len(sieve.left):
        worst = max(sieve.flow, key=lambda step: step.excluded)
        raise SelectionError(
            f"no study of {commons.n_studies} satisfies the criteria; the rule {worst.rule!r} "
            f"alone excludes {worst.excluded}: loosen it, or check the catalog"
        )
    return Selected(
        CaseTable(
            *sieve.identities(),
            label=label[sieve.left],
            attributes={
                name: _attribute(commons.known(name, criteria.age_bands), sieve.left)
                for name in criteria.attributes
            },
            targets=targets,
            regions=(),
            rows=sieve.left,
            files_of=commons.files,
        ),
        tuple(sieve.flow),
    )


def _attribute(known: Known, rows: NDArray[np.int64]) -> Coded:
    return compact(known.codes[rows], [str(values) for values in known.values])


def _by_tests(sieve: Sieve, criteria: Criteria) -> NDArray[np.int8]:
    """Labels by the nearest COVID-19 tests; keeps the studies that have such tests, and agree."""
    first, last = criteria.covid_window
    said = nearest(sieve.commons.tests(), criteria.covid_window)
    dated = said.positive | said.negative
    sieve.keep(f"COVID-19 test {first} to {last} days from the study", dated, said.undated & ~dated)
    sieve.keep("nearest COVID-19 tests agree", said.positive != said.negative)
    return (said.positive != criteria.invert_label).astype(np.int8)


def _by_column(sieve: Sieve, criteria: Criteria) -> NDArray[np.int8]:
    """Labels by a column of the clinical table; keeps the studies that have one."""
    reading = replace(criteria.label, inverted=criteria.invert_label)
    cells = sieve.commons.cells(reading.column)
    known = np.array([reading.known(text) for text in cells.levels], np.bool_)
    sieve.keep_known(f"{reading.column} is recorded", known[cells.codes])
    sieve.sort()
    labels = reading.labels(cells.take(sieve.left).counts())
    return np.array([labels.get(text, 0) for text in cells.levels], np.int8)[cells.codes]


def _targets(sieve: Sieve, task: Task) -> dict[str, NDArray[np.float64]]:
    """Targets of a task; keeps the studies that have any in the clinical table."""
    cells = {name: sieve.commons.cells(name) for name in columns_of(task)}
    sieve.keep_known(f"{_TOLD[task.kind]} is recorded", is_known(task, cells))
    sieve.sort()
    return targets_of(task, {name: column.take(sieve.left) for name, column in cells.items()})


def _refuse_missing(criteria: Criteria, commons: Commons) -> None:
    columns = sorted(commons.findings)
    listed = ", ".join(columns) if columns else "none"
    label = criteria.label.column
    if label not in (COVID, *columns):
        raise SelectionError(
            f"the clinical table has no column {label!r}{did_you_mean(label, columns)} for the "
            f"label; it has {listed}; correct [cohort] label"
        )
    task = criteria.task
    for name in columns_of(task) if task and task.has_targets else ():
        if name not in columns:
            raise SelectionError(
                f"the clinical table has no column {name!r}{did_you_mean(name, columns)} for the "
                f"task; it has {listed}; "
                f"correct [task]"
            )
    known = commons.known_names
    for name in criteria.attributes:
        if name not in known:
            raise _unknown("the attribute", name, columns, "[cohort] attributes")
    for key, rules in (("include", criteria.include), ("exclude", criteria.exclude)):
        for rule in rules:
            if rule.field not in known:
                raise _unknown("the field", rule.field, columns, f"[[cohort.{key}]]")


def _unknown(what: str, name: str, columns: Sequence[str], where: str) -> SelectionError:
    near = did_you_mean(name, (*NAMES, *HEADER_FIELDS, *columns))
    return SelectionError(
        f"{what} {name!r} is neither one of {', '.join(NAMES)} nor a header field "
        f"({', '.join(HEADER_FIELDS[:3])} ...: docs/benchmark.md) nor a column of the clinical "
        f"table, which has {', '.join(columns) or 'none'}{near}; correct {where}"
    )
