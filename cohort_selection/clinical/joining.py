"""Joins the lines of clinical tables into a record for each study or patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from cohort_selection.clinical.columns import Place
from cohort_selection.clinical.record import ClinicalRecord, CovidTest
from cohort_selection.clinical.table_lines import BOOKKEEPING, Many, Row, Test
from cohort_selection.clinical.vocabulary import NOT_REPORTED, ClinicalError

_MOST_SHARED = 100_000
"""Different findings of a record that are kept once for all records."""


@dataclass(slots=True)
class _Gathered:
    """Everything about one (patient, study), and the place that said each thing first."""

    values: dict[str, tuple[str | int, Place]] = field(default_factory=dict)
    findings: dict[str, tuple[str, Place]] = field(default_factory=dict)
    many: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    index_tests: set[CovidTest] = field(default_factory=set)
    study_tests: set[CovidTest] = field(default_factory=set)


_NOTHING = _Gathered()


def refuse_two_sexes(rows: Iterable[Row]) -> None:
    """Raise ClinicalError where two rows give one patient two sexes."""
    seen: dict[str, tuple[str, Place]] = {}
    for row in rows:
        if row.sex == NOT_REPORTED or not row.patient_id:
            continue
        sex, place = seen.setdefault(row.patient_id, (row.sex, row.place))
        if sex != row.sex:
            raise ClinicalError(
                f"{row.place}: sex is {row.sex}, but {place} says {sex} for the same patient; "
                "correct one of the two, or give two patients two ids"
            )


def records_of(
    rows: Sequence[Row], tests: Sequence[Test], many: Sequence[Many]
) -> list[ClinicalRecord]:
    """Join lines into records, ordered by patient and study; raise ClinicalError."""
    said = _said_by(rows)
    for test in tests:
        if test.study_uid:
            own = said.joined((test.patient_id, test.study_uid))
            (own.study_tests if test.of_study else own.index_tests).add(test.test)
    for one in many:
        if one.study_uid:
            _add_many(said.joined((one.patient_id, one.study_uid)), one)
    described = {patient_id for patient_id, _ in said.every()}
    of_patient: dict[str, _Gathered] = defaultdict(_Gathered)
    for test in tests:
        if not test.study_uid:
            of_patient[test.patient_id].index_tests.add(test.test)
    for one in many:
        if not one.study_uid:
            _add_many(of_patient[one.patient_id], one)
    for patient_id in of_patient.keys() - described:
        said.joined((patient_id, ""))
    records = []
    for about in sorted(said.every()):
        more = of_patient.get(about[0])
        alone = said.lone_record(about) if more is None else None
        patient = about[0], ""
        records.append(alone or _record(about, said.of(about), said.of(patient), more or _NOTHING))
    return _sharing(records)


def _sharing(records: Sequence[ClinicalRecord]) -> list[ClinicalRecord]:
    """Keep findings that several records have once."""
    shared: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    found = []
    for record in records:
        findings = shared.setdefault(tuple(record.findings.items()), record.findings)
        found.append(record if findings is record.findings else replace(record, findings=findings))
        if len(shared) > _MOST_SHARED:
            shared.clear()
    return found


_Key = tuple[str, str]
"""Patient and study."""


@dataclass(slots=True)
class _Said:
    """The rows that alone speak of their (patient, study), which need less room, and the others."""

    lone: dict[_Key, Row] = field(default_factory=dict)
    gathered: dict[_Key, _Gathered] = field(default_factory=dict)

    def every(self) -> Iterator[_Key]:
        """Every patient and study."""
        return chain(self.lone, self.gathered)

    def joined(self, key: _Key) -> _Gathered:
        """What there is of a patient and study, to add to."""
        if key in self.lone:
            self.gathered[key] = _of_row(self.lone.pop(key))
        return self.gathered.setdefault(key, _Gathered())

    def of(self, key: _Key) -> _Gathered:
        """What there is of a patient and study, perhaps nothing."""
        return _of_row(self.lone[key]) if key in self.lone else self.gathered.get(key, _NOTHING)

    def lone_record(self, key: _Key) -> ClinicalRecord | None:
        """The record of a row where nothing else speaks of the patient."""
        patient = key[0], ""
        if key not in self.lone or (
            key != patient and (patient in self.lone or patient in self.gathered)
        ):
            return None
        return _record_of_row(self.lone[key])


def _said_by(rows: Iterable[Row]) -> _Said:
    said = _Said()
    for row in rows:
        key = row.patient_id, row.study_uid
        if key in said.lone or key in said.gathered:
            _gather(said.joined(key), row)
        else:
            said.lone[key] = row
    return said


def _record_of_row(row: Row) -> ClinicalRecord:
    """What :func:`_record` gives where nothing else speaks of the patient."""
    told = {} if row.study_day is None else {"days_to_study": str(row.study_day)}
    return ClinicalRecord(
        patient_id=row.patient_id,
        study_uid=row.study_uid,
        age=row.age,
        sex=row.sex,
        race=row.race,
        ethnicity=row.ethnicity,
        site=row.site,
        tests=_by_day(set(row.tests)),
        findings={**row.findings, **told},
    )


def _by_day(tests: Iterable[CovidTest]) -> tuple[CovidTest, ...]:
    return tuple(sorted(tests, key=lambda test: (test.days_from_index, test.result)))


def _of_row(row: Row) -> _Gathered:
    own = _Gathered()
    _gather(own, row)
    return own


def _gather(into: _Gathered, row: Row) -> None:
    for column, value in (
        ("age", row.age),
        ("sex", row.sex),
        ("race", row.race),
        ("ethnicity", row.ethnicity),
        ("site", row.site),
        ("days_to_study", row.study_day),
    ):
        if value is not None and value != NOT_REPORTED:
            known, place = into.values.setdefault(column, (value, row.place))
            if known != value:
                raise _contradiction(row, column, str(value), place, str(known))
    for column, text in row.findings.items():
        known_text, place = into.findings.setdefault(column, (text, row.place))
        if not known_text:
            into.findings[column] = (text, row.place)
        elif text and text != known_text and column not in BOOKKEEPING:
            raise _contradiction(row, column, text, place, known_text)
    into.study_tests.update(row.tests)


def _add_many(into: _Gathered, one: Many) -> None:
    for column, text in one.findings.items():
        into.many[column].update(text.split("|"))


def _contradiction(row: Row, column: str, value: str, place: Place, known: str) -> ClinicalError:
    what = "study" if row.study_uid else "patient"
    advice = (
        "keep one of the two rows"
        if row.study_uid
        else "keep one of the two rows, or add a column study_uid if they are two studies"
    ) + "; where each row is a finding of its own, name that column finding_name"
    return ClinicalError(
        f"{row.place}: {column} is {value!r}, but {place} says {known!r} for the same {what}; "
        f"{advice}"
    )


def _record(
    key: tuple[str, str], own: _Gathered, patient: _Gathered, of_patient: _Gathered
) -> ClinicalRecord:
    """One record: what its own rows say, then what the patient's rows say."""
    values = patient.values | own.values
    findings: dict[str, str] = {}
    for source in (of_patient, patient, own):
        findings.update((column, "|".join(sorted(texts))) for column, texts in source.many.items())
        findings.update(
            (column, text)
            for column, (text, _) in source.findings.items()
            if text or column not in findings
        )
    if "days_to_study" in values:
        findings["days_to_study"] = str(values["days_to_study"][0])
    dated = bool(key[1]) and "days_to_study" in own.values
    days = int(own.values["days_to_study"][0]) if dated else 0
    tests = own.study_tests | {
        CovidTest(test.result, test.days_from_index - days, dated)
        for test in own.index_tests | of_patient.index_tests
    }
    age = values.get("age")
    return ClinicalRecord(
        patient_id=key[0],
        study_uid=key[1],
        age=int(age[0]) if age is not None else None,
        sex=_said(values, "sex"),
        race=_said(values, "race"),
        ethnicity=_said(values, "ethnicity"),
        site=_said(values, "site"),
        tests=_by_day(tests),
        findings=findings,
    )


def _said(values: Mapping[str, tuple[str | int, Place]], column: str) -> str:
    return str(values[column][0]) if column in values else NOT_REPORTED
