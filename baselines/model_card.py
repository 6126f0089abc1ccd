"""What a trained model says of itself: the JSON card beside its weights and in its image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from baselines.container.answers import ORDINAL
from baselines.ladder import LADDER
from baselines.targets import Task
from baselines.validation_table import score_options

WEIGHTS, CARD, ONNX = "weights.pt", "card.json", "model.onnx"
"""The files of a model directory."""
TABLE, VALIDATION = "model.json", "validation.csv"
"""The model of a baseline that reads a table, and the scored validation part of every model."""
TORCH, SBOM, DESCRIPTION = "model.pt2", "sbom.cdx.json", "model-card.md"
"""The network for torch, the bill of materials of the image, the card in words."""


class ModelDirectoryError(ValueError):
    """A directory is not a model directory; the message names what it lacks."""


@dataclass(frozen=True, slots=True)
class Card:
    """How a model was made and how it is to be read; no case and no patient in it.

    ``validation_auroc`` is of the best epoch, chosen on the same cases, and so is optimistic;
    ``prevalence`` is the share of positive cases in the open part; ``threshold`` goes with the
    mean of the calibrated probabilities of a case's images. ``outputs`` and ``kind`` are those of
    the task. ``calibrations`` are one a logit or one for all, ``defaults`` what a case gets of
    which nothing can be read, ``depth`` the slices of a volume,
    ``thresholds`` one an output, ``training`` the settings. A former build's card lacks what
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
    lowest: int = 0
    calibrations: tuple[Mapping[str, Any], ...] = ()
    defaults: tuple[float, ...] = ()
    depth: int = 0
    thresholds: tuple[float, ...] = ()
    training: Mapping[str, Any] | None = None


def write_card(card: Card, directory: Path) -> None:
    """Write the card of a model directory, as JSON and in words."""
    (directory / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")
    (directory / DESCRIPTION).write_text(described(card), encoding="utf-8")


def described(card: Card) -> str:
    """The card in words, as Markdown, under the headings of Mitchell et al. (FAT* 2019)."""
    name = card.baseline or card.network
    n_outputs = len(card.outputs)
    input_words = "the attributes in cases.csv" if card.baseline == "demographics" else "headers"
    if card.size:
        input_words = f"pictures of {card.size} x {card.size} pixels"
        input_words = f"volumes of {card.depth} such slices" if card.depth else input_words
    if card.baseline == "prevalence":
        input_words = "nothing; every case gets the same answer"
    calibrated = sorted({str(each.get("method", "platt")) for each in calibrations_of(card)})
    return "\n".join(
        (
            f"# Baseline {name}",
            "",
            "## Intended use",
            "",
            _use(card),
            "",
            "It is a baseline of a benchmark. It is not a medical device and not for patients.",
            "",
            "## Model",
            "",
            f"- Kind of task: {card.kind}, {n_outputs} output{'s' if n_outputs > 1 else ''} "
            f"({', '.join(card.outputs)})",
            f"- Network or method: {card.network}",
            f"- It reads: {input_words}",
            f"- Calibration on the validation part: {', '.join(calibrated)}",
            "- Threshold: the benchmark says where grades are cut"
            if card.kind == ORDINAL
            else f"- Threshold to declare: {card.threshold:.6f}",
            f"- Seed {card.seed}, best epoch {card.best_epoch} of {card.epochs}",
            "",
            "## Training data",
            "",
            f"- Open list: {card.open_digest}",
            f"- Training: {card.n_training_cases} cases of {card.n_training_patients} patients",
            f"- Validation: {card.n_validation_cases} cases of {card.n_validation_patients} "
            "other patients",
            f"- Share of positive cases: {card.prevalence:.3f}",
            f"- Files that could not be read: {card.n_unreadable_files}",
            "",
            "## Figures",
            "",
            f"- AUROC on the validation part: {card.validation_auroc:.3f}"
            f"{_CHOSEN if card.epochs > 1 else ''}",
            f"- `sequestra score {VALIDATION} {VALIDATION}{score_options(task_of(card))}` gives "
            "the whole report of these cases, as the board does of the sealed ones.",
            "",
            "## Limits",
            "",
            "- It knows patients and devices like those of the open part, and no others.",
            "- Figures on the sealed cohort stand on the board, with intervals and subgroups.",
            "",
            "## Made with",
            "",
            *(f"- {library} {own}" for library, own in sorted(card.versions.items())),
            "",
        )
    )


_CHOSEN = ". The best epoch was chosen on these cases, so the value is too high."


def _use(card: Card) -> str:
    """What a baseline is for; of a network without a rung, what it is."""
    if card.baseline in LADDER:
        return f"It shows {LADDER[card.baseline].shows}."
    return "It shows what a network of this size reaches without further work."


def read_card(directory: Path) -> Card:
    """Read the card of a model directory. Raises ModelDirectoryError."""
    path = directory / CARD
    if not path.is_file():
        raise ModelDirectoryError(
            f"{directory} holds no {CARD}; give a directory written by `sequestra train`"
        )
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        values = {field.name: _entry(entries, field) for field in fields(Card)}
        return Card(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDirectoryError(
            f"{path} is not a model card ({type(error).__name__}: {error}); train the model again"
        ) from error


def _entry(entries: Mapping[str, Any], field: Field[Any]) -> Any:  # what the JSON holds
    """The value of a field; its default where a former build's card lacks it."""
    if field.default is MISSING:
        return entries[field.name]
    value = entries.get(field.name, field.default)
    return tuple(value) if isinstance(value, list) else value


def task_of(card: Card) -> Task:
    """The task that a card's model answers."""
    return Task(kind=card.kind, outputs=card.outputs, grades=card.grades, lowest=card.lowest)


def calibrations_of(card: Card) -> tuple[Mapping[str, Any], ...]:
    """Calibrations of a card; a former build's has one slope and one intercept."""
    return card.calibrations or ({"slope": card.slope, "intercept": card.intercept},)
