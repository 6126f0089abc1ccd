"""Selects the studies that become cases: inclusion rules and reference standard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

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
from cohort_selection.cases import Case
from cohort_selection.catalog.study_values import NAMES, Values, age, by_study, known_names, values
from cohort_selection.clinical.age_bands import AGE_BANDS, age_group
from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.eligibility.label_rule import COVID, LabelError, LabelRule
from cohort_selection.eligibility.rules import Rule, numbers
from cohort_selection.eligibility.targets import columns_of, is_known, targets_of
from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL, Task

if TYPE_CHECKING:
    from cohort_selection.dicom.studies import Study

__all__ = [
    "NOT_REPORTED",
    "Criteria",
    "FlowStep",
    "Selected",
    "SelectionError",
    "age_group",
    "select",
]

_NO_RECORD = ClinicalRecord(
    patient_id="",
    study_uid="",
    age=None,
    sex=NOT_REPORTED,
    race=NOT_REPORTED,
    ethnicity=NOT_REPORTED,
    site=NOT_REPORTED,
    tests=(),
    findings={},
)


class SelectionError(ValueError):
    """The commons does not hold what the criteria ask for."""


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

    cases: tuple[Case, ...]
    flow: tuple[FlowStep, ...]


def select(
    studies: Sequence[Study], records: Sequence[ClinicalRecord], criteria: Criteria
) -> Selected:
    """Apply the rules one after the other; a study that passes all of them becomes a case.

    The case's id is the study's UID. Raises SelectionError where the label's column, a rule's field
    or an attribute does not exist, a label is neither 0 nor 1, or nobody is left.
    """
    _refuse_missing(criteria, records)
    sieve = _Sieve(studies, by_study(records))
    for name, allowed in (
        ("modality", criteria.modalities),
        ("view", criteria.views),
        ("body_part", criteria.body_parts),
        ("loinc", criteria.loinc),
    ):
        if allowed:
            sieve.obey(Rule(name, allowed))
    sieve.keep("has a clinical record", lambda study: study.study_uid in sieve.recorded)
    if criteria.minimum_age > 0 or criteria.maximum_age is not None:
        years = {s.study_uid: age(s, sieve.record(s)) for s in sieve.left}
        sieve.keep("age is known", lambda study: years[study.study_uid] is not None or None)
    if criteria.minimum_age > 0:
        sieve.obey(Rule("age", at_least=criteria.minimum_age))
    if criteria.maximum_age is not None:
        sieve.obey(Rule("age", at_most=criteria.maximum_age))
    for rule in (*criteria.include, *criteria.exclude):
        sieve.obey(rule)
    by_tests = criteria.label.column == COVID
    labels = _by_tests(sieve, criteria) if by_tests else _by_column(sieve, criteria)
    task = criteria.task if criteria.task and criteria.task.has_targets else None
    targets = _targets(sieve, task)
    if not sieve.left:
        worst = max(sieve.flow, key=lambda step: step.excluded)
        raise SelectionError(
            f"no study of {len(studies)} satisfies the criteria; the rule {worst.rule!r} alone "
            f"excludes {worst.excluded}: loosen it, or check the catalog"
        )
    cases = tuple(
        Case(
            study.study_uid,
            study.patient_id,
            study.files,
            labels[study.study_uid],
            {
                name: str(values(name, study, sieve.record(study), criteria.age_bands))
                for name in criteria.attributes
            },
            targets.get(study.study_uid, {}),
        )
        for study in sieve.left
    )
    return Selected(cases, tuple(sieve.flow))


class _Sieve:
    """The studies that the rules have left so far, and the flow of those that they have not."""

    def __init__(
        self, studies: Sequence[Study], record_of: Callable[[Study], ClinicalRecord | None]
    ) -> None:
        found = ((study.study_uid, record_of(study)) for study in studies)
        self.recorded = {uid: record for uid, record in found if record is not None}
        self.left = sorted(studies, key=lambda study: study.study_uid)
        n = len(self.left)
        self.flow = [FlowStep("studies in the catalog", 0, n, _patients(self.left))]

    def record(self, study: Study) -> ClinicalRecord:
        """What the tables say of a study, or nothing."""
        return self.recorded.get(study.study_uid, _NO_RECORD)

    def keep(self, rule: str, holds: Callable[[Study], bool | None]) -> None:
        """Keep the studies for which a rule holds; None where that is unknown."""
        judged = [(study, holds(study)) for study in self.left]
        kept = [study for study, verdict in judged if verdict]
        unknown = sum(verdict is None for _, verdict in judged)
        excluded = len(self.left) - len(kept)
        self.flow.append(FlowStep(rule, excluded, len(kept), _patients(kept), unknown))
        self.left = kept

    def obey(self, rule: Rule) -> None:
        """Keep the studies that a rule of the benchmark keeps."""
        said = {s.study_uid: values(rule.field, s, self.record(s)) for s in self.left}
        _refuse_words(rule, said)
        self.keep(str(rule), lambda study: rule.keeps(said[study.study_uid]))


def _by_tests(sieve: _Sieve, criteria: Criteria) -> dict[str, int]:
    """Labels by the nearest COVID-19 tests; keeps the studies that have such tests, and agree."""
    first, last = criteria.covid_window
    nearest = {
        s.study_uid: _nearest(sieve.record(s).tests, criteria.covid_window) for s in sieve.left
    }
    sieve.keep(
        f"COVID-19 test {first} to {last} days from the study",
        lambda study: bool(nearest[study.study_uid]) or _dated(sieve.record(study).tests),
    )
    sieve.keep("nearest COVID-19 tests agree", lambda study: len(nearest[study.study_uid]) == 1)
    return {
        s.study_uid: int(nearest[s.study_uid] == {"Positive"}) ^ criteria.invert_label
        for s in sieve.left
    }


def _by_column(sieve: _Sieve, criteria: Criteria) -> dict[str, int]:
    """Labels by a column of the clinical table; keeps the studies that have one."""
    reading = replace(criteria.label, inverted=criteria.invert_label)
    column = reading.column
    text = {s.study_uid: sieve.record(s).findings.get(column, "") for s in sieve.left}
    sieve.keep(f"{column} is recorded", lambda s: reading.known(text[s.study_uid]) or None)
    try:
        return reading.labels({s.study_uid: text[s.study_uid] for s in sieve.left})
    except LabelError as wrong:
        raise SelectionError(str(wrong)) from None


def _targets(sieve: _Sieve, task: Task | None) -> Mapping[str, Mapping[str, float | None]]:
    """Targets of a task; keeps the studies that have any in the clinical table."""
    if task is None:
        return {}
    columns = columns_of(task)
    texts = {
        s.study_uid: {name: sieve.record(s).findings.get(name, "") for name in columns}
        for s in sieve.left
    }
    sieve.keep(
        f"{_TOLD[task.kind]} is recorded", lambda s: is_known(task, texts[s.study_uid]) or None
    )
    try:
        return targets_of(task, {s.study_uid: texts[s.study_uid] for s in sieve.left})
    except LabelError as wrong:
        raise SelectionError(str(wrong)) from None


def _patients(studies: Sequence[Study]) -> int:
    return len({study.patient_id for study in studies})


def _nearest(tests: Sequence[CovidTest], window: tuple[int, int]) -> set[str]:
    """Positive, Negative or both: what the tests nearest to the study inside the window say."""
    first, last = window
    inside = [
        test
        for test in tests
        if test.result in {"Positive", "Negative"}
        and test.from_study
        and first <= test.days_from_index <= last
    ]
    if not inside:
        return set()
    # Of two equally near days the one before the study counts: it could be known at imaging.
    day = min((abs(test.days_from_index), test.days_from_index) for test in inside)[1]
    return {test.result for test in inside if test.days_from_index == day}


def _dated(tests: Sequence[CovidTest]) -> bool | None:
    """False where the days of all tests from the study are known, None where of some they are not.

    A day counted from the index event says nothing of the study.
    """
    results = [test for test in tests if test.result in {"Positive", "Negative"}]
    return False if all(test.from_study for test in results) else None


def _refuse_words(rule: Rule, said: Mapping[str, Values]) -> None:
    """Refuse a rule on numbers where the field never holds one."""
    if not rule.numeric:
        return
    texts = Counter(text for found in said.values() for text in found.texts)
    if texts and not any(numbers(text) for text in texts):
        text, n = texts.most_common(1)[0]
        raise SelectionError(
            f"the rule {str(rule)!r} compares numbers, but {rule.field} holds none: it is {text!r} "
            f"in {n} of {len(said)} studies; test it with is or matches"
        )


def _refuse_missing(criteria: Criteria, records: Sequence[ClinicalRecord]) -> None:
    columns = sorted({column for record in records for column in record.findings})
    listed = ", ".join(columns) if columns else "none"
    label = criteria.label.column
    if label not in (COVID, *columns):
        raise SelectionError(
            f"the clinical table has no column {label!r} for the label; it has {listed}; "
            f"correct [cohort] label"
        )
    task = criteria.task
    for name in columns_of(task) if task and task.has_targets else ():
        if name not in columns:
            raise SelectionError(
                f"the clinical table has no column {name!r} for the task; it has {listed}; "
                f"correct [task]"
            )
    known = known_names(records)
    for name in criteria.attributes:
        if name not in known:
            raise _unknown(f"the attribute {name!r}", listed, "[cohort] attributes")
    for key, rules in (("include", criteria.include), ("exclude", criteria.exclude)):
        for rule in rules:
            if rule.field not in known:
                raise _unknown(f"the field {rule.field!r}", listed, f"[[cohort.{key}]]")


def _unknown(what: str, listed: str, where: str) -> SelectionError:
    return SelectionError(
        f"{what} is neither one of {', '.join(NAMES)} nor a header field "
        f"({', '.join(HEADER_FIELDS[:3])} ...: docs/benchmark.md) nor a column of the clinical "
        f"table, which has {listed}; correct {where}"
    )
