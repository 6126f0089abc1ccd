"""What is asked of a model: the task, and the attributes that a container is told."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.container.answers import BINARY
from baselines.targets import ONE_PROBABILITY, Task, TaskError, task_of
from cohort_selection.sequestration.open_list import read_open_task
from cohort_selection.task.declaration import read_task
from submissions.contract import read_contract


@dataclass(frozen=True, slots=True)
class Asked:
    """The task, and the attributes that a container is told; None stands for all of the list.

    ``prevalence`` is the share of positive cases that the cohort is drawn to, where it is declared.
    """

    task: Task = ONE_PROBABILITY
    visible: tuple[str, ...] | None = None
    prevalence: float | None = None


def asked_task(
    open_csv: Path, benchmark: Path | None = None, attributes: Sequence[str] | None = None
) -> Asked:
    """Read the task from the columns of an open list, or from a benchmark's file where given.

    The file tells the visible attributes too; ``attributes`` take their place. Raises TaskError,
    and what reading a list, a [task] and a [contract] raises.
    """
    named = None if attributes is None else tuple(attributes)
    if benchmark is None:
        return Asked(task_of(read_open_task(open_csv)), named)
    try:
        tables = tomllib.loads(benchmark.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskError(f"{benchmark} is no TOML ({error}); give the benchmark's file") from error
    declared = read_task(tables.get("task", {}), benchmark)
    contract = read_contract(tables.get("contract", {}), benchmark, declared)
    task = task_of(declared, contract.outputs)
    visible = contract.visible if named is None else named
    return Asked(task, visible, _prevalence(tables) if task.kind == BINARY else None)


def _prevalence(tables: Mapping[str, Any]) -> float | None:
    """The share of label 1 in [cohort.target.label], where both shares stand there as numbers."""
    value: Any = tables
    for name in ("cohort", "target", "label"):
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not {"0", "1"} <= set(value):
        return None
    negative, positive = value["0"], value["1"]
    if not all(isinstance(each, int | float) and each > 0 for each in (negative, positive)):
        return None
    return float(positive / (negative + positive))
