"""The ladder of baselines: what each one is, and which tasks it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines.container.answers import BINARY, KINDS, ORDINAL
from cohort_selection.benchmark_keys.meant import did_you_mean

if TYPE_CHECKING:
    from baselines.targets import Task


@dataclass(frozen=True, slots=True)
class Rung:
    """A baseline: its network where it has one, the kinds of task it answers, what it shows."""

    network: str
    shows: str
    kinds: tuple[str, ...] = KINDS

    @property
    def sees_pixels(self) -> bool:
        """Whether it reads pictures; the others read tables and need no torch."""
        return bool(self.network)


LADDER = {
    "prevalence": Rung("", "what the same answer for every case gives"),
    "demographics": Rung("", "what attributes alone give, which is what confounding gives"),
    "headers": Rung("", "what headers alone give, which is what shortcuts give"),
    "radiomics": Rung("radiomics", "what brightness and texture give"),
    "densenet": Rung("densenet-small", "what a small network of images gives"),
    "ordinal": Rung("densenet-small", "what a network with an ordinal head gives", (ORDINAL,)),
    "ct3d": Rung("ct3d", "what a small network of volumes gives"),
}
"""Baselines by name, from the ground up."""


def rung(name: str, task: Task) -> Rung:
    """Give the baseline of a name for a task. Raises TaskError."""
    from baselines.targets import TaskError  # with numpy, which the names alone do not need

    if name not in LADDER:
        raise TaskError(
            f"baseline {name!r} is unknown{did_you_mean(name, LADDER)}; choose from "
            f"{', '.join(LADDER)}"
        )
    step = LADDER[name]
    if task.kind not in step.kinds:
        others = [other for other, each in LADDER.items() if task.kind in each.kinds]
        raise TaskError(
            f"baseline {name} answers {', '.join(step.kinds)} tasks, and this one is {task.kind}"
            f"{'' if task.kind != BINARY else ', as without --benchmark'}; choose from "
            f"{', '.join(others)}"
        )
    return step
