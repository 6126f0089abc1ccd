"""The columns of the catalog's table of studies: one row a study, joined to its clinical record."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from cohort_selection.dicom.keywords import HEADER_FIELDS

VERSION = 2
"""Goes up when a column changes its name, its type or its meaning."""

FINDING = "findings."
"""Before the name of a column of the clinical tables that has no meaning of ours."""

TEXTS = pa.list_(pa.string())
OF_IMAGES = (
    ("study_uid", pa.string()),
    ("patient_id", pa.string()),
    ("modality", pa.string()),
    ("body_part", pa.string()),
    ("description", pa.string()),
    ("loinc", pa.string()),
    ("loinc_name", pa.string()),
    ("loinc_method", pa.string()),
    ("loinc_system", pa.string()),
    ("loinc_contrast", pa.string()),
    ("manufacturer", pa.string()),
    ("view", pa.string()),
    ("acquired", pa.string()),
    ("sex", pa.string()),
    ("age", pa.int16()),
    ("born", pa.string()),
    ("doubts", TEXTS),
    ("files", TEXTS),
    ("images", pa.int32()),
)
"""What headers say of a study, under the names of ``dicom.studies.Study``; its number of files."""
OF_STUDY = tuple(column for column in OF_IMAGES if column[0] != "images")
"""Those that are values of a ``Study``."""

TESTS = pa.list_(
    pa.struct(
        [("result", pa.string()), ("days_from_index", pa.int32()), ("from_study", pa.bool_())]
    )
)
OF_RECORD = (
    ("recorded", pa.bool_()),
    ("record.age", pa.int16()),
    ("record.sex", pa.string()),
    ("record.race", pa.string()),
    ("record.ethnicity", pa.string()),
    ("record.site", pa.string()),
    ("record.tests", TESTS),
)
"""What the clinical tables say of it; ``recorded`` is false and the rest null where nothing."""


HEADER = "header."
"""Before the name of a column that says what the header has where the catalog has another."""
OTHERWISE = ("patient_id", "description", "loinc", "sex")
"""Columns in which the catalog may say otherwise than the header."""


def schema(findings: Iterable[str]) -> pa.Schema:
    """The table's columns, with one for each of the ``findings``.

    A header field is a list of its distinct values over the images, an empty one where an image
    does not say; null where none does.
    """
    otherwise = [(HEADER + name, pa.string()) for name in OTHERWISE]
    return pa.schema([*of_headers(), *otherwise, *of_records(findings)])


def of_headers() -> pa.Schema:
    """The columns that headers fill."""
    return pa.schema([*OF_IMAGES, *((name, TEXTS) for name in HEADER_FIELDS)])


def of_records(findings: Iterable[str]) -> pa.Schema:
    """The columns that clinical tables fill."""
    return pa.schema([*OF_RECORD, *((FINDING + name, pa.string()) for name in sorted(findings))])
