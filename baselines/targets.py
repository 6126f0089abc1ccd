"""What a baseline learns: the kind of task, its outputs, and a target for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baselines.container.answers import BINARY, KINDS, MULTICLASS, ORDINAL, SCORE
from cohort_selection.cases import Case
from cohort_selection.task.declaration import Task as Declared


class TaskError(ValueError):
    """A task that no baseline answers, or targets that do not fit it."""


@dataclass(frozen=True, slots=True)
class Task:
    """Kind of task and names of its outputs.

    ``grades`` is the number of grades of an ordinal one, ``lowest`` the first of its scale.
    Targets are (n, n_outputs): 0 or 1 a finding and NaN where it is unknown; 1 in the column of
    the class; the grade, counted from 0 to ``grades`` - 1; the binary label.
    """

    kind: str = BINARY
    outputs: tuple[str, ...] = ("probability",)
    grades: int = 0
    lowest: int = 0

    def __post_init__(self) -> None:
        """Refuse what no baseline answers."""
        if self.kind not in KINDS:
            raise TaskError(
                f"the task's kind is {self.kind!r}, and baselines answer {', '.join(KINDS)}; "
                f"`sequestra init` writes a program for any kind to begin with"
            )
        n_outputs = len(self.outputs)
        if self.kind in {BINARY, ORDINAL, SCORE} and n_outputs != 1:
            raise TaskError(f"{self.kind} has one output, and {n_outputs} are named; name one")
        if self.kind == MULTICLASS and n_outputs < 2:
            raise TaskError("multiclass needs at least 2 outputs, one a class; name them")
        if self.kind == ORDINAL and self.grades < 2:
            raise TaskError(f"an ordinal task has at least 2 grades, and {self.grades} are given")

    @property
    def n_logits(self) -> int:
        """Logits that a network gives: one an output, or one a cut between grades."""
        return self.grades - 1 if self.kind == ORDINAL else len(self.outputs)

    def logit_targets(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give (n, n_logits) targets of the logits in 0 to 1: of grades, one for each cut."""
        if self.kind != ORDINAL:
            return targets
        return (targets > np.arange(self.grades - 1)).astype(np.float64)

    def defaults(self, targets: NDArray[np.float64]) -> tuple[float, ...]:
        """The mean of each target, on the declared scale: what a case gets that cannot be read."""
        if self.kind == SCORE:
            return (0.0,)
        with np.errstate(invalid="ignore"):
            known = ~np.isnan(targets)
            means = np.nansum(targets, axis=0) / np.maximum(known.sum(axis=0), 1)
        return tuple(round(float(mean) + self.lowest, 6) for mean in means)


ONE_PROBABILITY = Task()
"""The binary task with the contract's usual output."""


def task_of(declared: Declared, outputs: Sequence[str] | None = None) -> Task:
    """The task of a benchmark, or of an open list; ``outputs`` as its contract names them."""
    grades = declared.highest - declared.lowest + 1 if declared.kind == ORDINAL else 0
    names = tuple(declared.outputs if outputs is None else outputs)
    return Task(kind=declared.kind, outputs=names, grades=grades, lowest=declared.lowest)


def targets_of(cases: Sequence[Case], task: Task) -> NDArray[np.float32]:
    """Give the targets (n_cases, n_outputs) of cases; NaN where one is unknown.

    Raises TaskError where the cases carry no targets of this kind.
    """
    if task.kind in {BINARY, SCORE}:
        return np.array([[case.label] for case in cases], dtype=np.float32).reshape(-1, 1)
    lacking = [name for name in task.outputs if any(name not in case.targets for case in cases)]
    if lacking:
        raise TaskError(
            f"the open list has no targets of {', '.join(lacking)}, which a {task.kind} task "
            "needs; write it with `sequestra sequester` of the same benchmark"
        )
    columns = [
        [np.nan if case.targets[name] is None else case.targets[name] for name in task.outputs]
        for case in cases
    ]
    return (np.array(columns, dtype=np.float32) - task.lowest).reshape(-1, len(task.outputs))
