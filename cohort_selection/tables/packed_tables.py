"""Reads Parquet files and spreadsheets as the texts of their cells."""

from __future__ import annotations

import datetime
import decimal
import io
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cohort_selection.tables.column_names import key

PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
OLD_SPREADSHEET = b"\xd0\xcf\x11\xe0"
_WORKBOOK = "xl/workbook.xml"
_LARGEST_EXACT = 2**53

Lines = list[tuple[int, list[str]]]
"""The number of each line and its cells, the header first."""


def parquet_lines(path: Path, data: bytes, error: type[ValueError]) -> Lines:
    """Read a Parquet file; the first row counts as line 2. Lists are joined by ``|``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data))
        columns = [column.to_pylist() for column in table.columns]
    except (pa.ArrowException, OSError, OverflowError) as wrong:  # of a date after the year 9999
        raise error(
            f"{path.name}: not a Parquet file that can be read "
            f"({str(wrong).splitlines()[0].rstrip('.')}); write it again"
        ) from wrong
    lines: Lines = [(1, list(table.column_names))]
    for number, row in enumerate(zip(*columns, strict=True), start=2):
        cells = zip(table.column_names, row, strict=True)
        lines.append(
            (number, [_text(cell, f"{path.name} line {number}: {name}", error)
                      for name, cell in cells])
        )  # fmt: skip
    return lines


def workbook_lines(path: Path, data: bytes, error: type[ValueError], sheet: str = "") -> Lines:
    """Read the one sheet of an .xlsx file that holds anything, as a spreadsheet shows its ids.

    Of several sheets the one that is called ``sheet`` is read. Raises ``error`` where none is,
    for formulas without a value, and for whole numbers of more digits than a spreadsheet keeps.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as wrong:
        raise error(f"{path.name}: a damaged .xlsx or .zip file; save it again") from wrong
    if _WORKBOOK not in names:
        raise error(
            f"{path.name}: a .zip file that is no .xlsx spreadsheet; unpack it, or save the table "
            "as CSV"
        )
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():  # of styles and the like, which no cell depends on
            warnings.simplefilter("ignore", UserWarning)
            values = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            formulas = load_workbook(io.BytesIO(data), read_only=True)
        filled = [each.title for each in values.worksheets if any(_rows(each))]
    except (InvalidFileException, KeyError, ValueError, TypeError, OSError, SyntaxError) as wrong:
        raise error(
            f"{path.name}: a spreadsheet that cannot be read ({wrong}); save the table as CSV"
        ) from wrong
    if not filled:
        raise error(f"{path.name} line 1: no header; expected column names")
    filled = [title for title in filled if sheet and key(title) == key(sheet)] or filled
    if len(filled) > 1:
        raise error(
            f"{path.name}: {len(filled)} sheets are not empty ({', '.join(filled)}); save the "
            "right one as a file of its own"
        )
    found: Lines = []
    rows = zip(_rows(values[filled[0]]), _rows(formulas[filled[0]]), strict=True)
    for number, (shown, written) in enumerate(rows, start=1):
        cells = []
        for place, cell in enumerate(shown):
            where = f"{path.name} line {number}, column {place + 1}"
            uncomputed = cell.data_type != "str"  # a formula may have given the empty text
            if cell.value is None and written[place].value is not None and uncomputed:
                raise error(
                    f"{where}: a formula whose value was never computed; open the file in a "
                    "spreadsheet program and save it there, or save it as CSV"
                )
            cells.append(_cell(cell, where, error))
        found.append((number, cells))
    while found and not any(found[-1][1]):
        found.pop()
    while found and not any(found[0][1]):  # a sheet may begin further down
        found.pop(0)
    width = max((place for _, row in found for place, text in enumerate(row, 1) if text), default=0)
    return [(number, [*row, *[""] * width][:width]) for number, row in found]


def _rows(sheet: Any) -> Iterable[tuple[Any, ...]]:
    sheet.reset_dimensions()  # what a file says of its size is often wrong
    return sheet.iter_rows()


def _cell(cell: Any, where: str, error: type[ValueError]) -> str:
    text = _text(cell.value, where, error)
    shown = getattr(cell, "number_format", "") or ""
    if isinstance(cell.value, int) and not isinstance(cell.value, bool) and set(shown) == {"0"}:
        return text.zfill(len(shown))  # the format "00000" shows 12 as 00012
    return text


def _text(value: object, where: str, error: type[ValueError]) -> str:
    """One value as a cell of a CSV file would have it; nothing and NaN are blank."""
    if value is None or value != value:  # NaN and NaT differ from themselves
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if isinstance(value, int) or value.is_integer():
            if abs(value) > _LARGEST_EXACT and isinstance(value, float):
                raise error(
                    f"{where}: {value:.0f} is a number of {len(f'{abs(value):.0f}')} digits, of "
                    "which no more than 15 are kept; store ids as text"
                )
            return str(int(value))
        return repr(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "|".join(_text(item, where, error) for item in value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise error(f"{where}: bytes that are no UTF-8 text; store text") from None
    raise error(
        f"{where}: a value of the kind {type(value).__name__}; expected text, a number, a date or "
        "a list"
    )
