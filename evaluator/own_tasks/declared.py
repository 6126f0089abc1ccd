"""The task of a reader's own tables: of options, or of a benchmark's file."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from cohort_selection.task.declaration import (
    MULTICLASS,
    MULTILABEL,
    ONE_PROBABILITY,
    Task,
    read_task,
)
from evaluator import shipped
from evaluator.case_tables.labels import Labels
from evaluator.case_tables.scoring_input import Reading, ScoringInputError
from evaluator.own_tasks import graded

OF_TABLES = (MULTILABEL, MULTICLASS)
"""Kinds that `score` judges from one table of all outputs."""


def own_task(kind: str, plan: Path | None, reading: Reading) -> tuple[Task, Reading] | None:
    """The task, and how its tables are read; None where one score is judged a label.

    ``kind`` is asked for by an option, else the file of the ``plan`` declares it. Labels that were
    named are the findings or classes; else the file's are. Raises ScoringInputError and TaskError.
    """
    declared = ONE_PROBABILITY if plan is None else _of_file(plan)
    if (one_output := graded.own_task(kind, declared, reading)) is not None:
        return one_output
    if not kind and declared.kind not in OF_TABLES:
        return None
    if kind and kind not in OF_TABLES:
        raise ScoringInputError(
            f"--task is {kind!r}; give {', '.join(OF_TABLES)}, score, or grades as ordinal:0-24"
        )
    kind = kind or declared.kind
    of_file = declared if declared.kind == kind else Task()
    names = tuple(reading["labels"]) or of_file.findings or of_file.classes
    how = reading["how"] or Labels()
    column = how.list_column or of_file.column
    if len(names) < 2:
        raise ScoringInputError(
            f"a {kind} task has two labels or more, and {len(names)} is named; give each with "
            f"--label, or a benchmark's file that declares them with --plan"
        )
    if kind == MULTICLASS and not column:
        raise ScoringInputError(
            "a multiclass task needs the column of each case's class; name it with --list-column"
        )
    try:
        task = (
            Task(kind, column, classes=names)
            if kind == MULTICLASS
            else Task(kind, column, findings=names)
        )
    except ValueError as problem:
        raise ScoringInputError(f"{problem}") from None
    return task, _reading(task, of_file, how, reading)


def _reading(task: Task, of_file: Task, how: Labels, reading: Reading) -> Reading:
    """Labels as the task says where no option does: what is blank or unsure is not known."""
    for key, option in (("weight_column", "--weight-column"), ("score_column", "--score-column")):
        if reading.get(key):
            raise ScoringInputError(
                f"{option} is given beside a {task.kind} task, which has none: leave one of the "
                "two out"
            )
    if task.kind == MULTICLASS and reading.get("missing") == "worst":
        raise ScoringInputError(
            "--missing worst gives a case one score, and a multiclass task needs a probability "
            "for each class: predict every case"
        )
    blank = "negative" if of_file.blank == "negative" else "exclude"
    uncertain = {"unknown": "exclude"}.get(of_file.uncertain, of_file.uncertain)
    own = replace(
        how,
        list_column=task.column,
        blank=blank if how.blank == "refuse" else how.blank,
        uncertain=uncertain if how.uncertain == "refuse" else how.uncertain,
    )
    options = reading.copy()
    options["how"] = own
    options["labels"] = task.classes or task.findings
    return options


def _of_file(plan: Path) -> Task:
    path = shipped.resolved(plan)
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("task", {})
    return read_task(table, path) if isinstance(table, dict) else ONE_PROBABILITY
