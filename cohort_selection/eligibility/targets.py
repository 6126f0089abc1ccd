"""Reads what the clinical table says of each output of a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cohort_selection.coded import Coded
from cohort_selection.eligibility.label_rule import NEGATIVE, REFUSE, LabelError, LabelRule
from cohort_selection.tables.cell_words import is_unknown, items
from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL, Task, output_of

Cells = Mapping[str, Coded]
"""Column of the clinical table -> the cell of each study."""
Targets = dict[str, NDArray[np.float64]]
"""Output -> the target of each study, NaN where it is not known."""


def columns_of(task: Task) -> tuple[str, ...]:
    """The columns of the clinical table that hold the targets of a task."""
    if task.kind == MULTILABEL and not task.column:
        return task.findings
    return (task.column,) if task.has_targets else ()


def is_known(task: Task, cells: Cells) -> NDArray[np.bool_]:
    """Whether the table says the class, the grade, or anything of a finding of each study."""
    says_all = task.kind == MULTILABEL and task.blank == NEGATIVE
    of_columns = [
        np.array([says_all or not is_unknown(text) for text in column.levels], np.bool_)[
            column.codes
        ]
        for column in cells.values()
    ]
    return np.logical_or.reduce(of_columns)


def targets_of(task: Task, cells: Cells) -> Targets:
    """The targets of studies with ``is_known`` cells; raise LabelError."""
    if task.kind == MULTILABEL:
        return {output_of(each): _finding(task, each, cells) for each in task.findings}
    column = cells[task.column]
    if task.kind == MULTICLASS:
        place = _classes(task, column.counts())
        found = np.array([place[text] for text in column.levels])[column.codes]
        return {output: (found == i).astype(float) for i, output in enumerate(task.outputs)}
    assert task.kind == ORDINAL
    return {"grade": _spread(column, {text: _grade(task, text) for text in column.counts()})}


def _finding(task: Task, finding: str, cells: Cells) -> NDArray[np.float64]:
    column = cells[task.column or finding]
    unsure = task.uncertain == "unknown" and not task.column
    rule = LabelRule(
        task.column or finding,
        contains=(finding,) if task.column else (),
        uncertain=REFUSE if task.column or unsure else task.uncertain,
    )
    told = {
        text: n
        for text, n in column.counts().items()
        if not is_unknown(text) and not (unsure and rule.is_uncertain(text))
    }
    blank = 0.0 if task.blank == NEGATIVE else np.nan
    absent = {text: blank for text in column.levels if is_unknown(text)}
    return _spread(column, absent | rule.labels(told))


def _spread(column: Coded, targets: Mapping[str, float]) -> NDArray[np.float64]:
    of_level = np.array([targets.get(text, np.nan) for text in column.levels], np.float64)
    return of_level[column.codes]


def _classes(task: Task, texts: Mapping[str, int]) -> dict[str, int]:
    place = {name.casefold(): number for number, name in enumerate(task.classes)}
    found: dict[str, int] = {}
    odd: Counter[str] = Counter()
    for text, n in texts.items():
        said = " ".join(text.split())
        number = place.get(said.casefold())
        if number is None:
            odd[said] += n
        else:
            found[text] = number
    if odd:
        value, n = odd.most_common(1)[0]
        several = "a list of several; " if len(items(value)) > 1 else ""
        raise LabelError(
            f"the class {task.column} is {value!r} in {n} of {sum(texts.values())} records, "
            f"{several}[task] classes has {', '.join(task.classes)}; add it there, or exclude it "
            "by a rule"
        )
    return found


def _grade(task: Task, text: str) -> float:
    try:
        grade = float(text.strip())
    except ValueError:
        grade = -1.0
    if not task.lowest <= grade <= task.highest or grade != round(grade):
        raise LabelError(
            f"the grade {task.column} is {text.strip()!r} in a record; it must be a whole number "
            f"from {task.lowest} to {task.highest}, or empty where it is not known"
        )
    return grade
