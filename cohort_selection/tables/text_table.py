"""Reads text, gzip, Parquet and spreadsheets as names and cells of text."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.tables.cell_words import amount, is_shortened, is_unknown
from cohort_selection.tables.packed_tables import (
    OLD_SPREADSHEET,
    PARQUET,
    ZIP,
    Lines,
    parquet_lines,
    workbook_lines,
)

__all__ = ["TextTable", "amount", "read_text_table"]

_GZIP = b"\x1f\x8b"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?')
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]{1,4})?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_NO_COMMA = re.compile(r"[+-]?[0-9]+(?:[eE][+-]?[0-9]{1,4})?")
_SHARED = 100_000
"""Texts that are kept once, however many cells have them; ids, which differ, fill no more room."""
_FAULTS = frozenset({"#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"})


@dataclass(frozen=True, slots=True)
class TextTable:
    """Names of the columns, and each line's number and cells, as many as there are columns."""

    name: str
    columns: tuple[str, ...]
    lines: tuple[tuple[int, list[str]], ...]

    def column(self, name: str) -> list[str]:
        """The cells of a column, from top to bottom."""
        place = self.columns.index(name)
        return [line[place] for _, line in self.lines]

    def refuse_shortened(self, name: str, error: type[ValueError]) -> None:
        """Raise ``error`` where a spreadsheet shortened an id of this column to ``1.23E+11``."""
        place = self.columns.index(name)
        for number, line in self.lines:
            if is_shortened(line[place]):
                raise error(
                    f"{self.name} line {number}: {name} is {line[place]!r}; a spreadsheet "
                    "shortened this id and its digits are lost: export the table again with the "
                    "column as text"
                )


def read_text_table(
    path: Path, error: type[ValueError], *, strip: bool = True, sheet: str = ""
) -> TextTable:
    """Read a table; blanks around cells go (``strip``), empty lines are left out.

    Text is UTF-8, or UTF-16 with its mark, with commas, semicolons, tabs or bars between the cells,
    as the header shows. Between semicolons or tabs, a column of numbers with a decimal comma gets
    its points. Text may be packed by gzip. Parquet files and .xlsx spreadsheets are read too;
    of several sheets the one called ``sheet``.

    Raises ``error`` where the file is no such table, two columns have one name, a line has not the
    header's number of cells, or a cell holds a spreadsheet's error.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as wrong:
        raise error(f"{path}: no such file; give a CSV or TSV table") from wrong
    except IsADirectoryError as wrong:
        raise error(f"{path}: a folder; give a CSV or TSV table") from wrong
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (gzip.BadGzipFile, EOFError, zlib.error) as wrong:
            raise error(f"{path.name}: a damaged .gz file ({wrong}); pack it again") from wrong
    elif path.suffix == ".gz":
        raise error(f"{path.name}: ends in .gz and is not packed by gzip; pack it, or rename it")
    comma = False
    if data.startswith(PARQUET):
        rows = parquet_lines(path, data, error)
    elif data.startswith(ZIP):
        rows = workbook_lines(path, data, error, sheet)
    else:
        rows, delimiter = _text_lines(path, data, error)
        comma = delimiter in ";\t"
    table = _table(path, rows, error, strip=strip)
    if comma:
        _write_points(table)
    return table


def _text_lines(path: Path, data: bytes, error: type[ValueError]) -> tuple[Lines, str]:
    text = _decoded(path, data, error)
    if "\x00" in text:
        raise error(f"{path.name}: not a text table; export it as CSV or TSV")
    first = re.split(r"\r\n|\r|\n", text, maxsplit=1)[0]
    told = _SEPARATOR_LINE.fullmatch(first)  # what spreadsheets write for one another
    if told:
        first = re.split(r"\r\n|\r|\n", text, maxsplit=2)[1] if len(text) > len(first) else ""
    if not first.strip():
        raise error(f"{path.name} line 1: no header; expected column names")
    delimiter = told[1] if told else _delimiter(first)
    # Lines end where text files end them, not at every mark that Unicode calls a line break.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: Lines = []
    last = 0
    try:
        for line in reader:
            rows.append((last + 1, line))
            last = reader.line_num
    except csv.Error as wrong:
        raise error(
            f"{path.name} line {last + 1}: {wrong}; close every quotation mark, and double "
            f"the ones that belong to a field"
        ) from wrong
    return (rows[1:] if told else rows), delimiter


def _decoded(path: Path, data: bytes, error: type[ValueError]) -> str:
    if data.startswith(OLD_SPREADSHEET):
        raise error(f"{path.name}: an old .xls spreadsheet; save it as .xlsx or CSV")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise error(
            f"{path.name}: byte {wrong.start} is not UTF-8; save the table as UTF-8 text"
        ) from wrong


def _delimiter(header: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)  # a name in quotes may hold any of them
    if "\t" in bare:
        return "\t"
    if bare.count(";") > bare.count(","):
        return ";"
    return "|" if "|" in bare and "," not in bare else ","


def _table(path: Path, rows: Lines, error: type[ValueError], *, strip: bool) -> TextTable:
    if not rows:
        raise error(f"{path.name} line 1: no header; expected column names")
    number, header = rows[0]
    names = [name.strip() for name in header]
    if not any(names):
        raise error(f"{path.name} line {number}: no header; expected column names")
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise error(f"{path.name} line {number}: two columns are named {name!r}; rename one")
        seen.add(name)
    lines: list[tuple[int, list[str]]] = []
    shared: dict[str, str] = {}
    for number, line in rows[1:]:
        if not any(cell.strip() for cell in line):
            continue
        if len(line) > len(names) and not any(cell.strip() for cell in line[len(names) :]):
            line = line[: len(names)]
        if len(line) != len(names):
            raise error(
                f"{path.name} line {number}: {len(line)} fields, but the header names "
                f"{len(names)} columns; quote a field that holds a separator or a line break, and "
                "write the separator of an empty one too"
            )
        cells = [cell.strip() for cell in line] if strip else line
        if not _FAULTS.isdisjoint(cells):
            place = next(place for place, cell in enumerate(cells) if cell in _FAULTS)
            raise error(
                f"{path.name} line {number}: {names[place]} is {cells[place]!r}, an error of a "
                "spreadsheet; mend its formula, or leave the cell empty"
            )
        if len(shared) < _SHARED:
            shared.update(zip(cells, cells, strict=True))
        lines.append((number, [shared.get(cell, cell) for cell in cells]))
    return TextTable(path.name, tuple(names), tuple(lines))


def _write_points(table: TextTable) -> None:
    """Write points for the decimal commas of the columns of numbers.

    A column in which ``1,234`` could be a thousand and more stays as it is.
    """
    for place in range(len(table.columns)):
        texts = {line[place] for _, line in table.lines if "," in line[place]}
        if not texts or not all(map(_COMMA.fullmatch, texts)):
            continue
        others = {line[place] for _, line in table.lines} - texts
        if all(map(_THOUSANDS.fullmatch, texts)) or not all(
            is_unknown(text) or _NO_COMMA.fullmatch(text) for text in others
        ):
            continue
        for _, line in table.lines:
            line[place] = line[place].replace(",", ".")
