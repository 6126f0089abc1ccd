"""Reads one line of a clinical table in our words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cohort_selection.clinical import vocabulary as cells
from cohort_selection.clinical.columns import Header, Place
from cohort_selection.clinical.record import CovidTest
from cohort_selection.clinical.vocabulary import NOT_REPORTED, TOP_CODED, ClinicalError
from cohort_selection.tables.column_names import NAMES

_STUDY_OF_SERIES = ("study_uid", "imaging_studies.submitter_id")
BOOKKEEPING = frozenset(
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
"""Columns that describe the row of a table, not the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
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
class Test:
    """One line of a table of tests; days from the study (``of_study``) or the index event."""

    patient_id: str
    study_uid: str
    test: CovidTest
    of_study: bool


@dataclass(frozen=True, slots=True)
class Many:
    """One of the many rows of a series, a condition and the like."""

    patient_id: str
    study_uid: str
    findings: dict[str, str]


def read_row(place: Place, header: Header, line: Sequence[str]) -> Row:
    """One line of a table with a row for each patient or study."""
    patient_id, study_uid = _keys(place, header, line)
    race, ethnicity, combined = header.once(
        ("race", "ethnicity", "race_ethnicity"), line, lambda: _race(place, header, line)
    )
    findings = header.findings(line)
    if combined:
        findings["race_ethnicity"] = combined
    return Row(
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


def read_test(place: Place, header: Header, line: Sequence[str]) -> Test | None:
    """One line of a table of tests; None for another test than COVID-19's, or one without a day."""
    name = header.first("test_name", line).upper()
    if name and not any(word in name for word in ("COVID", "SARS")):
        return None
    patient_id, study_uid = _keys(place, header, line)
    result = cells.test_result(place, header.first("test_result", line))
    day = cells.day(place, "test_days_from_index", header.first("test_day", line))
    if day is not None:
        return Test(patient_id, study_uid, CovidTest(result, day), of_study=False)
    before = cells.day(place, "days_from_test_to_study", header.first("test_before_study", line))
    if before is None:
        return None
    return Test(patient_id, study_uid, CovidTest(result, -before), of_study=True)


def read_many(place: Place, header: Header, line: Sequence[str]) -> Many:
    """One line of a table with many rows for a study or patient."""
    patient_id, study_uid = _keys(place, header, line)
    study_uid = study_uid or next(iter(header.under(_STUDY_OF_SERIES, line)), "")
    findings = header.findings(line)
    return Many(
        patient_id,
        study_uid,
        {name: text for name, text in findings.items() if text and name not in BOOKKEEPING},
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
