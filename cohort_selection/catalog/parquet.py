"""Studies and clinical records as Parquet: what is written, and how it is read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.studies import Study

PART = 4096
"""Studies that are in memory at once as they are written or read one after the other."""

_LINKED = b"sequestra.linked"

_STUDY_SCHEMA = pa.schema(
    [
        ("study_uid", pa.string()),
        ("patient_id", pa.string()),
        ("modality", pa.string()),
        ("body_part", pa.string()),
        ("description", pa.string()),
        ("loinc", pa.string()),
        ("manufacturer", pa.string()),
        ("view", pa.string()),
        ("acquired", pa.string()),
        ("sex", pa.string()),
        ("age", pa.int16()),
        ("files", pa.list_(pa.string())),
        ("fields", pa.map_(pa.string(), pa.list_(pa.string()))),
        ("loinc_name", pa.string()),
        ("loinc_method", pa.string()),
        ("loinc_system", pa.string()),
        ("loinc_contrast", pa.string()),
        ("born", pa.string()),
        ("doubts", pa.list_(pa.string())),
    ]
)
_RECORD_SCHEMA = pa.schema(
    [
        ("patient_id", pa.string()),
        ("study_uid", pa.string()),
        ("age", pa.int16()),
        ("sex", pa.string()),
        ("race", pa.string()),
        ("ethnicity", pa.string()),
        ("site", pa.string()),
        (
            "tests",
            pa.list_(
                pa.struct(
                    [
                        ("result", pa.string()),
                        ("days_from_index", pa.int32()),
                        ("from_study", pa.bool_()),
                    ]
                )
            ),
        ),
        ("findings", pa.map_(pa.string(), pa.string())),
    ]
)


def is_ours(path: Path) -> bool:
    """Whether a file of studies has the columns that this version writes."""
    return bool(pq.read_schema(path).names == _STUDY_SCHEMA.names)


def is_linked(path: Path) -> bool:
    """Whether the patients of a file of studies are each under one id."""
    return _LINKED in (pq.read_schema(path).metadata or {})


def read_studies(path: Path) -> Iterator[Study]:
    """Read studies, part by part."""
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=PART):
            for row in batch.to_pylist():
                yield Study(
                    **{
                        **row,
                        "files": tuple(Path(name) for name in row["files"]),
                        "fields": {name: tuple(values) for name, values in row["fields"]},
                        "doubts": tuple(row["doubts"]),
                    }
                )


def read_columns(path: Path, names: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """Read some columns of studies, part by part; a list of rows each."""
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=PART, columns=list(names)):
            columns = [batch.column(name).to_pylist() for name in names]
            yield list(zip(*columns, strict=True))


def read_records(path: Path) -> tuple[ClinicalRecord, ...]:
    """Read clinical records."""
    return tuple(
        ClinicalRecord(
            **{
                **row,
                "tests": tuple(CovidTest(**test) for test in row["tests"]),
                "findings": dict(row["findings"]),
            }
        )
        for row in pq.read_table(path, schema=_RECORD_SCHEMA).to_pylist()
    )


def write_studies(path: Path, studies: Iterable[Study], *, linked: bool = False) -> int:
    """Write studies part by part; give their number.

    ``linked`` says in the file that each patient is under one id.
    """
    count = 0
    remaining = iter(studies)
    schema = _STUDY_SCHEMA.with_metadata({_LINKED: b"yes"}) if linked else _STUDY_SCHEMA
    with pq.ParquetWriter(path, schema) as writer:
        while part := list(islice(remaining, PART)):
            writer.write_table(_studies(part, schema))
            count += len(part)
    return count


def _studies(studies: Sequence[Study], schema: pa.Schema) -> pa.Table:
    columns = {name: [getattr(study, name) for study in studies] for name in _STUDY_SCHEMA.names}
    columns["files"] = [[str(path) for path in study.files] for study in studies]
    columns["fields"] = [list(study.fields.items()) for study in studies]
    return pa.table(columns, schema=schema)


def write_records(path: Path, records: Sequence[ClinicalRecord]) -> None:
    """Write clinical records."""
    pq.write_table(_records(records), path)


def _records(records: Sequence[ClinicalRecord]) -> pa.Table:
    columns = {name: [getattr(record, name) for record in records] for name in _RECORD_SCHEMA.names}
    columns["tests"] = [[asdict(test) for test in record.tests] for record in records]
    columns["findings"] = [list(record.findings.items()) for record in records]
    return pa.table(columns, schema=_RECORD_SCHEMA)
