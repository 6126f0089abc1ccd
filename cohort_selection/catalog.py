"""The indexed commons on disk: studies and clinical records as Parquet, the quarantine as CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cohort_selection.atomic import replaced, settle
from cohort_selection.clinical import ClinicalRecord, CovidTest
from cohort_selection.dicom import Quarantined, Study

STUDIES = "studies.parquet"
RECORDS = "records.parquet"
QUARANTINE = "quarantine.csv"

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
        ("tests", pa.list_(pa.struct([("result", pa.string()), ("days_from_index", pa.int32())]))),
        ("findings", pa.map_(pa.string(), pa.string())),
    ]
)


class CatalogError(ValueError):
    """A folder that is not a catalog, or that would be lost by writing one."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that was read of a commons, and the files that were not."""

    studies: tuple[Study, ...]
    records: tuple[ClinicalRecord, ...]
    quarantined: tuple[Quarantined, ...]


def write(catalog: Catalog, directory: Path) -> None:
    """Write the catalog as the folder ``directory``, replacing an older catalog as a whole.

    Raises ``CatalogError`` where the folder holds something else than a catalog.
    """
    if directory.exists() and not (directory / STUDIES).is_file() and any(directory.iterdir()):
        raise CatalogError(
            f"{directory} is not empty and holds no catalog; give a new folder to write to"
        )
    with replaced(directory) as folder:
        pq.write_table(_studies(catalog.studies), folder / STUDIES)
        pq.write_table(_records(catalog.records), folder / RECORDS)
        with (folder / QUARANTINE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "reason"])
            writer.writerows([str(item.path), item.reason] for item in catalog.quarantined)


def read(directory: Path) -> Catalog:
    """Read back what ``write`` wrote.

    Raises ``CatalogError`` where the folder is no catalog or a file of it cannot be read.
    """
    settle(directory)
    missing = [n for n in (STUDIES, RECORDS, QUARANTINE) if not (directory / n).is_file()]
    if missing:
        raise CatalogError(
            f"{directory} is not a catalog: {', '.join(missing)} not there; run sequestra index"
        )
    try:
        studies = pq.read_table(directory / STUDIES, schema=_STUDY_SCHEMA)
        records = pq.read_table(directory / RECORDS, schema=_RECORD_SCHEMA)
        with (directory / QUARANTINE).open(newline="", encoding="utf-8") as file:
            quarantined = tuple(
                Quarantined(Path(row["path"]), row["reason"]) for row in csv.DictReader(file)
            )
    except (pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{directory}: its tables cannot be read ({type(error).__name__}); "
            "run sequestra index again"
        ) from error
    return Catalog(
        tuple(
            Study(**{**row, "files": tuple(Path(name) for name in row["files"])})
            for row in studies.to_pylist()
        ),
        tuple(
            ClinicalRecord(
                **{
                    **row,
                    "tests": tuple(CovidTest(**test) for test in row["tests"]),
                    "findings": dict(row["findings"]),
                }
            )
            for row in records.to_pylist()
        ),
        quarantined,
    )


def _studies(studies: tuple[Study, ...]) -> pa.Table:
    columns = {name: [getattr(study, name) for study in studies] for name in _STUDY_SCHEMA.names}
    columns["files"] = [[str(path) for path in study.files] for study in studies]
    return pa.table(columns, schema=_STUDY_SCHEMA)


def _records(records: tuple[ClinicalRecord, ...]) -> pa.Table:
    columns = {name: [getattr(record, name) for record in records] for name in _RECORD_SCHEMA.names}
    columns["tests"] = [
        [{"result": test.result, "days_from_index": test.days_from_index} for test in record.tests]
        for record in records
    ]
    columns["findings"] = [list(record.findings.items()) for record in records]
    return pa.table(columns, schema=_RECORD_SCHEMA)
