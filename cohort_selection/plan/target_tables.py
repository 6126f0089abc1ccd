"""Target shares from tables: one line a level, or a published table with one column a level."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cohort_selection.clinical.vocabulary import level as level_of
from cohort_selection.matching.target import Target, TargetError, read_target
from cohort_selection.tables.cell_words import amount, number
from cohort_selection.tables.column_names import find
from cohort_selection.tables.text_table import read_text_table

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
        if not path.exists():
            raise TargetError(
                f"no target table {path}; target_file is sought from the benchmark's own folder"
            )
        found = read_wide(path, attribute) if attribute else read_target_table(path)
        margins.update(found.margins)
        notes.extend(found.notes)
    return Target(margins, tuple(notes))


def read_target_table(path: Path) -> Target:
    """Read a table with the columns attribute, level, share (0..1); one row a level."""
    table = read_text_table(path, TargetError)
    names = ("attribute", "level", "share")
    columns = {name: find(table.columns, (name,)) for name in names}
    if missing := sorted(name for name, column in columns.items() if column is None):
        raise TargetError(
            f"{path.name} has no column {', '.join(missing)}; "
            "the header must be attribute,level,share"
        )
    shares: dict[str, dict[str, object]] = {}
    cells = zip(*(table.column(columns[name] or "") for name in names), strict=True)
    for (line, _), (attribute, said, text) in zip(table.lines, cells, strict=True):
        if (share := number(text)) is None:
            raise TargetError(
                f"{path.name} line {line}: share is {text!r}; give a number between 0 and 1"
            )
        level = level_of(attribute, said)
        if level in shares.setdefault(attribute, {}):
            raise TargetError(f"{path.name} line {line}: {attribute} {level} stands twice")
        shares[attribute][level] = share
    if not shares:
        raise TargetError(f"{path.name} has no rows; give attribute,level,share a line")
    return read_target(shares, path)


def read_wide(path: Path, attribute: str) -> Target:
    """Read a table with one column a level: the last line, divided by its sum.

    The first column names the lines. Columns that end in "(%)", which stand beside counts, are left
    out; "(CUSUM)" and "years" are dropped from the names, and "18 to 49" is "18-49". Of a
    spreadsheet with several sheets the one with the attribute's name is read.
    """
    table = read_text_table(path, TargetError, sheet=attribute)
    if not table.lines or len(table.columns) < 3:
        raise TargetError(
            f"{path.name} is no table of {attribute}; give a heading of levels after a first "
            "column, and a last line with a count or per cent for each"
        )
    line, last = table.lines[-1]
    amounts: dict[str, float] = {}
    for heading, text in list(zip(table.columns, last, strict=True))[1:]:
        if heading.strip().endswith("(%)"):
            continue
        if (found := amount(text)) is None:
            raise TargetError(
                f"{path.name} line {line}: {heading} is {text!r}; give a count or per cent, "
                "0 or more"
            )
        if (level := _level(attribute, heading)) in amounts:
            raise TargetError(f"{path.name}: the level {level} has two columns; keep one")
        amounts[level] = found
    total = sum(amounts.values())
    if not total:
        raise TargetError(f"{path.name} line {line}: every amount is 0; give shares")
    shares = {level: amount / total for level, amount in amounts.items()}
    note = f"the shares of {attribute} are the last line of {path.name} over its sum, {total:.6g}"
    return Target(read_target({attribute: shares}, path).margins, (note,))


def _level(attribute: str, heading: str) -> str:
    level = _YEARS.sub("", heading.removesuffix("(CUSUM)").strip())
    return level_of(attribute, _RANGE.sub(r"\1-\2", level))
