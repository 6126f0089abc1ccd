"""A table of text with a header line: comma, semicolon or tab, as the first line shows."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TextTable:
    """Names of the columns, and each line's number and cells, as many as there are columns."""

    name: str
    columns: tuple[str, ...]
    lines: tuple[tuple[int, list[str]], ...]


def amount(text: str) -> float | None:
    """A finite number, 0 or more; None where the text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def read_text_table(path: Path, error: type[ValueError], *, strip: bool = True) -> TextTable:
    """Read a table; blanks around cells go (``strip``), empty lines are left out.

    Raises ``error`` where the file is no such table or a line has not the header's number of cells.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise error(
            f"{path.name}: byte {wrong.start} is not UTF-8; save the table as UTF-8 text"
        ) from wrong
    except FileNotFoundError as wrong:
        raise error(f"{path}: no such file; give a CSV or TSV table") from wrong
    if "\x00" in text:
        raise error(f"{path.name}: not a text table; export it as CSV or TSV")
    first = text.partition("\n")[0]
    if not first.strip():
        raise error(f"{path.name} line 1: no header; expected column names")
    delimiter = "\t" if "\t" in first else (";" if first.count(";") > first.count(",") else ",")
    # Lines end where text files end them, not at every mark that Unicode calls a line break.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, line) for line in reader]
    except csv.Error as wrong:
        raise error(
            f"{path.name} line {reader.line_num}: {wrong}; close every quotation mark, and double "
            f"the ones that belong to a field"
        ) from wrong
    names = [name.strip() for name in rows[0][1]]
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise error(f"{path.name} line 1: two columns are named {name!r}; rename one")
        seen.add(name)
    lines: list[tuple[int, list[str]]] = []
    for number, line in rows[1:]:
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(names):
            raise error(
                f"{path.name} line {number}: {len(line)} fields, but the header names "
                f"{len(names)} columns; quote a field that holds a separator or a line break, and "
                "write the separator of an empty one too"
            )
        lines.append((number, [cell.strip() for cell in line] if strip else line))
    return TextTable(path.name, tuple(names), tuple(lines))
