"""What a trained model says of itself: the JSON card beside its weights and in its image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from baselines.targets import Task

WEIGHTS, CARD, ONNX = "weights.pt", "card.json", "model.onnx"
"""The files of a model directory."""


class ModelDirectoryError(ValueError):
    """A directory is not a model directory; the message names what it lacks."""


@dataclass(frozen=True, slots=True)
class Card:
    """How a model was made and how it is to be read; no case and no patient in it.

    ``validation_auroc`` is of the best epoch, chosen on the same cases, and so is optimistic;
    ``prevalence`` is the share of positive cases in the open part; ``threshold`` goes with the
    mean of the calibrated probabilities of a case's images. ``outputs`` and ``kind`` are those of
    the task. ``calibrations`` are one a logit or one for all, ``defaults`` what a case gets of
    which nothing can be read, ``depth`` the slices of a volume. A former build's card lacks what
    has a default here.
    """

    network: str
    size: int
    seed: int
    epochs: int
    best_epoch: int
    open_digest: str
    n_training_cases: int
    n_training_patients: int
    n_validation_cases: int
    n_validation_patients: int
    n_unreadable_files: int
    prevalence: float
    validation_auroc: float
    threshold: float
    slope: float
    intercept: float
    seconds: float
    versions: Mapping[str, str]
    baseline: str = ""
    kind: str = "binary"
    outputs: tuple[str, ...] = ("probability",)
    grades: int = 0
    calibrations: tuple[Mapping[str, Any], ...] = ()
    defaults: tuple[float, ...] = ()
    depth: int = 0
    intended_use: str = ""


def write_card(card: Card, directory: Path) -> None:
    """Write the card of a model directory."""
    (directory / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


def read_card(directory: Path) -> Card:
    """Read the card of a model directory. Raises ModelDirectoryError."""
    path = directory / CARD
    if not path.is_file():
        raise ModelDirectoryError(
            f"{directory} holds no {CARD}; give a directory written by `sequestra train`"
        )
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return Card(
            **{
                field.name: tuple(value) if isinstance(value, list) else value
                for field in fields(Card)
                for value in [_entry(entries, field)]
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDirectoryError(
            f"{path} is not a model card ({type(error).__name__}: {error}); train the model again"
        ) from error


def _entry(entries: Mapping[str, Any], field: Field[Any]) -> Any:
    """The value of a field; its default where a former build's card lacks it."""
    return (
        entries[field.name] if field.default is MISSING else entries.get(field.name, field.default)
    )


def task_of(card: Card) -> Task:
    """The task that a card's model answers."""
    return Task(card.kind, tuple(card.outputs), card.grades)


def calibrations_of(card: Card) -> tuple[Mapping[str, Any], ...]:
    """Calibrations of a card; a former build's has one slope and one intercept."""
    return card.calibrations or ({"slope": card.slope, "intercept": card.intercept},)
