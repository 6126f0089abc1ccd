"""Reads what the clinical table says of each output of a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from cohort_selection.eligibility.label_rule import NEGATIVE, REFUSE, LabelError, LabelRule
from cohort_selection.tables.cell_words import is_unknown, items
from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL, Task, output_of

Targets = dict[str, float | None]
Texts = Mapping[str, Mapping[str, str]]
"""Study -> column -> cell."""


def columns_of(task: Task) -> tuple[str, ...]:
    """The columns of the clinical table that hold the targets of a task."""
    if task.kind == MULTILABEL and not task.column:
        return task.findings
    return (task.column,) if task.has_targets else ()


def is_known(task: Task, cells: Mapping[str, str]) -> bool:
    """Whether the table says the class, the grade, or anything of a finding of a study."""
    if task.kind == MULTILABEL and task.blank == NEGATIVE:
        return True
    return any(not is_unknown(cells[column]) for column in columns_of(task))


def targets_of(task: Task, texts: Texts) -> dict[str, Targets]:
    """Study -> output -> target, for studies with ``is_known`` cells; raise LabelError."""
    if task.kind == MULTILABEL:
        return _findings(task, texts)
    if task.kind == MULTICLASS:
        return _classes(task, texts)
    assert task.kind == ORDINAL
    return {study: {"grade": _grade(task, cells[task.column])} for study, cells in texts.items()}


def _findings(task: Task, texts: Texts) -> dict[str, Targets]:
    found: dict[str, Targets] = {study: {} for study in texts}
    for finding in task.findings:
        column = task.column or finding
        rule = LabelRule(
            column,
            contains=(finding,) if task.column else (),
            uncertain=REFUSE if task.column or task.uncertain == "unknown" else task.uncertain,
        )
        unsure = task.uncertain == "unknown" and not task.column
        cells = {study: cells[column] for study, cells in texts.items()}
        told = {
            study: text
            for study, text in cells.items()
            if not is_unknown(text) and not (unsure and rule.is_uncertain(text))
        }
        labels = rule.labels(told)
        for study, text in cells.items():
            absent = 0.0 if is_unknown(text) and task.blank == NEGATIVE else None
            label = labels.get(study)
            found[study][output_of(finding)] = absent if label is None else float(label)
    return found


def _classes(task: Task, texts: Texts) -> dict[str, Targets]:
    place = {name.casefold(): number for number, name in enumerate(task.classes)}
    found: dict[str, Targets] = {}
    odd: Counter[str] = Counter()
    for study, cells in texts.items():
        said = " ".join(cells[task.column].split())
        number = place.get(said.casefold())
        if number is None:
            odd[said] += 1
            continue
        found[study] = {output: float(other == number) for other, output in enumerate(task.outputs)}
    if odd:
        value, n = odd.most_common(1)[0]
        several = "a list of several; " if len(items(value)) > 1 else ""
        raise LabelError(
            f"the class {task.column} is {value!r} in {n} of {len(texts)} records, {several}"
            f"[task] classes has {', '.join(task.classes)}; add it there, or exclude it by a rule"
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
