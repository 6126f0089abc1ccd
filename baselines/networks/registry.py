"""Models by name, with the head that a task needs, and the outputs of their logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from baselines.container.answers import MULTICLASS, ORDINAL, SCORE
from baselines.networks import densenet, radiomics, volumes
from baselines.networks.ordinal import Cumulative
from baselines.targets import ONE_PROBABILITY, Task
from cohort_selection.benchmark_keys.meant import did_you_mean


@dataclass(frozen=True, slots=True)
class Network:
    """How a network is built for a number of logits, and whether it sees images or volumes."""

    build: Callable[[int], nn.Module]
    dimensions: int = 2


NETWORKS: dict[str, Network] = {
    "densenet-small": Network(densenet.small),
    "densenet121": Network(densenet.densenet121),
    radiomics.NAME: Network(radiomics.Radiomics),
    volumes.NAME: Network(volumes.small, dimensions=3),
}


class UnknownNetwork(ValueError):
    """No network of that name."""


def build(name: str, task: Task = ONE_PROBABILITY) -> nn.Module:
    """Give the untrained model of a task: images in [0, 1] -> (n, ``task.n_logits``) logits.

    Images are (n, 1, size, size); volumes, of a network whose ``dimensions`` are 3,
    (n, 1, depth, size, size). Of an ordinal task the logits are those of P(grade > k). Raises
    UnknownNetwork.
    """
    if name not in NETWORKS:
        raise UnknownNetwork(
            f"network {name!r} is unknown{did_you_mean(name, NETWORKS)}; choose from "
            f"{', '.join(NETWORKS)}"
        )
    if task.kind == ORDINAL and name != radiomics.NAME:
        return Cumulative(NETWORKS[name].build(1), task.n_logits)
    return NETWORKS[name].build(task.n_logits)


def dimensions(name: str) -> int:
    """2 for a network of images, 3 for one of volumes. Raises UnknownNetwork."""
    if name not in NETWORKS:
        raise UnknownNetwork(
            f"network {name!r} is unknown{did_you_mean(name, NETWORKS)}; choose from "
            f"{', '.join(NETWORKS)}"
        )
    return NETWORKS[name].dimensions


class Calibrated(nn.Module):
    """A network with its calibration: images in [0, 1] -> the outputs of its task.

    One output gives (n,), several give (n, n_outputs), as ``baselines.container.answers.answer``
    does for one case.
    """

    slopes: Tensor
    intercepts: Tensor

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        calibrations: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Hold the calibrations beside the network: one a logit, or one for all."""
        super().__init__()
        self.network = network
        self.task = task
        shared = calibrations[0] if calibrations else {}
        each = list(calibrations)
        if len(each) != task.n_logits:
            each = [shared] * task.n_logits
        slopes = torch.tensor([float(one.get("slope", 1.0)) for one in each])
        intercepts = torch.tensor([float(one.get("intercept", 0.0)) for one in each])
        self.register_buffer("slopes", slopes)
        self.register_buffer("intercepts", intercepts)
        self.knots = nn.ModuleDict(
            {str(i): Isotonic(one["x"], one["y"]) for i, one in enumerate(each) if "x" in one}
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the outputs of the task."""
        logits: Tensor = self.network(images)
        if self.task.kind == SCORE:
            return logits[:, 0]
        if self.task.kind == MULTICLASS:
            return torch.softmax(self.slopes * logits, dim=1)
        probabilities = torch.sigmoid(self.slopes * logits + self.intercepts)
        if len(self.knots):
            columns = [
                self.knots[str(i)](logits[:, i]) if str(i) in self.knots else probabilities[:, i]
                for i in range(self.task.n_logits)
            ]
            probabilities = torch.stack(columns, dim=1)
        if self.task.kind == ORDINAL:
            return self.task.lowest + probabilities.sum(dim=1)
        return probabilities[:, 0] if self.task.n_logits == 1 else probabilities


class Isotonic(nn.Module):
    """A rising curve through knots, level outside of them; elementwise, so that ONNX has it too."""

    left: Tensor
    widths: Tensor
    rises: Tensor

    def __init__(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Hold the knots: ``x`` rising strictly, ``y`` not falling."""
        super().__init__()
        at, value = (torch.tensor(list(part), dtype=torch.float32) for part in (x, y))
        self.first = float(y[0])
        widths = at[1:] - at[:-1]
        self.register_buffer("left", at[:-1].clone())
        self.register_buffer("widths", widths)
        self.register_buffer("rises", (value[1:] - value[:-1]) / widths)

    def forward(self, logits: Tensor) -> Tensor:
        """Return the probabilities (n,) of logits (n,)."""
        beyond = (logits[:, None] - self.left).clamp(min=0)
        within = torch.minimum(beyond, self.widths)
        return self.first + (within * self.rises).sum(dim=1)
