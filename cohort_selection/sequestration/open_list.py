"""Writes and reads the table of open cases."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case, Region
from cohort_selection.regions.region_table import RegionTableError, as_table, beside, read_table
from cohort_selection.sealing.cohort import CohortError
from cohort_selection.task.declaration import ONE_PROBABILITY, Task, TaskError
from cohort_selection.task.open_columns import cell, is_target, read_cells, target_columns, task_of

_OWN = ("case_id", "patient_id", "label", "files")


def write_open(
    path: Path, cases: Sequence[Case], attributes: Sequence[str], task: Task = ONE_PROBABILITY
) -> None:
    """Write the open part as CSV: case_id, patient_id, label, files, targets, ``attributes``.

    Where a case has regions, they stand in a table beside it: see ``regions/region_table.py``.
    Files are relative to the CSV and joined by ";". A kill leaves the old table or the new one.
    """
    root = path.absolute().parent
    root.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    targets = target_columns(task)
    writer.writerow([*_OWN, *targets.values(), *attributes])
    for case in cases:
        files = [os.path.relpath(file.absolute(), root) for file in case.files]
        odd = [file for file in files if ";" in file]
        if odd:
            raise CohortError(f"{odd[0]!r} has a ';' in its name, which separates files; rename it")
        writer.writerow(
            [
                case.case_id,
                case.patient_id,
                case.label,
                ";".join(files),
                *(cell(case.targets[output]) for output in targets),
                *(case.attributes[name] for name in attributes),
            ]
        )
    regions = beside(path)
    if any(case.regions for case in cases):
        write_bytes(regions, as_table(cases).encode())
    else:
        regions.unlink(missing_ok=True)
    write_bytes(path, text.getvalue().encode())


def read_open(path: Path) -> tuple[Case, ...]:
    """Read what :func:`write_open` wrote; a further column is a target or an attribute."""
    root = path.absolute().parent
    with _rows(path) as reader:
        fields = list(reader.fieldnames or ())
        missing = [n for n in _OWN if n not in fields]
        if missing:
            raise CohortError(
                f"{path.name} has no column {', '.join(missing)}; it is not a table of open cases: "
                "write it with `sequestra sequester`"
            )
        attributes = [n for n in fields if n not in _OWN and not is_target(n)]
        targets = target_columns(_task(path, fields))
        regions = _regions(path)
        cases = []
        for line, row in enumerate(reader, start=2):
            if row["label"] not in {"0", "1"}:
                raise CohortError(
                    f"{path.name} line {line}: label is {row['label']!r}; it must be 0 or 1"
                )
            if row["files"] is None:
                raise CohortError(
                    f"{path.name} line {line} has fewer cells than the {len(fields)} columns; "
                    "write it with `sequestra sequester`"
                )
            cases.append(
                Case(
                    row["case_id"],
                    row["patient_id"],
                    tuple(Path(os.path.normpath(root / f)) for f in row["files"].split(";") if f),
                    int(row["label"]),
                    {name: row[name] for name in attributes},
                    _targets(row, targets, f"{path.name} line {line}"),
                    regions.get(row["case_id"], ()),
                )
            )
    return tuple(cases)


def _regions(path: Path) -> Mapping[str, tuple[Region, ...]]:
    try:
        return read_table(beside(path))
    except FileNotFoundError:
        return {}
    except (RegionTableError, UnicodeDecodeError, csv.Error) as problem:
        raise CohortError(f"{problem}; write it with `sequestra sequester`") from None


def read_open_task(path: Path) -> Task:
    """The task whose targets an open list has, by the names of its columns."""
    with _rows(path) as reader:
        return _task(path, reader.fieldnames or ())


@contextmanager
def _rows(path: Path) -> Iterator[csv.DictReader[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            yield csv.DictReader(stream)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise CohortError(
            f"{path.name} is no CSV in UTF-8 ({problem}); write it with `sequestra sequester`"
        ) from None


def _task(path: Path, fields: Sequence[str]) -> Task:
    try:
        return task_of(fields)
    except ValueError as problem:
        raise CohortError(f"{path.name}: {problem}") from None


def _targets(
    row: Mapping[str, str], columns: Mapping[str, str], where: str
) -> Mapping[str, float | None]:
    try:
        return read_cells(row, columns)
    except TaskError as problem:
        raise CohortError(f"{where}: {problem}") from None
