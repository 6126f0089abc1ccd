"""Writes and reads the table of open cases."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import CohortError


def write_open(path: Path, cases: Sequence[Case], attributes: Sequence[str]) -> None:
    """Write the open part as CSV: case_id, patient_id, label, files, then ``attributes``.

    Files are relative to the CSV and joined by ";". A kill leaves the old table or the new one.
    """
    root = path.absolute().parent
    root.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case_id", "patient_id", "label", "files", *attributes])
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
                *(case.attributes[name] for name in attributes),
            ]
        )
    write_bytes(path, text.getvalue().encode())


def read_open(path: Path) -> tuple[Case, ...]:
    """Read what :func:`write_open` wrote; every further column is an attribute."""
    root = path.absolute().parent
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        fields = list(reader.fieldnames or ())
        missing = [n for n in ("case_id", "patient_id", "label", "files") if n not in fields]
        if missing:
            raise CohortError(
                f"{path.name} has no column {', '.join(missing)}; it is not a table of open cases: "
                "write it with `sequestra sequester`"
            )
        attributes = [n for n in fields if n not in {"case_id", "patient_id", "label", "files"}]
        cases = []
        for line, row in enumerate(reader, start=2):
            if row["label"] not in {"0", "1"}:
                raise CohortError(
                    f"{path.name} line {line}: label is {row['label']!r}; it must be 0 or 1"
                )
            cases.append(
                Case(
                    row["case_id"],
                    row["patient_id"],
                    tuple(Path(os.path.normpath(root / f)) for f in row["files"].split(";") if f),
                    int(row["label"]),
                    {name: row[name] for name in attributes},
                )
            )
    return tuple(cases)
