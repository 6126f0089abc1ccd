"""What a benchmark's file asks of a model: the task, and the attributes that it is told."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.targets import ONE_PROBABILITY, Task, TaskError
from submissions.contract import read_contract


@dataclass(frozen=True, slots=True)
class Asked:
    """The task, and the attributes that a container is told; None stands for all of the list."""

    task: Task = ONE_PROBABILITY
    visible: tuple[str, ...] | None = None


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
    return Asked(task, contract.visible if named is None else named)
