"""Studies on disk while a catalog is made, before they are joined to their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cohort_selection.dicom.studies import Study
from cohort_selection.study_table.schema import OF_STUDY, TEXTS

PART = 4096
"""Studies that are in memory at once as they are written or read one after the other."""

_STUDY_SCHEMA = pa.schema([*OF_STUDY, ("fields", pa.map_(pa.string(), TEXTS))])


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


def write_studies(path: Path, studies: Iterable[Study]) -> int:
    """Write studies part by part; give their number."""
    count = 0
    remaining = iter(studies)
    with pq.ParquetWriter(path, _STUDY_SCHEMA) as writer:
        while part := list(islice(remaining, PART)):
            writer.write_table(_studies(part))
            count += len(part)
    return count


def _studies(studies: Sequence[Study]) -> pa.Table:
    columns = {name: [getattr(study, name) for study in studies] for name in _STUDY_SCHEMA.names}
    columns["files"] = [[str(path) for path in study.files] for study in studies]
    columns["fields"] = [list(study.fields.items()) for study in studies]
    return pa.table(columns, schema=_STUDY_SCHEMA)
