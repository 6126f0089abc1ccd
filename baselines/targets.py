"""What a baseline learns: the kind of task, its outputs, and a target for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baselines.container import answers
from baselines.container.answers import BINARY, KINDS, MULTICLASS, ORDINAL, SCORE
from cohort_selection.cases import Case


class TaskError(ValueError):
    """A task that no baseline answers, or targets that do not fit it."""


@dataclass(frozen=True, slots=True)
class Task:
    """Kind of task and names of its outputs; ``grades`` is the number of grades of an ordinal one.

    Targets are (n, n_outputs): 0 or 1 a finding and NaN where it is unknown; 1 in the column of
    the class; the grade from 0 to ``grades`` - 1; the binary label.
    """

    kind: str = BINARY
    outputs: tuple[str, ...] = ("probability",)
    grades: int = 0

    def __post_init__(self) -> None:
        """Refuse what no baseline answers."""
        if self.kind not in KINDS:
            raise TaskError(
                f"the task's kind is {self.kind!r}; baselines answer {', '.join(KINDS)}"
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

    def answers(
        self, logits: NDArray[np.float64], calibrations: Sequence[dict[str, object]] = ()
    ) -> NDArray[np.float64]:
        """Turn logits (n, n_logits) into outputs (n, n_outputs), as the container does."""
        return np.array([answers.answer(self.kind, row, calibrations) for row in logits.tolist()])

    def dichotomy(self, targets: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each case is positive: by any finding, not by the first class, or by a grade."""
        if self.kind == MULTICLASS:
            return np.nan_to_num(targets[:, 0]) < 0.5
        return np.nan_to_num(targets).max(axis=1) > 0

    def defaults(self, targets: NDArray[np.float64]) -> tuple[float, ...]:
        """The mean of each target: what a case gets of which nothing can be read."""
        if self.kind == SCORE:
            return (0.0,)
        with np.errstate(invalid="ignore"):
            known = ~np.isnan(targets)
            means = np.nansum(targets, axis=0) / np.maximum(known.sum(axis=0), 1)
        return tuple(round(float(mean), 6) for mean in means)


ONE_PROBABILITY = Task()
"""The binary task with the contract's usual output."""


def targets_of(cases: Sequence[Case], task: Task) -> NDArray[np.float32]:
    """Give the targets (n_cases, n_outputs) of cases; NaN where a finding is unknown.

    Raises TaskError where the cases carry no reference of this kind.
    """
    if task.kind in {BINARY, SCORE}:
        return np.array([[case.label] for case in cases], dtype=np.float32).reshape(-1, 1)
    raise TaskError(f"the open list holds no reference of a {task.kind} task")
