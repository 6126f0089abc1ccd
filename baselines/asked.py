"""What a benchmark's file asks of a model: the task, and the attributes that it is told."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.container.answers import BINARY
from baselines.targets import ONE_PROBABILITY, Task, TaskError
from submissions.contract import read_contract


@dataclass(frozen=True, slots=True)
class Asked:
    """The task, and the attributes that a container is told; None stands for all of the list.

    ``prevalence`` is the share of positive cases that the cohort is drawn to, where it is declared.
    """

    task: Task = ONE_PROBABILITY
    visible: tuple[str, ...] | None = None
    prevalence: float | None = None


def asked_task(benchmark: Path | None, attributes: Sequence[str] | None = None) -> Asked:
    """Read the [task] and [contract] of a benchmark's file; without one, the binary task.

    ``attributes`` take the place of the visible ones. Raises TaskError and what reading a
    contract raises.
    """
    named = None if attributes is None else tuple(attributes)
    if benchmark is None:
        return Asked(visible=named)
    try:
        tables = tomllib.loads(benchmark.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskError(f"{benchmark} is no TOML ({error}); give the benchmark's file") from error
    contract = read_contract(tables.get("contract", {}), benchmark)
    declared = tables.get("task", {})
    task = Task(
        str(declared.get("kind", "binary")), contract.outputs, int(declared.get("grades", 0))
    )
    visible = contract.visible if named is None else named
    return Asked(task, visible, _prevalence(tables) if task.kind == BINARY else None)


def _prevalence(tables: Mapping[str, Any]) -> float | None:
    """The share of label 1 in [cohort.target.label], where both shares stand there as numbers."""
    found: Any = tables
    for name in ("cohort", "target", "label"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not {"0", "1"} <= set(found):
        return None
    negative, positive = found["0"], found["1"]
    if not all(isinstance(each, int | float) and each > 0 for each in (negative, positive)):
        return None
    return float(positive / (negative + positive))
