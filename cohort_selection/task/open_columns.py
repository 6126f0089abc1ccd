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
    two kinds.
    """
    targets = [column for column in columns if is_target(column)]
    if not targets:
        return ONE_PROBABILITY
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
    """The targets of a row by output; raise TaskError for a cell that is no number."""
    found: dict[str, float | None] = {}
    for output, column in columns.items():
        text = (row[column] or "").strip()
        try:
            value = float(text) if text else None
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            raise TaskError(f"{column} is {text!r}; give a number, or nothing where it is unknown")
        found[output] = value
    return found
