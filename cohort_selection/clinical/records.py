"""Reads clinical tables (MIDRC and Gen3 exports, any CSV with a header) to records."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from cohort_selection.clinical import vocabulary as cells
from cohort_selection.clinical.columns import Header, Place, open_table, refuse_unknown_fields
from cohort_selection.clinical.vocabulary import NOT_REPORTED, TOP_CODED, ClinicalError
from cohort_selection.tables.column_names import NAMES, key

__all__ = ["NOT_REPORTED", "ClinicalError", "ClinicalRecord", "CovidTest", "read"]


@dataclass(frozen=True, slots=True)
class CovidTest:
    """One COVID-19 test: its result, and its day minus the day of the record's study.

    Negative days mean that the test came before the study (the sign of the MIDRC dictionary).
    Where no table says on which day the study was, days count from the patient's index event and
    ``from_study`` is false: how far the test was from the study is then not known.
    """

    result: str
    days_from_index: int
    from_study: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalRecord:
    """What the tables say of one study, or of all studies of a patient (``study_uid`` empty)."""

    patient_id: str
    study_uid: str
    age: int | None
    sex: str
    race: str
    ethnicity: str
    site: str
    tests: tuple[CovidTest, ...]
    findings: Mapping[str, str]


_MOST_SHARED = 100_000
_STUDY_OF_SERIES = ("study_uid", "imaging_studies.submitter_id")
_BOOKKEEPING = frozenset(
    {
        "type",
        "id",
        "project_id",
        "submitter_id",
        "core_metadata_collections.submitter_id",
        "imaging_studies.submitter_id",
        "file_name",
        "file_size",
        "file_state",
        "md5sum",
        "object_id",
        "storage_urls",
        "state",
        "created_datetime",
        "updated_datetime",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line of a table in our words; "Not Reported" or None where it does not say."""

    place: Place
    patient_id: str
    study_uid: str
    age: int | None
    sex: str
    race: str
    ethnicity: str
    site: str
    study_day: int | None
    tests: tuple[CovidTest, ...]
    findings: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Test:
    """One line of a table of tests; days from the study (``of_study``) or the index event."""

    patient_id: str
    study_uid: str
    test: CovidTest
    of_study: bool


@dataclass(frozen=True, slots=True)
class _Many:
    """One of the many rows of a series, a condition and the like."""

    patient_id: str
    study_uid: str
    findings: dict[str, str]


@dataclass(slots=True)
class _Gathered:
    """Everything about one (patient, study), and the place that said each thing first."""

    values: dict[str, tuple[str | int, Place]] = field(default_factory=dict)
    findings: dict[str, tuple[str, Place]] = field(default_factory=dict)
    many: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    index_tests: set[CovidTest] = field(default_factory=set)
    study_tests: set[CovidTest] = field(default_factory=set)


def read(*tables: Path, columns: Mapping[str, str] | None = None) -> list[ClinicalRecord]:
    """Join clinical tables into records, ordered by patient and study.

    A table is read by its header: the names of MIDRC's nodes and the common ones of public image
    sets; ``columns`` says where a table of other origin has a field of ``MAPPABLE`` (a table
    without that column is read as if nothing had been said).

    - A table with ``test_result_text`` is a list of COVID-19 tests.
    - A table of series, conditions, procedures and the like has many rows for one study or
      patient, and so has one with a row for each finding or box: their values are findings, each
      once, joined by ``|``.
    - Any other table has one row for each patient or study; its other columns are findings,
      verbatim, but for lists (``name_0``, ``name_1``: joined by ``|``) and modalities (``CR,DX``).
    - A table may name studies alone; their patients come from the other tables, else the record's
      ``patient_id`` is empty and the image headers know it.

    A record of one study already carries what the tables say of its patient; a record with an
    empty ``study_uid`` speaks for the patient's other studies.  That a patient was ever positive
    (``covid19_positive``) is a finding and never a test.

    Raises ``ClinicalError`` where a column is missing, a value is none that its column can have,
    two rows contradict each other, or one patient has two sexes.
    """
    refuse_unknown_fields(columns or {}, "column map")
    rows: list[_Row] = []
    tests: list[_Test] = []
    many: list[_Many] = []
    there: set[str] = set()
    for table in tables:
        header, lines = open_table(table, columns or {})
        there.update(map(key, header.names))
        if header.has("test_result"):
            tests += [found for place, line in lines if (found := _test(place, header, line))]
        elif header.many:
            these = [_many(place, header, line) for place, line in lines]
            many += these
            if any(map(header.has, _OF_PERSON)):  # who it is does not differ from line to line
                rows += [
                    replace(_row(place, header, line), study_uid=one.study_uid, findings={})
                    for one, (place, line) in zip(these, lines, strict=True)
                ]
        else:
            rows += [_row(place, header, line) for place, line in lines]
    for name, column in (columns or {}).items():
        if there and key(column) not in there:
            raise ClinicalError(
                f"column map: {name} is {column!r}, which no table has; name one of its columns"
            )
    if not rows and not tests and not many:
        names = ", ".join(table.name for table in tables) or "no table"
        raise ClinicalError(f"{names}: no rows; expected one line for each patient or study")
    every: list[_Row | _Test | _Many] = [*rows, *tests, *many]
    owners = {one.study_uid: one.patient_id for one in every if one.study_uid and one.patient_id}
    rows, tests, many = (_owned(rows, owners), _owned(tests, owners), _owned(many, owners))
    _refuse_two_sexes(rows)
    return _records(rows, tests, many)


_OF_PERSON = (
    "age", "over_89", "sex", "race", "ethnicity", "race_ethnicity", "site", "study_day",
    "positive_days", "negative_days",
)  # fmt: skip
"""Fields of a person or a study that a table of many lines for each may repeat."""

_Line = TypeVar("_Line", _Row, _Test, _Many)


def _owned(lines: Sequence[_Line], owners: Mapping[str, str]) -> list[_Line]:
    """Lines that know their study alone, with the patient that another table gives it."""
    return [
        line if line.patient_id else replace(line, patient_id=owners.get(line.study_uid, ""))
        for line in lines
    ]


# Reading a table


def _row(place: Place, header: Header, line: Sequence[str]) -> _Row:
    patient_id, study_uid = _keys(place, header, line)
    race, ethnicity, combined = header.once(
        ("race", "ethnicity", "race_ethnicity"), line, lambda: _race(place, header, line)
    )
    findings = header.findings(line)
    if combined:
        findings["race_ethnicity"] = combined
    return _Row(
        place=place,
        patient_id=patient_id,
        study_uid=study_uid,
        age=header.once(("age", "over_89"), line, lambda: _age(place, header, line)),
        sex=header.once(("sex",), line, lambda: cells.sex(place, header.first("sex", line))),
        race=race,
        ethnicity=ethnicity,
        site=header.first("site", line) or NOT_REPORTED,
        study_day=header.once(("study_day",), line, lambda: _study_day(place, header, line)),
        tests=header.once(
            ("positive_days", "negative_days"),
            line,
            lambda: (
                *_tests_of_study(place, header, line, "positive_days", "Positive"),
                *_tests_of_study(place, header, line, "negative_days", "Negative"),
            ),
        ),
        findings=findings,
    )


def _race(place: Place, header: Header, line: Sequence[str]) -> tuple[str, str, str]:
    """Race, ethnicity, and the combined answer from which they come where nothing else says."""
    race = cells.race(place, header.first("race", line))
    ethnicity = cells.ethnicity(place, header.first("ethnicity", line))
    combined = cells.listed([text for _, text in header.said("race_ethnicity", line)])
    if combined:
        from_combined = cells.race_and_ethnicity(place, combined)
        race = from_combined[0] if race == NOT_REPORTED else race
        ethnicity = from_combined[1] if ethnicity == NOT_REPORTED else ethnicity
    return race, ethnicity, "|".join(combined)


def _study_day(place: Place, header: Header, line: Sequence[str]) -> int | None:
    return cells.day(place, "days_to_study", header.first("study_day", line))


def _tests_of_study(
    place: Place, header: Header, line: Sequence[str], field: str, result: str
) -> list[CovidTest]:
    column = NAMES[field][0]
    texts = cells.listed([text for _, text in header.said(field, line)])
    days = (cells.day(place, column, text) for text in texts)
    return [CovidTest(result, day) for day in days if day is not None]


def _test(place: Place, header: Header, line: Sequence[str]) -> _Test | None:
    """One line of a table of tests; None for another test than COVID-19's, or one without a day."""
    name = header.first("test_name", line).upper()
    if name and not any(word in name for word in ("COVID", "SARS")):
        return None
    patient_id, study_uid = _keys(place, header, line)
    result = cells.test_result(place, header.first("test_result", line))
    day = cells.day(place, "test_days_from_index", header.first("test_day", line))
    if day is not None:
        return _Test(patient_id, study_uid, CovidTest(result, day), of_study=False)
    before = cells.day(place, "days_from_test_to_study", header.first("test_before_study", line))
    if before is None:
        return None
    return _Test(patient_id, study_uid, CovidTest(result, -before), of_study=True)


def _many(place: Place, header: Header, line: Sequence[str]) -> _Many:
    patient_id, study_uid = _keys(place, header, line)
    study_uid = study_uid or next(iter(header.under(_STUDY_OF_SERIES, line)), "")
    findings = header.findings(line)
    return _Many(
        patient_id,
        study_uid,
        {name: text for name, text in findings.items() if text and name not in _BOOKKEEPING},
    )


def _keys(place: Place, header: Header, line: Sequence[str]) -> tuple[str, str]:
    """Patient and study of a line; the patient empty in a table that knows studies alone."""
    studies = dict(header.said("study", line)).values()
    if len(set(studies)) > 1:
        raise ClinicalError(f"{place}: {len(set(studies))} study UIDs; give each study its own row")
    study_uid = next(iter(studies), "")
    if not header.has("patient"):
        if not study_uid:
            raise ClinicalError(f"{place}: no study UID; the table names no patient: give one")
        return "", study_uid
    said = header.said("patient", line)
    patients = [text for _, text in said[:1]]
    if said and _stem(said[0][0]) == "case_ids":  # a list, whose items must all be one patient
        patients = cells.listed([text for name, text in said if _stem(name) == "case_ids"])
    if len(patients) != 1:
        raise ClinicalError(
            f"{place}: {len(patients)} patient ids; expected one, give each row its patient"
        )
    return patients[0], study_uid


@lru_cache(maxsize=1024)
def _stem(name: str) -> str:
    return re.sub(r"_\d+$", "", name.lower().lstrip("*"))


def _age(place: Place, header: Header, line: Sequence[str]) -> int | None:
    """Whole years at imaging, else at the index event; 90 where the table says only 'over 89'."""
    for column, text in header.said("age", line):
        age = cells.age(place, column, text)
        if age is not None:
            return age
    withheld = any(cells.over_89(text) for _, text in header.said("over_89", line))
    return TOP_CODED if withheld else None


# Joining


def _refuse_two_sexes(rows: Iterable[_Row]) -> None:
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


def _records(
    rows: Sequence[_Row], tests: Sequence[_Test], many: Sequence[_Many]
) -> list[ClinicalRecord]:
    lone, gathered = _lone_and_gathered(rows)

    def joined(key: tuple[str, str]) -> _Gathered:
        """What there is of a (patient, study), to add to."""
        if key in lone:
            gathered[key] = _of_row(lone.pop(key))
        return gathered.setdefault(key, _Gathered())

    for test in tests:
        if test.study_uid:
            own = joined((test.patient_id, test.study_uid))
            (own.study_tests if test.of_study else own.index_tests).add(test.test)
    for one in many:
        if one.study_uid:
            _add_many(joined((one.patient_id, one.study_uid)), one)
    described = {patient_id for patient_id, _ in (*lone, *gathered)}
    of_patient: dict[str, _Gathered] = defaultdict(_Gathered)
    for test in tests:
        if not test.study_uid:
            of_patient[test.patient_id].index_tests.add(test.test)
    for one in many:
        if not one.study_uid:
            _add_many(of_patient[one.patient_id], one)
    for patient_id in of_patient.keys() - described:
        gathered[patient_id, ""] = _Gathered()
    nothing = _Gathered()

    def found(key: tuple[str, str]) -> _Gathered:
        return _of_row(lone[key]) if key in lone else gathered.get(key, nothing)

    shared: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    records = []
    for about in sorted((*lone, *gathered)):
        patient = about[0], ""
        apart = about == patient or (patient not in lone and patient not in gathered)
        if about in lone and apart and about[0] not in of_patient:
            record = _record_of_row(lone[about])
        else:
            record = _record(about, found(about), found(patient), of_patient.get(about[0], nothing))
        # Many rows say the same: what they say is kept once.
        findings = shared.setdefault(tuple(record.findings.items()), record.findings)
        records.append(
            record if findings is record.findings else replace(record, findings=findings)
        )
        if len(shared) > _MOST_SHARED:
            shared.clear()
    return records


def _record_of_row(row: _Row) -> ClinicalRecord:
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


def _lone_and_gathered(
    rows: Iterable[_Row],
) -> tuple[dict[tuple[str, str], _Row], dict[tuple[str, str], _Gathered]]:
    """The rows that alone speak of their (patient, study), which need less room, and the others."""
    lone: dict[tuple[str, str], _Row] = {}
    gathered: dict[tuple[str, str], _Gathered] = {}
    for row in rows:
        key = row.patient_id, row.study_uid
        if key in lone:
            gathered[key] = _of_row(lone.pop(key))
        if key in gathered:
            _gather(gathered[key], row)
        else:
            lone[key] = row
    return lone, gathered


def _of_row(row: _Row) -> _Gathered:
    own = _Gathered()
    _gather(own, row)
    return own


def _gather(into: _Gathered, row: _Row) -> None:
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
        elif text and text != known_text and column not in _BOOKKEEPING:
            raise _contradiction(row, column, text, place, known_text)
    into.study_tests.update(row.tests)


def _add_many(into: _Gathered, one: _Many) -> None:
    for column, text in one.findings.items():
        into.many[column].update(text.split("|"))


def _contradiction(row: _Row, column: str, value: str, place: Place, known: str) -> ClinicalError:
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
