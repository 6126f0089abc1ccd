"""Reads a table of scores or labels case by case, and finds its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.clinical import vocabulary as cells
from cohort_selection.clinical.age_bands import band_of
from cohort_selection.clinical.vocabulary import NOT_REPORTED, ClinicalError
from cohort_selection.tables.cell_words import is_unknown, joined
from cohort_selection.tables.column_names import LABELLED_NAMES, NAMES, field_of, find
from cohort_selection.tables.text_table import TextTable, read_text_table

_MOST_SHOWN = 40
_OVER_89 = "_gt89"


class ScoringInputError(ValueError):
    """Files or arrays cannot be scored; one sentence names file, line and what to do."""


class CaseTable:
    """The lines of a table gathered by case; a case's lines must agree in what is asked for.

    ``cases`` are in the order of the table. A long table has one line a case and label;
    ``labelled`` is the column that names the label.
    """

    def __init__(self, path: Path) -> None:
        """Read the table; raise ScoringInputError."""
        self.table: TextTable = read_text_table(path, ScoringInputError)
        self.name = path.name
        if not self.table.lines:
            raise ScoringInputError(f"{self.name} has a header and no row; give one row a case")
        self.case = ""
        self.cases: dict[str, list[int]] = {}
        self.labelled: str | None = None
        self._of_label: dict[str, dict[str, int]] | None = None

    def find(self, *names: str) -> str | None:
        """The column of the first of these names, in any spelling."""
        return find(self.table.columns, names)

    def missing(self, what: str, names: Iterable[str]) -> ScoringInputError:
        """The refusal for want of a column, with those that are there."""
        columns = [name for name in self.table.columns if name]
        asked = list(names)
        meant = did_you_mean(asked[0], columns) if len(asked) == 1 else ""
        shown = ", ".join(columns[:_MOST_SHOWN]) + (", ..." if len(columns) > _MOST_SHOWN else "")
        return ScoringInputError(
            f"{self.name} has no {what} ({' or '.join(asked)}){meant}; its columns are: {shown}; "
            "name one of these, or add it"
        )

    def gather(self, case: str, *, id_holds_label: bool = False) -> None:
        """Take the column that names the cases; with ``id_holds_label`` each id ends in a label."""
        self.case = case
        self.table.refuse_shortened(case, ScoringInputError)
        of_label: dict[str, dict[str, int]] = {}
        for row, name in enumerate(self.table.column(case)):
            if is_unknown(name):
                raise ScoringInputError(
                    f"{self.place(row)}: {case} is empty or says that it is unknown; give each "
                    "case a name"
                )
            if id_holds_label:
                name, mark, label = name.rpartition("_")
                if not mark or not name or not label:
                    raise ScoringInputError(
                        f"{self.place(row)}: {case} is {label!r}, which does not end in _ and a "
                        "label"
                    )
                self._add(of_label, name, label, row)
            self.cases.setdefault(name, []).append(row)
        if id_holds_label:
            self._of_label = of_label
        elif any(len(rows) > 1 for rows in self.cases.values()):
            self.labelled = self.find(*LABELLED_NAMES)

    def place(self, row: int) -> str:
        """How a message names a line."""
        return f"{self.name} line {self.table.lines[row][0]}"

    def first(self, case: str) -> str:
        """How a message names the first line of a case."""
        return self.place(self.cases[case][0])

    def refuse_repeats(self) -> None:
        """Raise ScoringInputError where a case has two lines."""
        for rows in self.cases.values():
            if len(rows) > 1:
                raise self._again(rows[0], rows[1], "")

    def _again(self, one: int, other: int, why: str) -> ScoringInputError:
        return ScoringInputError(
            f"{self.place(other)}: the case of line {self.table.lines[one][0]} again{why}; give "
            "each case once"
        )

    def texts(self, column: str, *, join: bool = False) -> list[str]:
        """The text of each case; those of a case's lines ``joined``, or refused if they differ."""
        texts = self.table.column(column)
        if len(self.cases) == len(texts):
            return texts
        of_cases = []
        for rows in self.cases.values():
            first = texts[rows[0]]
            for row in rows[1:]:
                if texts[row] != first and not join:
                    raise self._again(
                        rows[0], row, f", with another {column} ({first!r}, then {texts[row]!r})"
                    )
            of_cases.append(joined([texts[row] for row in rows]) if join else first)
        return of_cases

    def _add(self, into: dict[str, dict[str, int]], case: str, label: str, row: int) -> None:
        of_case = into.setdefault(label, {})
        if case in of_case:
            raise self._again(of_case[case], row, f" with the label {label!r}")
        of_case[case] = row

    def long_labels(self) -> dict[str, dict[str, int]]:
        """Label -> case -> line of a long table; empty where the table is none."""
        if self._of_label is None:
            rows_of: dict[str, dict[str, int]] = {}
            if self.labelled is not None:
                names = self.table.column(self.labelled)
                for case, rows in self.cases.items():
                    for row in rows:
                        self._add(rows_of, case, names[row], row)
            self._of_label = rows_of
        return self._of_label

    def levels(self, name: str, bands: Sequence[int]) -> tuple[str, list[str]] | None:
        """The level of each case for a subgroup, and the attribute's name; None without a column.

        Ages become ``age_group`` by ``bands``, unless the table has that column.
        """
        field = field_of(name)
        column = self.find("age_group") if field == "age" else None
        column = column or self.find(name) or self.find(*NAMES.get(field or "", ()))
        if name == "age_group":
            column = self.find("age_group") or self.find(*NAMES["age"])
        if column is None:
            return None
        if field_of(column) != "age":
            spelled = name if field != "age" else "age_group"
            return spelled, [cells.level(column, text) for text in self.texts(column)]
        mark = self.find(column + _OVER_89)
        marks = self.texts(mark) if mark else [""] * len(self.cases)
        texts = zip(self.cases, self.texts(column), marks, strict=True)
        try:
            return "age_group", [
                band_of(self.first(case), column, text, over, bands) for case, text, over in texts
            ]
        except ClinicalError as wrong:
            raise ScoringInputError(str(wrong)) from None

    def patients(self, column: str, tell: Callable[[str], None]) -> list[str]:
        """The patient of each case; one whose patient is not known is a patient of its own."""
        self.table.refuse_shortened(column, ScoringInputError)
        texts = self.texts(column)
        unknown = [case for case, text in zip(self.cases, texts, strict=True) if is_unknown(text)]
        if unknown:
            tell(
                f"{len(unknown)} of {len(texts)} cases in {self.name} have no {column} (the first "
                f"is on line {self.table.lines[self.cases[unknown[0]][0]][0]}); each counts as a "
                "patient of its own"
            )
        return [
            f"{NOT_REPORTED}, {self.first(case)}" if is_unknown(text) else text
            for case, text in zip(self.cases, texts, strict=True)
        ]
