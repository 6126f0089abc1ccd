"""Reads what a comparator said of each case, and puts it beside the cases that are sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.tables.cell_words import is_unknown, number, spelling
from cohort_selection.tables.column_names import CASE_NAMES, NAMES, SCORE_NAMES
from evaluator.case_tables.case_table import CaseTable, ScoringInputError
from evaluator.case_tables.labels import Labels, read_labels
from evaluator.claims.declaration import ClaimsError, Comparator
from metrics.edges import called

_CASES = tuple(dict.fromkeys((*NAMES["study"], *CASE_NAMES)))


@dataclass(frozen=True, slots=True)
class ComparatorTable:
    """What a comparator said: a score, or a call as 0 or 1, by study or by patient.

    ``values`` has None for a row whose cell is blank.
    """

    name: str
    file: str
    what: str
    by_patient: bool
    values: Mapping[str, float | None]

    def of(self, cases: Sequence[Case]) -> dict[str, float]:
        """Its value of each case, by the case's id; ClaimsError where one is missing.

        Rows of other cases are left aside. A table that names patients fits where each patient
        has one case.
        """
        keys = [case.patient_id if self.by_patient else case.case_id for case in cases]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ClaimsError(
                f"[comparators.{self.name}]: {self.file} names patients, and patient {twice!r} has "
                f"several cases; name each study in a column study_uid"
            )
        values = {
            case.case_id: value
            for case, key in zip(cases, keys, strict=True)
            if (value := self.values.get(key)) is not None
        }
        lost = [key for key in keys if self.values.get(key) is None]
        if lost:
            blank = sum(key in self.values for key in lost)
            also = f", {blank} of them blank" if blank else ""
            raise ClaimsError(
                f"[comparators.{self.name}]: {self.file} has no {self.what} for {len(lost)} of "
                f"{len(keys)} cases{also}; the first is {lost[0]!r}"
                f"{spelling(list(self.values), lost)}: give one for every case, or leave such "
                f"cases out of the cohort by a rule"
            )
        return values


def read_comparator(name: str, declared: Comparator, folder: Path) -> ComparatorTable:
    """Read the table of the comparator ``name`` in a folder; raise ClaimsError."""
    path = folder / declared.file
    try:
        table = CaseTable(path)
        by_patient = _gather(table, declared)
        if declared.has_calls_alone:
            values = _calls(table, declared.calls)
        else:
            values = _scores(table, declared.scores)
    except ScoringInputError as problem:
        raise ClaimsError(f"[comparators.{name}]: {problem}") from None
    return ComparatorTable(
        name=name,
        file=declared.file,
        what="call" if declared.has_calls_alone else "score",
        by_patient=by_patient,
        values=dict(zip(table.cases, values, strict=True)),
    )


def _gather(table: CaseTable, declared: Comparator) -> bool:
    """Find the column that names the cases; whether it names patients."""
    columns = (declared.cases,) if declared.cases else _CASES
    column = table.find(*columns)
    patient = table.find(*NAMES["patient"])
    by_patient = column is None and patient is not None and not declared.cases
    if by_patient:
        column = patient
    if column is None:
        raise table.missing("case column", columns)
    table.gather(column)
    table.refuse_repeats()
    return by_patient or (column == patient and bool(declared.cases))


def _scores(table: CaseTable, score_column: str) -> list[float | None]:
    names = (score_column,) if score_column else SCORE_NAMES
    column = table.find(*names)
    if column is None:
        raise table.missing("score column", names)
    scores: list[float | None] = []
    for case, text in zip(table.cases, table.texts(column), strict=True):
        value = number(text)
        if value is None and not is_unknown(text):
            raise ScoringInputError(
                f"{table.first(case)}: {column} is {text!r}; give a finite number with a decimal "
                "point that is higher where the label is likelier"
            )
        scores.append(value)
    return scores


def _calls(table: CaseTable, call_column: str) -> list[float | None]:
    column = table.find(call_column)
    if column is None:
        raise table.missing("column of calls", [call_column])
    called, usable = read_labels(table, column, Labels(blank="exclude"))
    return [
        float(one) if is_usable else None for one, is_usable in zip(called, usable, strict=True)
    ]


def calls_at(values: np.ndarray, declared: Comparator) -> np.ndarray:
    """Whether the comparator called each case positive, by its own calls or its ``call_at``."""
    if declared.has_calls_alone:
        return np.asarray(values > 0.5)
    assert declared.call_at is not None  # the file is refused without it
    return called(values, declared.call_at)
