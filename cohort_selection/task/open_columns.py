"""Targets as columns of an open list; a column's name tells the kind of task.

A finding's column is ``finding:effusion``, with 1, 0, or nothing where it is unknown. A class's is
``class:bacterial``, 1 for the case's own class. The grade's is ``grade:0-24``, with the scale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from cohort_selection.task.declaration import (
    MULTICLASS,
    MULTILABEL,
    ONE_PROBABILITY,
    ORDINAL,
    Task,
    TaskError,
)

_GRADE = re.compile(r"grade:([0-9]{1,4})-([0-9]{1,4})")
_PREFIX = {MULTILABEL: "finding:", MULTICLASS: "class:"}


def target_columns(task: Task) -> dict[str, str]:
    """Output -> name of its column in an open list; empty where the label says all."""
    if task.kind == ORDINAL:
        return {"grade": f"grade:{task.lowest}-{task.highest}"}
    prefix = _PREFIX.get(task.kind)
    return {} if prefix is None else {name: f"{prefix}{name}" for name in task.outputs}


def is_target(column: str) -> bool:
    """Whether a column of an open list holds a target."""
    return column.startswith((*_PREFIX.values(), "grade:"))


def task_of(columns: Sequence[str]) -> Task:
    """The task whose targets an open list with these columns has; one probability where none.

    The names of findings and classes are those of the outputs. Raises TaskError for targets of
    two kinds, and ValueError for names that are none of outputs.
    """
    targets = [column for column in columns if is_target(column)]
    if not targets:
        return ONE_PROBABILITY
    task = _task_of(targets)
    expected = target_columns(task).values()
    for column, name in zip(targets, expected, strict=True):
        if column != name:
            raise TaskError(f"the open list has the column {column!r}; it is written {name!r}")
    return task


def _task_of(targets: Sequence[str]) -> Task:
    for kind, prefix in _PREFIX.items():
        names = tuple(c.removeprefix(prefix) for c in targets if c.startswith(prefix))
        if len(names) == len(targets):
            return (
                Task(kind, findings=names)
                if kind == MULTILABEL
                else Task(kind, "class", classes=names)
            )
    scale = _GRADE.fullmatch(targets[0])
    if len(targets) > 1 or scale is None:
        raise TaskError(
            f"the open list has the columns {', '.join(targets)}; targets are of one kind: "
            "finding:NAME, class:NAME, or one grade:LOWEST-HIGHEST"
        )
    return Task(ORDINAL, "grade", lowest=int(scale[1]), highest=int(scale[2]))


def cell(target: float | None) -> str:
    """A target as an open list has it."""
    return "" if target is None else f"{target:g}"


def read_cells(row: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, float | None]:
    """The targets of a row by output; raise TaskError for a cell that its column cannot hold."""
    found = {output: _target((row[name] or "").strip(), name) for output, name in columns.items()}
    of_classes = any(name.startswith(_PREFIX[MULTICLASS]) for name in columns.values())
    if of_classes and sorted(value or 0.0 for value in found.values())[-2:] != [0.0, 1.0]:
        raise TaskError("the classes are not one 1 and 0 otherwise; a case is of one class")
    return found


def _target(text: str, column: str) -> float | None:
    scale = _GRADE.fullmatch(column)
    lowest, highest = (int(scale[1]), int(scale[2])) if scale else (0, 1)
    if not text and column.startswith(_PREFIX[MULTILABEL]):
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if value.is_integer() and lowest <= value <= highest:
        return value
    expected = f"a whole number from {lowest} to {highest}" if scale else "1 or 0"
    unknown = ", or nothing where it is unknown" if column.startswith(_PREFIX[MULTILABEL]) else ""
    raise TaskError(f"{column} is {text!r}; give {expected}{unknown}")
