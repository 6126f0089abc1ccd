"""Target shares from CSV tables: one line a level, or a published table with one column a level."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from cohort_selection.clinical_cells import NOT_REPORTED
from cohort_selection.targets import Target, TargetError, read_target, read_target_csv
from cohort_selection.text_table import amount

_RANGE = re.compile(r"^(\d+)(?: to | ?- ?)(\d+)")
_YEARS = re.compile(r"\s*years$", re.IGNORECASE)


def read_target_files(paths: Mapping[str, Path]) -> Target:
    """Read tables by attribute; that of the attribute "" has the columns attribute,level,share.

    Any other is a published table of one attribute, such as the Census Bureau's or the CDC's: see
    :func:`read_wide`.
    """
    margins: dict[str, Mapping[str, float]] = {}
    notes: list[str] = []
    for attribute, path in paths.items():
        try:
            found = read_wide(path, attribute) if attribute else read_target_csv(path)
        except FileNotFoundError as error:
            raise TargetError(
                f"no target table {path}; target_file is sought from the benchmark's own folder"
            ) from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise TargetError(f"{path.name} is not a CSV in UTF-8: {error}") from error
        margins.update(found.margins)
        notes.extend(found.notes)
    return Target(margins, tuple(notes))


def read_wide(path: Path, attribute: str) -> Target:
    """Read a table with one column a level: the last line, divided by its sum.

    The first column names the lines. Columns that end in "(%)", which stand beside counts, are left
    out; "(CUSUM)" and "years" are dropped from the names, and "18 to 49" is "18-49".
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        lines = [line for line in csv.reader(stream) if any(text.strip() for text in line)]
    if len(lines) < 2 or len(lines[0]) < 3 or len(lines[-1]) != len(lines[0]):
        raise TargetError(
            f"{path.name} is no table of {attribute}; give a heading of levels after a first "
            "column, and a last line with a count or per cent for each"
        )
    amounts: dict[str, float] = {}
    for heading, text in list(zip(lines[0], lines[-1], strict=True))[1:]:
        if heading.strip().endswith("(%)"):
            continue
        if (found := amount(text)) is None:
            raise TargetError(
                f"{path.name} line {len(lines)}: {heading} is {text!r}; give a count or per cent, "
                "0 or more"
            )
        if (level := _level(heading)) in amounts:
            raise TargetError(f"{path.name}: the level {level} has two columns; keep one")
        amounts[level] = found
    total = sum(amounts.values())
    if not total:
        raise TargetError(f"{path.name} line {len(lines)}: every amount is 0; give shares")
    shares = {level: amount / total for level, amount in amounts.items()}
    note = f"the shares of {attribute} are the last line of {path.name} over its sum, {total:.6g}"
    return Target(read_target({attribute: shares}, path).margins, (note,))


def _level(heading: str) -> str:
    level = _YEARS.sub("", heading.removesuffix("(CUSUM)").strip())
    level = _RANGE.sub(r"\1-\2", level)
    return NOT_REPORTED if level.lower() == NOT_REPORTED.lower() else level
