"""A training of a second on made images, which a test stops, repeats or shares out."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.data.sources import InMemory
from baselines.examples import Examples, subset
from baselines.targets import ONE_PROBABILITY, Task
from baselines.training import checkpoint
from baselines.training.devices import Place, joined, reproducible
from baselines.training.loop import Training
from baselines.training.settings import Settings

SETTINGS = Settings(epochs=2, size=32, batch=8, workers=0, checkpoint_minutes=1e-9)
FITS = {"of": "a test"}


def examples(n_cases: int = 36, task: Task = ONE_PROBABILITY) -> Examples:
    """Make one image a case; every third has a bright square."""
    random = np.random.default_rng(8)
    images = random.random((n_cases, 32, 32), dtype=np.float32)
    positive = np.arange(n_cases) % 3 == 0
    images[positive, 8:20, 8:20] += 1.0
    targets = np.zeros((n_cases, len(task.outputs)))
    targets[:, 0] = positive
    if len(task.outputs) > 1:
        targets[:, 1] = ~positive
        targets[::5, 1] = np.nan if task.kind == "multilabel" else targets[::5, 1]
    if task.kind == "ordinal":
        targets[:, 0] = np.where(positive, 2, np.arange(n_cases) % 2)
    numbers = np.arange(n_cases)
    return Examples(
        InMemory((images / 2).astype(np.float32)), numbers, targets, positive, numbers, numbers
    )


def training(
    settings: Settings = SETTINGS,
    place: Place | None = None,
    task: Task = ONE_PROBABILITY,
    **further: Any,
) -> Training:
    """Set up a training: 24 cases to learn from, 12 to validate on."""
    whole = examples(task=task)
    held_out = np.arange(36) < 12
    return Training(
        task,
        settings,
        place or Place(torch.device("cpu")),
        subset(whole, ~held_out),
        subset(whole, held_out),
        **further,
    )


def volumes() -> Examples:
    """Make 24 volumes of 16 slices, every third with a bright cube."""
    random = np.random.default_rng(8)
    found = random.random((24, 16, 32, 32), dtype=np.float32)
    positive = np.arange(24) % 3 == 0
    found[positive, 4:12, 8:24, 8:24] += 1.0
    numbers = np.arange(24)
    targets = positive[:, np.newaxis].astype(np.float64)
    return Examples(
        InMemory((found / 2).astype(np.float32)), numbers, targets, positive, numbers, numbers
    )


def trained(settings: Settings = SETTINGS, folder: Path | None = None) -> dict[str, Tensor]:
    """Train to the end, from the checkpoint in ``folder`` where one is; give the weights."""
    place = Place(torch.device("cpu"))
    with reproducible(place, 1):
        resumed = checkpoint.load(folder, FITS, place.device) if folder else None
        work = training(settings, place)
        work.run(resumed)
        return {name: value.clone() for name, value in work.network.state_dict().items()}


def train_until_killed(folder: Path, checkpoints: int, half_written: bool) -> None:
    """Train in a process of its own that kills itself after some checkpoints, or in the next."""
    written = 0

    def save(course: checkpoint.Course, states: dict[str, dict[str, Any]]) -> None:
        nonlocal written
        if written == checkpoints and half_written:
            Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore
        checkpoint.save(folder, course, states, FITS)
        written += 1
        if written == checkpoints and not half_written:
            os.kill(os.getpid(), signal.SIGKILL)

    with reproducible(Place(torch.device("cpu")), 1):
        training(save=save).run()


def train_together(number: int, processes: int, port: int, folder: Path) -> None:
    """Be one of several processes that train one model; leave its weights in ``folder``."""
    os.environ |= {
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    settings = replace(SETTINGS, device="cpu")
    with joined(settings) as place, reproducible(place, 1):
        asked: list[list[int]] = []
        work = training(settings, place)
        for each in work._asked(1):
            asked.append(each.numbers.tolist())
        course = work.run()
        kept = {
            "asked": asked,
            "aurocs": [epoch.validation_auroc for epoch in course.epochs],
            "losses": [epoch.training_loss for epoch in course.epochs],
            "weights": work.network.state_dict(),
        }
        torch.save(kept, folder / f"{number}.pt")
