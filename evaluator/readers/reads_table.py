"""Reads a long table of readers: one row a reader and case, or a reader, case and modality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.tables.cell_words import is_unknown, number, spelling
from cohort_selection.tables.column_names import (
    CALL_NAMES,
    CASE_NAMES,
    MODALITY_NAMES,
    NAMES,
    RATING_NAMES,
    READER_NAMES,
    SCORE_NAMES,
)
from evaluator.case_tables.case_table import CaseTable, ScoringInputError
from evaluator.case_tables.labels import Labels, read_words

_CASES = tuple(dict.fromkeys((*CASE_NAMES, *NAMES["study"])))
_RATINGS = (*RATING_NAMES, *SCORE_NAMES)
_WHOLE = "each reader must read each case in each modality"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadsTable:
    """What readers said, fully crossed: arrays (modalities, readers, cases), in a given order.

    ``modalities`` is one empty name where the table has no such column. ``scores`` is None where
    the table has calls alone, ``calls`` (0 or 1) where it has scores alone.
    """

    file: str
    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    scores: NDArray[np.float64] | None
    calls: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadsColumns:
    """Names of columns; empty where the usual ones are sought."""

    reader: str = ""
    case: str = ""
    modality: str = ""
    score: str = ""
    call: str = ""


def read_reads(
    path: Path,
    cases: Sequence[str],
    columns: ReadsColumns = ReadsColumns(),
    tell: Callable[[str], None] = lambda _: None,
    *,
    others: bool = False,
) -> ReadsTable:
    """Read the table in the order of ``cases``; readers and modalities by first appearance.

    Rows of other cases are refused, or left aside with ``others``. A read that is missing, blank or
    given twice is refused: the method needs a fully crossed study. Raises ScoringInputError.
    """
    table = CaseTable(path)
    case = _found(table, "case column", (columns.case,) if columns.case else _CASES)
    reader = _found(table, "reader column", (columns.reader,) if columns.reader else READER_NAMES)
    table.table.refuse_shortened(case, ScoringInputError)
    modality = table.find(*((columns.modality,) if columns.modality else MODALITY_NAMES))
    if modality is None and columns.modality:
        raise table.missing("modality column", [columns.modality])
    rows = _Rows(table, cases, case, others=others)
    readers = _codes(table, reader, rows.kept)
    modalities = _codes(table, modality, rows.kept) if modality else ([""], None)
    shape = (len(modalities[0]), len(readers[0]), len(cases))
    place = _places(table, rows, readers, modalities, shape, cases)
    scores, calls = _values(table, columns, rows.kept)
    if scores is not None and calls is None and set(np.unique(scores)) <= {0.0, 1.0}:
        tell(f"the scores of {table.name} are all 0 or 1; they are taken as calls")
        scores, calls = None, scores
    return ReadsTable(
        file=table.name,
        modalities=tuple(modalities[0]),
        readers=tuple(readers[0]),
        scores=None if scores is None else _laid_out(scores, place, shape),
        calls=None if calls is None else _laid_out(calls, place, shape),
    )


def check_reads(path: Path, columns: ReadsColumns) -> None:
    """Read the columns and cells of a table, with reads missing or not; raise ScoringInputError."""
    table = CaseTable(path)
    _found(table, "case column", (columns.case,) if columns.case else _CASES)
    reader = _found(table, "reader column", (columns.reader,) if columns.reader else READER_NAMES)
    every = list(range(len(table.table.lines)))
    _codes(table, reader, every)
    _values(table, columns, every)


_Codes = tuple[list[str], NDArray[np.int64] | None]
"""Names by first appearance, and which of them each kept row has; None where all have the one."""


class _Rows:
    """The rows of a table that are about the wanted cases, and which case each is about."""

    def __init__(
        self, table: CaseTable, cases: Sequence[str], column: str, *, others: bool
    ) -> None:
        known = {name: place for place, name in enumerate(cases)}
        names = table.table.column(column)
        unknown = [row for row, name in enumerate(names) if name not in known]
        if unknown and not others:
            self._refuse(table, cases, names, column, unknown)
        self.kept = [row for row, name in enumerate(names) if name in known]
        if not self.kept:
            raise ScoringInputError(
                f"{table.name} has no row of these cases; the first is {cases[0]!r}"
                f"{spelling(names, list(cases))}: give the reads of these cases"
            )
        self.case = np.array([known[names[row]] for row in self.kept], dtype=np.int64)

    @staticmethod
    def _refuse(
        table: CaseTable, cases: Sequence[str], names: list[str], column: str, unknown: list[int]
    ) -> None:
        first = unknown[0]
        if is_unknown(names[first]):
            raise ScoringInputError(
                f"{table.place(first)}: {column} is empty or says that it is unknown; give each "
                "case a name"
            )
        strangers = list(dict.fromkeys(names[row] for row in unknown))
        raise ScoringInputError(
            f"{table.place(first)}: the case {names[first]!r} is not among the labels "
            f"({len(strangers)} such cases), whose first case is {cases[0]!r}"
            f"{spelling(strangers, list(cases))}; give both tables the same names, or leave such "
            "cases out of the reads"
        )


def _found(table: CaseTable, what: str, names: Sequence[str]) -> str:
    column = table.find(*names)
    if column is None:
        raise table.missing(what, names)
    return column


def _codes(table: CaseTable, column: str, rows: list[int]) -> _Codes:
    texts = table.table.column(column)
    names: dict[str, int] = {}
    code = np.empty(len(rows), dtype=np.int64)
    for place, row in enumerate(rows):
        if is_unknown(texts[row]):
            raise ScoringInputError(
                f"{table.place(row)}: {column} is empty or says that it is unknown; name it in "
                "each row"
            )
        code[place] = names.setdefault(texts[row], len(names))
    return list(names), code


def _places(
    table: CaseTable,
    rows: _Rows,
    readers: _Codes,
    modalities: _Codes,
    shape: tuple[int, int, int],
    cases: Sequence[str],
) -> NDArray[np.int64]:
    """The place of each row in the flat array; refuses reads that are doubled or missing."""
    reader = np.zeros(1, dtype=np.int64) if readers[1] is None else readers[1]
    modality = np.zeros_like(rows.case) if modalities[1] is None else modalities[1]
    place = (modality * shape[1] + reader) * shape[2] + rows.case
    filled = np.bincount(place, minlength=int(np.prod(shape)))
    if filled.max() > 1:
        first: dict[int, int] = {}
        named = modalities[1] is not None
        hint = "" if named else ", or name what it was read with in a column modality"
        for row, where in zip(rows.kept, place.tolist(), strict=True):
            if where in first:
                raise ScoringInputError(
                    f"{table.place(row)}: the read of line "
                    f"{table.table.lines[first[where]][0]} again (reader "
                    f"{readers[0][int(where // shape[2]) % shape[1]]!r}, case "
                    f"{cases[where % shape[2]]!r}{_in_modality(modalities[0], where, shape)}); "
                    f"give each read once{hint}"
                )
            first[where] = row
    if filled.min() < 1:
        raise _missing(table, filled, readers[0], modalities[0], shape, cases)
    return place


def _in_modality(names: list[str], where: int, shape: tuple[int, int, int]) -> str:
    name = names[where // (shape[1] * shape[2])]
    return f", modality {name!r}" if name else ""


def _missing(
    table: CaseTable,
    filled: NDArray[np.int64],
    readers: list[str],
    modalities: list[str],
    shape: tuple[int, int, int],
    cases: Sequence[str],
) -> ScoringInputError:
    lost = np.flatnonzero(filled == 0)
    first = int(lost[0])
    of_first = int((lost // shape[2] == first // shape[2]).sum())
    reader = readers[(first // shape[2]) % shape[1]]
    more = f" ({lost.size} reads are missing in all)" if lost.size > of_first else ""
    return ScoringInputError(
        f"{table.name}: reader {reader!r} has no read of {of_first} of {shape[2]} cases"
        f"{_in_modality(modalities, first, shape)}, the first is {cases[first % shape[2]]!r}"
        f"{more}; {_WHOLE}: complete the table, or leave such readers or cases out of both tables"
    )


def _values(
    table: CaseTable, columns: ReadsColumns, rows: list[int]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Scores and calls of the kept rows, each None where no column has them."""
    score = table.find(*((columns.score,) if columns.score else _RATINGS))
    call = table.find(*((columns.call,) if columns.call else CALL_NAMES))
    if columns.score and score is None:
        raise table.missing("score column", [columns.score])
    if columns.call and call is None:
        raise table.missing("column of calls", [columns.call])
    if score is None and call is None:
        raise table.missing("column of scores or calls", (*_RATINGS[:4], *CALL_NAMES[:2]))
    return (
        None if score is None else _scores(table, score, rows),
        None if call is None else _calls(table, call, rows),
    )


def _scores(table: CaseTable, column: str, rows: list[int]) -> NDArray[np.float64]:
    texts = table.table.column(column)
    scores = np.empty(len(rows))
    for place, row in enumerate(rows):
        value = number(texts[row])
        if value is None:
            raise ScoringInputError(
                f"{table.place(row)}: {column} is {texts[row]!r}; give a finite number that is "
                f"higher where the label is likelier, for {_WHOLE}"
            )
        scores[place] = value
    return scores


def _calls(table: CaseTable, column: str, rows: list[int]) -> NDArray[np.float64]:
    texts = table.table.column(column)
    y, _ = read_words(
        [table.place(row) for row in rows], [texts[row] for row in rows], column, Labels()
    )
    return y.astype(np.float64)


def _laid_out(
    values: NDArray[np.float64], place: NDArray[np.int64], shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    reads = np.empty(int(np.prod(shape)))
    reads[place] = values
    return reads.reshape(shape)
