"""Writes and reads the table of open cases."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cohort_selection.atomic_files import write_bytes, written
from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case, Region
from cohort_selection.column_text import as_csv, blocks, data_of, joined, numbers, spread
from cohort_selection.regions.region_table import RegionTableError, as_table, beside, read_table
from cohort_selection.sealing.cohort import CohortError
from cohort_selection.task.declaration import ONE_PROBABILITY, Task, TaskError
from cohort_selection.task.open_columns import cell, is_target, read_cells, target_columns, task_of

_OWN = ("case_id", "patient_id", "label", "files")


def write_open(
    path: Path,
    cases: Sequence[Case],
    attributes: Sequence[str],
    task: Task = ONE_PROBABILITY,
    *,
    which: NDArray[np.bool_] | None = None,
) -> None:
    """Write the open part as CSV: case_id, patient_id, label, files, targets, ``attributes``.

    ``which`` (cases,) marks the cases that are open; without it, all are. Where a case has regions,
    they stand in a table beside it: see ``regions/region_table.py``. Files are relative to the CSV
    and joined by ";". A kill leaves the old table or the new one.
    """
    root = path.absolute().parent
    root.mkdir(parents=True, exist_ok=True)
    table, targets = CaseTable.of(cases), target_columns(task)
    rows = np.arange(len(table)) if which is None else np.flatnonzero(which)
    regions = beside(path)
    with written(path) as stream:
        names = [*_OWN, *targets.values(), *attributes]
        stream.write(data_of(joined(_row([pa.array([n], pa.large_string()) for n in names]))))
        for block in blocks(len(rows)):
            stream.write(data_of(_lines(table, rows[block], root, attributes, tuple(targets))))
        if any(table.regions[row] for row in rows.tolist()) if table.regions else False:
            write_bytes(regions, as_table(table.take(rows)).encode())
        else:
            regions.unlink(missing_ok=True)


def _lines(
    table: CaseTable,
    rows: NDArray[np.int64],
    root: Path,
    attributes: Sequence[str],
    targets: Sequence[str],
) -> pa.LargeStringArray:
    """The lines of some cases."""
    columns = [
        table.case_id.take(pa.array(rows)),
        table.patients.take(pa.array(table.patient[rows])),
        spread(("0", "1"), table.label[rows]),
        _relative(table.files_of(table.rows[rows]), root),
    ]
    columns += [numbers(table.targets[output][rows], cell) for output in targets]
    for name in attributes:
        columns.append(spread(table.attributes[name].levels, table.attributes[name].codes[rows]))
    return _row(columns)


def _row(columns: Sequence[pa.LargeStringArray]) -> pa.LargeStringArray:
    cells = [part for column in columns for part in (",", as_csv(column))]
    return joined(*cells[1:], "\n")


def _relative(files: pa.ListArray, root: Path) -> pa.LargeStringArray:
    """The files of each case as seen from a folder, joined by ";"."""
    flat = pc.list_flatten(files).cast(pa.large_string())
    seen = flat
    odd = pc.or_(
        pc.or_(pc.invert(pc.starts_with(flat, "/")), pc.ends_with(flat, "/")),
        pc.or_(pc.match_substring(flat, "//"), pc.match_substring(flat, "/.")),
    )
    left = pc.invert(odd)
    for up, folder in enumerate((root, *root.parents)):
        above = f"{folder}/".replace("//", "/")
        below = pc.and_(left, pc.starts_with(flat, above))
        if not pc.any(below).as_py():
            continue
        cut = pc.utf8_slice_codeunits(flat, len(above))
        seen = pc.if_else(below, joined("../" * up, cut), seen)
        left = pc.and_not(left, below)
        if not pc.any(left).as_py():
            break
    if pc.any(odd).as_py():
        found = [os.path.relpath(Path(f).absolute(), root) for f in flat.filter(odd).to_pylist()]
        seen = pc.replace_with_mask(seen, odd, pa.array(found, pa.large_string()))
    split = pc.match_substring(seen, ";")
    if pc.any(split).as_py():
        first = seen.filter(split)[0].as_py()
        raise CohortError(f"{first!r} has a ';' in its name, which separates files; rename it")
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(files).to_numpy())])
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), seen)
    return pc.binary_join(lists, pa.scalar(";", pa.large_string())).cast(pa.large_string())


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
