"""What a network gives on the validation part, and how good that is."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from baselines.container.answers import MULTICLASS, ORDINAL, SCORE
from baselines.data.loaders import Loader, as_images, in_order
from baselines.data.sources import InMemory, Pixels
from baselines.examples import Examples
from baselines.targets import ONE_PROBABILITY, Task
from baselines.training.calibrate import plain_loss
from baselines.training.devices import Place, laid_out
from metrics.discrimination.curves import auroc

BATCH = 64
HERE = Place(torch.device("cpu"))


def infer(
    network: nn.Module,
    pixels: Pixels | NDArray[np.float32],
    place: Place = HERE,
    loader: Loader | None = None,
    batch: int = BATCH,
) -> NDArray[np.float64]:
    """Give the logits (n, n_logits) of examples, in evaluation mode, shared out to all processes.

    ``loader`` reads ``pixels``; without one they are read here.
    """
    source = InMemory(pixels) if isinstance(pixels, np.ndarray) else pixels
    reading = loader or Loader(source, 0, workers=0)
    network.eval()
    parts = []
    with torch.inference_mode(), place.mixed():
        batches = in_order(len(source), batch, place.process, place.processes)
        for read in reading.read(batches):
            images = laid_out(as_images(read.pixels, place.device))
            parts.append(network(images).float().cpu().numpy().astype(np.float64))
    shares = place.gathered(parts)
    turns = max(len(share) for share in shares)
    return np.concatenate([share[k] for k in range(turns) for share in shares if k < len(share)])


def plain_outputs(task: Task, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn logits (n, n_logits) into uncalibrated outputs (n, n_outputs)."""
    if task.kind == SCORE:
        return logits
    if task.kind == MULTICLASS:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    each = np.exp(-np.logaddexp(0.0, -logits))
    return each.sum(axis=1, keepdims=True) if task.kind == ORDINAL else each


def mean_auroc(task: Task, targets: NDArray[np.float64], outputs: NDArray[np.float64]) -> float:
    """Average AUROC over findings, classes against the rest, or cuts between grades.

    Both arrays are (n_cases, n_outputs). What is unknown is left out, and so is a finding where
    one side is missing; 0.5 where nothing is left.
    """
    if task.kind == ORDINAL:
        sides = [(targets[:, 0] > cut, outputs[:, 0]) for cut in range(task.grades - 1)]
    else:
        columns = zip(targets.T, outputs.T, strict=True)
        sides = [(t[~np.isnan(t)] > 0.5, out[~np.isnan(t)]) for t, out in columns]
    areas = [auroc(y, scores) for y, scores in sides if y.any() and not y.all()]
    return float(np.mean(areas)) if areas else 0.5


def measured(
    logits: NDArray[np.float64], validation: Examples, task: Task = ONE_PROBABILITY
) -> tuple[float, float]:
    """Give mean AUROC of cases (mean over their images) and plain loss of images."""
    cases = validation.case_means(plain_outputs(task, logits))
    targets = task.logit_targets(validation.image_targets)
    return mean_auroc(task, validation.targets, cases), plain_loss(task, logits, targets)
