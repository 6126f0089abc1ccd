"""Clinical tables (MIDRC / Gen3 exports, any CSV with a header) to records."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from cohort_selection import clinical_cells as cells
from cohort_selection.clinical_cells import NOT_REPORTED, TOP_CODED, ClinicalError

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


# The only place that knows column names: what we call a field, and how tables call it, in lower
# case.  Earlier names win: in a study-level download submitter_id is the study's and case_ids the
# patient's.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "patient": (
        "case_ids",
        "cases.submitter_id",
        "patient_id",
        "patientid",
        "patient",
        "submitter_id",
    ),
    "study": ("study_uid", "studyinstanceuid", "study_instance_uid"),
    "age": ("age_at_imaging", "age_at_index", "age", "patient_age", "patientage"),
    "over_89": ("age_at_imaging_gt89", "age_at_index_gt89"),
    "sex": ("sex", "patient_sex", "patientsex", "gender", "patient gender"),
    "race": ("race",),
    "ethnicity": ("ethnicity",),
    "race_ethnicity": ("race_ethnicity",),
    "site": ("site_id", "site"),
    "study_day": ("days_to_study",),
    "test_name": ("test_name",),
    "test_result": ("test_result_text",),
    "test_day": ("test_days_from_index",),
    # Two signs are in use: the dictionary's, test minus study, and that of MIDRC's challenge
    # notebook, study minus test.
    "test_before_study": ("days_from_test_to_study",),
    "positive_days": ("days_from_study_to_pos_covid_test",),
    "negative_days": ("days_from_study_to_neg_covid_test",),
}
MAPPABLE = ("patient", "study", "age", "sex", "race", "ethnicity", "site", "study_day")
"""Fields that ``read`` can be told the column of."""

# Lists in the MIDRC dictionary, or made lists by the portal; exports flatten them to name_0, ...
_LISTS = frozenset(
    {
        "associated_ids",
        "body_part_examined",
        "data_category",
        "data_format",
        "data_type",
        "image_type",
        "imager_pixel_spacing",
        "index_event",
        "linked_external_data",
        "modality",
        "object_id",
        "pixel_spacing",
        "race_ethnicity_detail",
        "study_modality",
        "view_position",
        "zip",
    }
)
_MODALITIES = frozenset({"modality", "study_modality"})

# Nodes that have many rows for one patient or study, by their type or by a column of their own.
_MANY_TYPES = frozenset(
    {"annotation", "condition", "medication", "observation", "procedure", "visit"}
)
_MANY_COLUMNS = frozenset({"series_uid", "condition_code", "condition_name", "procedure_name"})
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


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a table, for messages."""

    table: str
    line: int

    def __str__(self) -> str:
        return f"{self.table} line {self.line}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a table in our words; "Not Reported" or None where it does not say."""

    place: _Place
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
    """All rows of one (patient, study), and the place that said each thing first."""

    values: dict[str, tuple[str | int, _Place]] = field(default_factory=dict)
    findings: dict[str, tuple[str, _Place]] = field(default_factory=dict)
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
      patient: their values are findings, each once, joined by ``|``.
    - Any other table has one row for each patient or study; its other columns are findings,
      verbatim, but for lists (``name_0``, ``name_1``: joined by ``|``) and modalities (``CR,DX``).

    A record of one study already carries what the tables say of its patient; a record with an
    empty ``study_uid`` speaks for the patient's other studies.  That a patient was ever positive
    (``covid19_positive``) is a finding and never a test.

    Raises ``ClinicalError`` where a column is missing, a value is none that its column can have,
    two rows contradict each other, or one patient has two sexes.
    """
    for name in columns or {}:
        if name not in MAPPABLE:
            raise ClinicalError(f"column map: {name!r} is unknown; expected {', '.join(MAPPABLE)}")
    rows: list[_Row] = []
    tests: list[_Test] = []
    many: list[_Many] = []
    for table in tables:
        header, lines = _open(table, columns or {})
        if header.has("test_result"):
            tests += [found for place, line in lines if (found := _test(place, header, line))]
        elif header.many:
            many += [_many(place, header, line) for place, line in lines]
        else:
            rows += [_row(place, header, line) for place, line in lines]
    if not rows and not tests and not many:
        names = ", ".join(table.name for table in tables) or "no table"
        raise ClinicalError(f"{names}: no rows; expected one line for each patient or study")
    _refuse_two_sexes(rows)
    return _records(rows, tests, many)


# Reading a table


class _Header:
    """Which columns a table has; lists that were flattened are put together again."""

    def __init__(self, table: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
        self.table = table
        self.names = names
        self.many = False
        known = {name for aliases in _NAMES.values() for name in aliases} | _LISTS
        self._columns: dict[str, list[int]] = {}
        for position, name in enumerate(names):
            plain = name.lower().lstrip("*")
            flattened = re.fullmatch(r"(.+?)_(\d+)", plain)
            if flattened and flattened[1] in known:
                plain = flattened[1]
            self._columns.setdefault(plain, []).append(position)
        self._aliases = {
            field: (columns[field].lower(),)
            if field in columns and columns[field].lower() in self._columns
            else aliases
            for field, aliases in _NAMES.items()
        }
        self._positions = {field: self._under(names) for field, names in self._aliases.items()}
        self._findings = self._plan_findings()

    def _under(self, names: Iterable[str]) -> list[int]:
        return [position for name in names for position in self._columns.get(name, ())]

    def _plan_findings(self) -> list[tuple[str, list[int]]]:
        """Names and positions of the columns that are nobody else's.

        Of the columns that can name a patient only the one that does is taken: submitter_id is a
        finding where it is the study's.
        """
        taken = {name for field in _NAMES if field != "patient" for name in self._aliases[field]}
        taken.update([name for name in self._aliases["patient"] if name in self._columns][:1])
        return [
            (
                plain if plain in _LISTS else self.names[positions[0]].lstrip("*"),
                positions,
            )
            for plain, positions in self._columns.items()
            if plain and plain not in taken
        ]

    def has(self, field: str) -> bool:
        """Whether a column says this."""
        return bool(self._positions[field])

    def require(self, field: str, what: str) -> None:
        """Raise ``ClinicalError`` where no column says this."""
        if not self.has(field):
            shown = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
            raise ClinicalError(
                f"{self.table} line 1: no column for {what}; found {shown}; "
                f"name one of them {' or '.join(self._aliases[field])}"
            )

    def said(self, field: str, line: Sequence[str]) -> list[tuple[str, str]]:
        """Column and text of every cell for a field that is not blank, best column first."""
        return [
            (self.names[position], line[position])
            for position in self._positions[field]
            if line[position]
        ]

    def first(self, field: str, line: Sequence[str]) -> str:
        """The first text for a field that says something; empty where none does."""
        for position in self._positions[field]:
            if not cells.is_unknown(line[position]):
                return line[position]
        return ""

    def under(self, names: Iterable[str], line: Sequence[str]) -> list[str]:
        """Texts that are not blank in the columns of these names."""
        return [line[position] for position in self._under(names) if line[position]]

    def findings(self, line: Sequence[str]) -> dict[str, str]:
        """The columns that are nobody else's."""
        found: dict[str, str] = {}
        for name, positions in self._findings:
            if name in _MODALITIES:
                found[name] = cells.modalities([line[position] for position in positions])
            elif len(positions) == 1:
                found[name] = line[positions[0]]
            else:
                texts = (line[position] for position in positions)
                found[name] = "|".join(dict.fromkeys(text for text in texts if text))
        return found


def _open(
    table: Path, columns: Mapping[str, str]
) -> tuple[_Header, list[tuple[_Place, list[str]]]]:
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
    header = _Header(table.name, names, columns)
    header.require("patient", "the patient")
    if header.has("test_result") and not header.has("test_before_study"):
        header.require("test_day", "the day of the test")
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
        lines.append((place, [c.strip() for _, c in zip_longest(names, line, fillvalue="")]))
    header.many = _has_many_rows(header, lines)
    return header, lines


def _has_many_rows(header: _Header, lines: Sequence[tuple[_Place, list[str]]]) -> bool:
    types = {text for _, line in lines for text in header.under(("type",), line)}
    if types:
        return all(name in _MANY_TYPES or name.endswith("_file") for name in types)
    return any(name.lower().lstrip("*") in _MANY_COLUMNS for name in header.names)


def _row(place: _Place, header: _Header, line: Sequence[str]) -> _Row:
    patient_id, study_uid = _keys(place, header, line)
    race = cells.race(place, header.first("race", line))
    ethnicity = cells.ethnicity(place, header.first("ethnicity", line))
    combined = cells.listed([text for _, text in header.said("race_ethnicity", line)])
    findings = header.findings(line)
    if combined:
        findings["race_ethnicity"] = "|".join(combined)
        from_combined = cells.race_and_ethnicity(place, combined)
        race = from_combined[0] if race == NOT_REPORTED else race
        ethnicity = from_combined[1] if ethnicity == NOT_REPORTED else ethnicity
    return _Row(
        place=place,
        patient_id=patient_id,
        study_uid=study_uid,
        age=_age(place, header, line),
        sex=cells.sex(place, header.first("sex", line)),
        race=race,
        ethnicity=ethnicity,
        site=header.first("site", line) or NOT_REPORTED,
        study_day=cells.day(place, "days_to_study", header.first("study_day", line)),
        tests=(
            *_tests_of_study(place, header, line, "positive_days", "Positive"),
            *_tests_of_study(place, header, line, "negative_days", "Negative"),
        ),
        findings=findings,
    )


def _tests_of_study(
    place: _Place, header: _Header, line: Sequence[str], field: str, result: str
) -> list[CovidTest]:
    column = _NAMES[field][0]
    texts = cells.listed([text for _, text in header.said(field, line)])
    days = (cells.day(place, column, text) for text in texts)
    return [CovidTest(result, day) for day in days if day is not None]


def _test(place: _Place, header: _Header, line: Sequence[str]) -> _Test | None:
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


def _many(place: _Place, header: _Header, line: Sequence[str]) -> _Many:
    patient_id, study_uid = _keys(place, header, line)
    study_uid = study_uid or next(iter(header.under(_STUDY_OF_SERIES, line)), "")
    findings = header.findings(line)
    return _Many(
        patient_id,
        study_uid,
        {name: text for name, text in findings.items() if text and name not in _BOOKKEEPING},
    )


def _keys(place: _Place, header: _Header, line: Sequence[str]) -> tuple[str, str]:
    said = header.said("patient", line)
    patients = [text for _, text in said[:1]]
    if said and _stem(said[0][0]) == "case_ids":  # a list, of which all must be one patient
        patients = cells.listed([text for name, text in said if _stem(name) == "case_ids"])
    if len(patients) != 1:
        raise ClinicalError(
            f"{place}: {len(patients)} patient ids; expected one, give each row its patient"
        )
    studies = {text for _, text in header.said("study", line)}
    if len(studies) > 1:
        raise ClinicalError(f"{place}: {len(studies)} study UIDs; give each study its own row")
    return patients[0], studies.pop() if studies else ""


def _stem(name: str) -> str:
    return re.sub(r"_\d+$", "", name.lower().lstrip("*"))


def _age(place: _Place, header: _Header, line: Sequence[str]) -> int | None:
    """Whole years at imaging, else at the index event; 90 where the table says only 'over 89'."""
    for column, text in header.said("age", line):
        age = cells.age(place, column, text)
        if age is not None:
            return age
    withheld = any(cells.over_89(text) for _, text in header.said("over_89", line))
    return TOP_CODED if withheld else None


# Joining


def _refuse_two_sexes(rows: Iterable[_Row]) -> None:
    seen: dict[str, tuple[str, _Place]] = {}
    for row in rows:
        if row.sex == NOT_REPORTED:
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
    gathered: dict[tuple[str, str], _Gathered] = {}
    for row in rows:
        _gather(gathered.setdefault((row.patient_id, row.study_uid), _Gathered()), row)
    for test in tests:
        if test.study_uid:
            own = gathered.setdefault((test.patient_id, test.study_uid), _Gathered())
            (own.study_tests if test.of_study else own.index_tests).add(test.test)
    for one in many:
        if one.study_uid:
            _add_many(gathered.setdefault((one.patient_id, one.study_uid), _Gathered()), one)
    described = {patient_id for patient_id, _ in gathered}
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
    return [
        _record(
            key,
            gathered[key],
            gathered.get((key[0], ""), nothing),
            of_patient.get(key[0], nothing),
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
        tests=tuple(sorted(tests, key=lambda test: (test.days_from_index, test.result))),
        findings=findings,
    )


def _said(values: Mapping[str, tuple[str | int, _Place]], column: str) -> str:
    return str(values[column][0]) if column in values else NOT_REPORTED
