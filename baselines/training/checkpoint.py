"""What a training is at one moment, kept so that a kill costs no more than the steps since then."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from baselines.training.settings import difference
from cohort_selection.atomic_files import write_bytes

CHECKPOINT = "checkpoint.pt"
FORMAT = "1"


class CheckpointError(ValueError):
    """A checkpoint cannot be gone on with; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training part came to; ``at`` is the time in milliseconds."""

    number: int
    training_loss: float
    validation_loss: float
    validation_auroc: float
    at: int = 0


@dataclass(slots=True)
class Course:
    """How far a training has come.

    ``epoch`` is the one in progress, ``step`` the steps of it that are done, ``loss`` their sum;
    ``best_weights`` are those of the epoch ``best``.
    """

    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


def save(
    folder: Path, course: Course, states: dict[str, dict[str, Any]], fits: dict[str, str]
) -> None:
    """Write the checkpoint of a model directory, whole or not at all.

    ``states`` are those of network, optimizer and schedule; only tensors, numbers and words are in
    them, so that torch reads the file by its safe default.
    """
    checkpoint = {
        "fits": {"format": FORMAT, **fits},
        "epoch": int(course.epoch),
        "step": int(course.step),
        "loss": float(course.loss),
        "epochs": [_plain(each) for each in course.epochs],
        "best": _plain(course.best) if course.best else None,
        "best_weights": course.best_weights,
        "seconds": float(course.seconds),
        "states": states,
    }
    stream = io.BytesIO()
    torch.save(checkpoint, stream)
    write_bytes(folder / CHECKPOINT, stream.getvalue())


def _plain(epoch: Epoch) -> dict[str, int | float]:
    """Numbers of Python alone: one of numpy's makes torch refuse the file when it is needed."""
    return {k: int(v) if k in {"number", "at"} else float(v) for k, v in asdict(epoch).items()}


def load(
    folder: Path, fits: dict[str, str], device: torch.device
) -> tuple[Course, dict[str, dict[str, Any]]] | None:
    """Read the checkpoint of a model directory; None where there is none.

    Raises CheckpointError where it is of another training, or cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        checkpoint = torch.load(path, map_location=device, weights_only=True)
        course = Course(
            epoch=checkpoint["epoch"],
            step=checkpoint["step"],
            loss=checkpoint["loss"],
            epochs=[Epoch(**each) for each in checkpoint["epochs"]],
            best=Epoch(**checkpoint["best"]) if checkpoint["best"] else None,
            best_weights=checkpoint["best_weights"],
            seconds=checkpoint["seconds"],
        )
        differences, states = (
            difference(checkpoint["fits"], {"format": FORMAT, **fits}),
            checkpoint["states"],
        )
    except (OSError, RuntimeError, EOFError, UnpicklingError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({type(error).__name__}); start again with --no-resume"
        ) from error
    if differences:
        raise CheckpointError(
            f"{path} is of another training ({differences}); train with the settings and cases "
            "that it was begun with, start again with --no-resume, or name another --output"
        )
    return course, states


def discard(folder: Path) -> None:
    """Remove the checkpoint of a training that is over, or that is begun again."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
