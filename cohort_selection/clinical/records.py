"""Reads clinical tables (MIDRC and Gen3 exports, any CSV with a header) to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cohort_selection.clinical.columns import open_table, refuse_unknown_fields
from cohort_selection.clinical.joining import records_of, refuse_two_sexes
from cohort_selection.clinical.record import ClinicalRecord, CovidTest
from cohort_selection.clinical.table_lines import Many, Row, Test, read_many, read_row, read_test
from cohort_selection.clinical.vocabulary import NOT_REPORTED, ClinicalError
from cohort_selection.tables.column_names import key

__all__ = ["NOT_REPORTED", "ClinicalError", "ClinicalRecord", "CovidTest", "read"]


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
    rows: list[Row] = []
    tests: list[Test] = []
    many: list[Many] = []
    there: set[str] = set()
    for table in tables:
        header, lines = open_table(table, columns or {})
        there.update(map(key, header.names))
        if header.has("test_result"):
            tests += [found for place, line in lines if (found := read_test(place, header, line))]
        elif header.many:
            these = [read_many(place, header, line) for place, line in lines]
            many += these
            if any(map(header.has, _OF_PERSON)):  # who it is does not differ from line to line
                rows += [
                    replace(read_row(place, header, line), study_uid=one.study_uid, findings={})
                    for one, (place, line) in zip(these, lines, strict=True)
                ]
        else:
            rows += [read_row(place, header, line) for place, line in lines]
    for name, column in (columns or {}).items():
        if there and key(column) not in there:
            raise ClinicalError(
                f"column map: {name} is {column!r}, which no table has; name one of its columns"
            )
    if not rows and not tests and not many:
        names = ", ".join(table.name for table in tables) or "no table"
        raise ClinicalError(f"{names}: no rows; expected one line for each patient or study")
    every: list[Row | Test | Many] = [*rows, *tests, *many]
    owners = {one.study_uid: one.patient_id for one in every if one.study_uid and one.patient_id}
    rows, tests, many = (_owned(rows, owners), _owned(tests, owners), _owned(many, owners))
    refuse_two_sexes(rows)
    return records_of(rows, tests, many)


_OF_PERSON = (
    "age", "over_89", "sex", "race", "ethnicity", "race_ethnicity", "site", "study_day",
    "positive_days", "negative_days",
)  # fmt: skip
"""Fields of a person or a study that a table of many lines for each may repeat."""

_Line = TypeVar("_Line", Row, Test, Many)


def _owned(lines: Sequence[_Line], owners: Mapping[str, str]) -> list[_Line]:
    """Lines that know their study alone, with the patient that another table gives it."""
    return [
        line if line.patient_id else replace(line, patient_id=owners.get(line.study_uid, ""))
        for line in lines
    ]
