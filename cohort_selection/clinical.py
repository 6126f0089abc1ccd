"""Clinical tables (MIDRC / Gen3 exports, any CSV with a header) to records."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from cohort_selection.header import OLDEST, years

NOT_REPORTED = "Not Reported"
TOP_CODED = 90
"""Years given to a patient whose age is withheld because it is above 89 (HIPAA Safe Harbor)."""


class ClinicalError(ValueError):
    """A clinical table that cannot be read as one: names the file, the line and the column."""


@dataclass(frozen=True, slots=True)
class CovidTest:
    """One COVID-19 test: its result, and its day minus the day of the record's study.

    Negative days mean that the test came before the study (the sign of the MIDRC dictionary).
    Where no table says on which day the study was, days count from the patient's index event.
    """

    result: str
    days_from_index: int


@dataclass(frozen=True, slots=True)
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


# The only place that knows column names.  Earlier names win: in a study-level download
# submitter_id is the study's and case_ids the patient's.
_PATIENT = ("case_ids", "cases.submitter_id", "patient_id", "patientid", "patient", "submitter_id")
_STUDY = ("study_uid", "studyinstanceuid", "study_instance_uid")
_AGE = ("age_at_imaging", "age_at_index", "age", "patient_age", "patientage")
_OVER_89 = ("age_at_imaging_gt89", "age_at_index_gt89")
_SEX = ("sex", "patient_sex", "patientsex", "gender", "patient gender")
_RACE = ("race",)
_ETHNICITY = ("ethnicity",)
_SITE = ("site_id", "site")
_RESULT = ("test_result_text",)
_TEST_DAY = ("test_days_from_index",)
_TEST_NAME = ("test_name",)
_STUDY_DAY = ("days_to_study",)

_UNKNOWN = frozenset(
    {
        "",
        "?",
        "-",
        "declined",
        "n/a",
        "na",
        "nan",
        "none",
        "not available",
        "not reported",
        "not specified",
        "null",
        "u",
        "undefined",
        "unk",
        "unknown",
    }
)
_SEXES = {"f": "Female", "female": "Female", "m": "Male", "male": "Male"} | dict.fromkeys(
    ("o", "other"), "Other"
)
_NATIVE = "American Indian or Alaska Native"
_BLACK = "Black or African American"
_PACIFIC = "Native Hawaiian or other Pacific Islander"
_RACES = {
    "american indian or alaska native": _NATIVE,
    "american indian and alaska native": _NATIVE,
    "american indian/alaska native": _NATIVE,
    "asian": "Asian",
    "black": _BLACK,
    "black or african american": _BLACK,
    "black/african american": _BLACK,
    "african american": _BLACK,
    "native hawaiian or other pacific islander": _PACIFIC,
    "native hawaiian and other pacific islander": _PACIFIC,
    "native hawaiian or pacific islander": _PACIFIC,
    "native hawaiian/other pacific islander": _PACIFIC,
    "other": "Other",
    "white": "White",
}
_ETHNICITIES = {
    "hispanic": "Hispanic or Latino",
    "hispanic or latino": "Hispanic or Latino",
    "hispanic/latino": "Hispanic or Latino",
    "not hispanic": "Not Hispanic or Latino",
    "non-hispanic": "Not Hispanic or Latino",
    "not hispanic or latino": "Not Hispanic or Latino",
    "not hispanic/latino": "Not Hispanic or Latino",
}
_RESULTS = {
    "positive": "Positive",
    "negative": "Negative",
    "indeterminate": "Indeterminate",
}

# MIDRC's tools write 890 for "over 89" and 999 for "unknown"; 139 was an older "over 89".
_AGE_CODES: Mapping[int, int | None] = {139: TOP_CODED, 890: TOP_CODED, 999: None}


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a table, for messages."""

    table: str
    line: int

    def __str__(self) -> str:
        return f"{self.table} line {self.line}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a table in our words; None where the table has no such column."""

    place: _Place
    patient_id: str
    study_uid: str
    age: int | None
    sex: str
    race: str
    ethnicity: str
    site: str
    study_day: int | None
    findings: dict[str, str]


@dataclass(slots=True)
class _Gathered:
    """All rows of one (patient, study), and the place that said each thing first."""

    values: dict[str, tuple[str | int, _Place]] = field(default_factory=dict)
    findings: dict[str, tuple[str, _Place]] = field(default_factory=dict)
    tests: set[CovidTest] = field(default_factory=set)


def read(*tables: Path) -> list[ClinicalRecord]:
    """Join clinical tables into records, ordered by patient and study.

    A table is read by its header: MIDRC's names and the common ones of public image sets.  A table
    with ``test_result_text`` is a list of COVID-19 tests; every other column of any other table is
    kept verbatim as a finding.  A record of one study already carries what the tables say of its
    patient; a record with an empty ``study_uid`` speaks for the patient's other studies.

    Raises ``ClinicalError`` where a column is missing, a value is none that its column can have,
    two rows contradict each other, or one patient has two sexes.
    """
    rows: list[_Row] = []
    tests: list[tuple[str, str, CovidTest]] = []
    for table in tables:
        header, lines = _open(table)
        if header.find(_RESULT):
            tests += [found for place, line in lines if (found := _test(place, header, line))]
        else:
            rows += [_row(place, header, line) for place, line in lines]
    if not rows and not tests:
        names = ", ".join(table.name for table in tables) or "no table"
        raise ClinicalError(f"{names}: no rows; expected one line for each patient or study")
    _refuse_two_sexes(rows)
    return _records(rows, tests)


# Reading a table


class _Header:
    """Which columns a table has, arrays flattened to ``name_0, name_1 ...`` put together again."""

    def __init__(self, table: str, names: Sequence[str]) -> None:
        self.table = table
        self.names = names
        self._columns: dict[str, list[int]] = {}
        known = {*_PATIENT, *_STUDY, *_AGE, *_OVER_89, *_SEX, *_RACE, *_ETHNICITY, *_SITE}
        known |= {*_RESULT, *_TEST_DAY, *_TEST_NAME, *_STUDY_DAY}
        for position, name in enumerate(names):
            plain = name.lower().lstrip("*")
            flattened = re.fullmatch(r"(.+?)_(\d+)", plain)
            if flattened and flattened[1] in known:
                plain = flattened[1]
            self._columns.setdefault(plain, []).append(position)
        self._used: set[int] = set()
        for aliases in (_PATIENT, _STUDY, _SEX, _RACE, _ETHNICITY, _SITE):
            self._used.update(self.find(aliases))
        for alias in (*_AGE, *_OVER_89, *_STUDY_DAY):
            self._used.update(self._columns.get(alias, ()))

    def find(self, aliases: Sequence[str]) -> list[int]:
        """Positions of the first of ``aliases`` that the table has; none where it has none."""
        return next((self._columns[name] for name in aliases if name in self._columns), [])

    def require(self, aliases: Sequence[str], what: str) -> list[int]:
        """As ``find``, but an absent column is an error."""
        found = self.find(aliases)
        if not found:
            shown = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
            raise ClinicalError(
                f"{self.table} line 1: no column for {what}; found {shown}; "
                f"name one of them {' or '.join(aliases)}"
            )
        return found

    def all_of(self, aliases: Sequence[str], line: Sequence[str]) -> list[str]:
        """Every value under the aliases that is not blank, in the order of the aliases."""
        positions = [place for name in aliases for place in self._columns.get(name, ())]
        return [line[place] for place in positions if line[place]]

    def findings(self, line: Sequence[str]) -> dict[str, str]:
        """The columns that are nobody else's, verbatim."""
        return {
            name: line[position]
            for position, name in enumerate(self.names)
            if name and position not in self._used
        }


def _open(table: Path) -> tuple[_Header, list[tuple[_Place, list[str]]]]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ClinicalError(
            f"{table.name}: byte {error.start} is not UTF-8; save the table as UTF-8 text"
        ) from error
    except FileNotFoundError as error:
        raise ClinicalError(f"{table}: no such file; give a CSV or TSV table") from error
    if "\x00" in text:
        raise ClinicalError(f"{table.name}: not a text table; export it as CSV or TSV")
    first = text.partition("\n")[0]
    if not first.strip():
        raise ClinicalError(f"{table.name} line 1: no header; expected column names")
    delimiter = "\t" if "\t" in first else (";" if first.count(";") > first.count(",") else ",")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    names = [name.strip() for name in next(reader)]
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise ClinicalError(f"{table.name} line 1: two columns are named {name!r}; rename one")
        seen.add(name)
    header = _Header(table.name, names)
    header.require(_PATIENT, "the patient")
    if header.find(_RESULT):
        header.require(_TEST_DAY, "the day of the test")
    lines: list[tuple[_Place, list[str]]] = []
    for line in reader:
        place = _Place(table.name, reader.line_num)
        if not any(cell.strip() for cell in line):
            continue
        if len(line) > len(names):
            raise ClinicalError(
                f"{place}: {len(line)} fields, but the header names {len(names)} columns; "
                "quote the field that holds a separator"
            )
        filled = zip_longest(names, line, fillvalue="")
        lines.append((place, [cell.strip() for _, cell in filled]))
    return header, lines


def _row(place: _Place, header: _Header, line: Sequence[str]) -> _Row:
    patient_id, study_uid = _keys(place, header, line)
    return _Row(
        place=place,
        patient_id=patient_id,
        study_uid=study_uid,
        age=_age(place, header, line),
        sex=_category(place, "sex", header.all_of(_SEX, line), _SEXES),
        race=_category(place, "race", header.all_of(_RACE, line), _RACES),
        ethnicity=_category(place, "ethnicity", header.all_of(_ETHNICITY, line), _ETHNICITIES),
        site=next(iter(header.all_of(_SITE, line)), ""),
        study_day=_day(place, "days_to_study", header.all_of(_STUDY_DAY, line)),
        findings=header.findings(line),
    )


def _test(place: _Place, header: _Header, line: Sequence[str]) -> tuple[str, str, CovidTest] | None:
    """One line of a table of tests; None for another test than COVID-19's, or one without a day."""
    name = " ".join(header.all_of(_TEST_NAME, line)).upper()
    if name and not any(word in name for word in ("COVID", "SARS")):
        return None
    patient_id, study_uid = _keys(place, header, line)
    day = _day(place, "test_days_from_index", header.all_of(_TEST_DAY, line))
    result = _category(place, "test_result_text", header.all_of(_RESULT, line), _RESULTS)
    if day is None:
        return None
    return patient_id, study_uid, CovidTest(result or NOT_REPORTED, day)


def _keys(place: _Place, header: _Header, line: Sequence[str]) -> tuple[str, str]:
    patients = {line[position] for position in header.find(_PATIENT)} - {""}
    if len(patients) != 1:
        raise ClinicalError(
            f"{place}: {len(patients)} patient ids; expected one, give each row its patient"
        )
    studies = {line[position] for position in header.find(_STUDY)} - {""}
    if len(studies) > 1:
        raise ClinicalError(f"{place}: {len(studies)} study UIDs; give each study its own row")
    return patients.pop(), studies.pop() if studies else ""


def _category(place: object, column: str, texts: Sequence[str], known: Mapping[str, str]) -> str:
    """The MIDRC value of a category; empty where it is not reported."""
    for text in texts:
        key = " ".join(text.lower().split())
        if key in _UNKNOWN:
            continue
        if key not in known:
            allowed = ", ".join(dict.fromkeys(known.values()))
            raise ClinicalError(
                f"{place}: {column} is {text!r}; expected {allowed}, "
                f"or {NOT_REPORTED} (or empty) where unknown"
            )
        return known[key]
    return ""


def _age(place: _Place, header: _Header, line: Sequence[str]) -> int | None:
    """Whole years at imaging, else at the index event; 90 where the table says only 'over 89'."""
    for column in _AGE:
        for text in header.all_of((column,), line):
            age = _years(place, column, text)
            if age is not None:
                return age
    withheld = any(text.lower() in {"yes", "true", "1"} for text in header.all_of(_OVER_89, line))
    return TOP_CODED if withheld else None


def _years(place: object, column: str, text: str) -> int | None:
    if text.lower() in _UNKNOWN:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number in _AGE_CODES:
        return _AGE_CODES[int(number)]
    age = int(number) if number.is_integer() and 0 <= number <= OLDEST else years(text)
    if age is None:
        raise ClinicalError(
            f"{place}: {column} is {text!r}; give whole years from 0 to {OLDEST}, "
            "or leave it empty if unknown"
        )
    return age


def _day(place: _Place, column: str, texts: Sequence[str]) -> int | None:
    for text in texts:
        if text.lower() in _UNKNOWN:
            continue
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not number.is_integer():
            raise ClinicalError(f"{place}: {column} is {text!r}; give a whole number of days")
        return int(number)
    return None


# One cell, for tables of another layout


def parse_age(place: str, column: str, text: str) -> int | None:
    """Whole years; None where unknown.  Raises ``ClinicalError`` naming ``place``."""
    return _years(place, column, text)


def parse_sex(place: str, text: str) -> str:
    """MIDRC's word for a sex, "Not Reported" where unknown; raises ``ClinicalError``."""
    return _category(place, "sex", [text], _SEXES) or NOT_REPORTED


def parse_race(place: str, text: str) -> str:
    """MIDRC's word for a race, "Not Reported" where unknown; raises ``ClinicalError``."""
    return _category(place, "race", [text], _RACES) or NOT_REPORTED


def parse_ethnicity(place: str, text: str) -> str:
    """MIDRC's word for an ethnicity, "Not Reported" where unknown; raises ``ClinicalError``."""
    return _category(place, "ethnicity", [text], _ETHNICITIES) or NOT_REPORTED


# Joining


def _refuse_two_sexes(rows: Iterable[_Row]) -> None:
    seen: dict[str, tuple[str, _Place]] = {}
    for row in rows:
        if not row.sex:
            continue
        sex, place = seen.setdefault(row.patient_id, (row.sex, row.place))
        if sex != row.sex:
            raise ClinicalError(
                f"{row.place}: sex is {row.sex}, but {place} says {sex} for the same patient; "
                "correct one of the two, or give two patients two ids"
            )


def _records(
    rows: Sequence[_Row], tests: Sequence[tuple[str, str, CovidTest]]
) -> list[ClinicalRecord]:
    gathered: dict[tuple[str, str], _Gathered] = {}
    for row in rows:
        _gather(gathered.setdefault((row.patient_id, row.study_uid), _Gathered()), row)
    of_patient: dict[str, set[CovidTest]] = defaultdict(set)
    described = {patient_id for patient_id, _ in gathered}
    for patient_id, study_uid, test in tests:
        if study_uid:
            gathered.setdefault((patient_id, study_uid), _Gathered()).tests.add(test)
        else:
            of_patient[patient_id].add(test)
    for patient_id in of_patient.keys() - described:
        gathered.setdefault((patient_id, ""), _Gathered())
    nothing = _Gathered()
    return [
        _record(
            key, gathered[key], gathered.get((key[0], ""), nothing), of_patient.get(key[0], set())
        )
        for key in sorted(gathered)
    ]


def _gather(into: _Gathered, row: _Row) -> None:
    for column, value in (
        ("age", row.age),
        ("sex", row.sex),
        ("race", row.race),
        ("ethnicity", row.ethnicity),
        ("site", row.site),
        ("days_to_study", row.study_day),
    ):
        if value is not None and value != "":
            known, place = into.values.setdefault(column, (value, row.place))
            if known != value:
                raise _contradiction(row, column, str(value), place, str(known))
    for column, text in row.findings.items():
        known_text, place = into.findings.setdefault(column, (text, row.place))
        if not known_text:
            into.findings[column] = (text, row.place)
        elif text and text != known_text:
            raise _contradiction(row, column, text, place, known_text)


def _contradiction(row: _Row, column: str, value: str, place: _Place, known: str) -> ClinicalError:
    what = "study" if row.study_uid else "patient"
    advice = (
        "keep one of the two rows"
        if row.study_uid
        else "keep one of the two rows, or add a column study_uid if they are two studies"
    )
    return ClinicalError(
        f"{row.place}: {column} is {value!r}, but {place} says {known!r} for the same {what}; "
        f"{advice}"
    )


def _record(
    key: tuple[str, str], own: _Gathered, of_patient: _Gathered, tests: set[CovidTest]
) -> ClinicalRecord:
    """One record: what its own rows say, then what the patient's rows say."""
    values = of_patient.values | own.values
    findings = {column: text for column, (text, _) in of_patient.findings.items()}
    findings.update(
        (column, text)
        for column, (text, _) in own.findings.items()
        if text or column not in findings
    )
    study_day = own.values.get("days_to_study", (0, None))[0]
    days = int(study_day) if key[1] else 0
    if "days_to_study" in values:
        findings["days_to_study"] = str(values["days_to_study"][0])
    shifted = {CovidTest(test.result, test.days_from_index - days) for test in own.tests | tests}
    age = values.get("age")
    return ClinicalRecord(
        patient_id=key[0],
        study_uid=key[1],
        age=int(age[0]) if age is not None else None,
        sex=_said(values, "sex"),
        race=_said(values, "race"),
        ethnicity=_said(values, "ethnicity"),
        site=_said(values, "site"),
        tests=tuple(sorted(shifted, key=lambda test: (test.days_from_index, test.result))),
        findings=findings,
    )


def _said(values: Mapping[str, tuple[str | int, _Place]], column: str) -> str:
    return str(values[column][0]) if column in values else NOT_REPORTED
