"""The loss of each kind of task, and the weights that answer rare findings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baselines.container.answers import MULTICLASS
from baselines.targets import Task

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits (n, n_logits) and their targets (n, n_logits), NaN for unknown -> the mean loss."""


def weights_of(targets: NDArray[np.float64], task: Task, imbalance: str) -> NDArray[np.float64]:
    """Weigh what is rare: (n_logits,) as ``loss_of`` takes it; ones unless ``imbalance`` says so.

    Targets are (n, n_logits). A finding's positive cases count as much as its negative ones
    together, a class as much as each other. What never occurs, or always, keeps 1.
    """
    known = ~np.isnan(targets)
    positive = np.nansum(targets, axis=0)
    negative = known.sum(axis=0) - positive
    if imbalance != "weight":
        return np.ones(targets.shape[1])
    usable = (positive > 0) & (negative > 0)
    if task.kind == MULTICLASS:
        total = len(targets) / targets.shape[1]
        return np.where(positive > 0, total / np.maximum(positive, 1), 1.0)
    return np.where(usable, negative / np.where(usable, positive, 1), 1.0)


def loss_of(task: Task, weights: NDArray[np.float64], device: torch.device) -> Loss:
    """Give the loss of a kind of task.

    Binary, multilabel and score: cross entropy of each output, over those that are known; ordinal:
    of each cut between grades; multiclass: of the softmax.
    """
    heavy = torch.from_numpy(weights.astype(np.float32)).to(device)
    if task.kind == MULTICLASS:

        def of_classes(logits: Tensor, targets: Tensor) -> Tensor:
            return functional.cross_entropy(logits.float(), targets.argmax(1), weight=heavy)

        return of_classes

    def of_each(logits: Tensor, targets: Tensor) -> Tensor:
        known = ~torch.isnan(targets)
        each = functional.binary_cross_entropy_with_logits(
            logits.float(), torch.where(known, targets, 0.0), pos_weight=heavy, reduction="none"
        )
        return torch.where(known, each, 0.0).sum() / known.sum().clamp(min=1)

    return of_each
