"""Trains the baselines that see no picture: what confounding and what shortcuts give."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines import logistic
from baselines.choices import refuse_table
from baselines.container.answers import ORDINAL
from baselines.container.headers import NAMES, header_fields
from baselines.examples import Progress, TrainingDataError, split_patients
from baselines.model_card import TABLE, VALIDATION, Card, write_card
from baselines.tabular import fields
from baselines.targets import ONE_PROBABILITY, Task, targets_of
from baselines.training import calibrate
from baselines.validation_table import write_validation
from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open
from metrics.discrimination.curves import auroc

PREVALENCE, DEMOGRAPHICS, HEADERS = "prevalence", "demographics", "headers"
BASELINES = (PREVALENCE, DEMOGRAPHICS, HEADERS)
VERSIONS_OF = ("sequestra", "scikit-learn", "numpy", "pydicom")


def train(
    open_csv: Path,
    output: Path,
    baseline: str,
    task: Task = ONE_PROBABILITY,
    *,
    attributes: Sequence[str] | None = None,
    validation_share: float = 0.25,
    seed: int = 0,
    calibration: str = "platt",
    sensitivity: float | None = None,
    progress: Progress | None = None,
) -> Card:
    """Train ``baseline`` on the open list and write the model directory ``output``.

    ``attributes`` are those that a container is told in cases.csv; None takes all. The directory
    holds the card, the model as numbers and ``validation.csv``. Raises SettingsError,
    TrainingDataError, TaskError and what ``read_open`` raises.
    """
    refuse_table(validation_share, seed, calibration, sensitivity)
    started = time.monotonic()
    table = _read(open_csv, baseline, task, attributes, progress)
    held_out = _held_out(table, baseline, validation_share, seed)
    model = _model(table, baseline, task, ~held_out, seed)
    fit = _calibrated(table, model, baseline, task, held_out, calibration, sensitivity)
    card = Card(
        network=baseline,
        size=0,
        seed=seed,
        epochs=1,
        best_epoch=1,
        open_digest="sha256:" + hashlib.sha256(open_csv.read_bytes()).hexdigest(),
        n_training_cases=int((~held_out).sum()),
        n_training_patients=len(set(table.patients[~held_out])),
        n_validation_cases=int(held_out.sum()),
        n_validation_patients=len(set(table.patients[held_out])),
        n_unreadable_files=0,
        prevalence=round(float(table.labels.mean()), 6),
        validation_auroc=_auroc(task, table.targets[fit.shown], fit.outputs),
        threshold=fit.thresholds[0],
        slope=float(fit.line.get("slope", 1.0)),
        intercept=float(fit.line.get("intercept", 0.0)),
        seconds=round(time.monotonic() - started, 1),
        versions={name: version(name) for name in VERSIONS_OF},
        baseline=baseline,
        kind=task.kind,
        outputs=task.outputs,
        grades=task.grades,
        lowest=task.lowest,
        calibrations=fit.calibrations,
        defaults=task.defaults(table.targets),
        thresholds=fit.thresholds,
    )
    output.mkdir(parents=True, exist_ok=True)
    written = json.dumps(model, indent=1) + "\n"
    write_bytes(output / TABLE, written.encode())
    shown = [case for case, is_shown in zip(table.cases, fit.shown, strict=True) if is_shown]
    write_validation(output / VALIDATION, shown, task, table.targets[fit.shown], fit.outputs)
    write_card(card, output)
    return card


@dataclass(frozen=True, slots=True)
class _Table:
    """Cases with their targets (n_cases, n_outputs) and the columns that a baseline may read."""

    cases: tuple[Case, ...]
    patients: NDArray[np.str_]
    targets: NDArray[np.float64]
    labels: NDArray[np.bool_]
    columns: dict[str, list[str]]


def _read(
    open_csv: Path,
    baseline: str,
    task: Task,
    attributes: Sequence[str] | None,
    progress: Progress | None,
) -> _Table:
    cases = read_open(open_csv)
    if not cases:
        raise TrainingDataError(f"{open_csv.name} lists no case; a baseline needs at least one")
    columns: dict[str, list[str]] = {}
    if baseline == DEMOGRAPHICS:
        columns = _attributes(cases, attributes)
    elif baseline == HEADERS:
        read = []
        for number, case in enumerate(cases, start=1):
            read.append(header_fields(case.files))
            if progress is not None:
                progress("reading headers", number, len(cases))
        columns = {name: [headers[name] for headers in read] for name in NAMES}
    patients = np.array([case.patient_id for case in cases], dtype=np.str_)
    targets = targets_of(cases, task).astype(np.float64)
    labels = np.array([bool(case.label) for case in cases])
    return _Table(cases=cases, patients=patients, targets=targets, labels=labels, columns=columns)


def _attributes(cases: Sequence[Case], names: Sequence[str] | None) -> dict[str, list[str]]:
    """The named attributes of the cases; all where None are named."""
    present = tuple(cases[0].attributes)
    unknown = [name for name in names or () if name not in present]
    if unknown:
        raise TrainingDataError(
            f"the open list has no attribute {', '.join(unknown)}; it has "
            f"{', '.join(present) or 'none'}"
        )
    if names is not None and not names:
        raise TrainingDataError(
            "the benchmark lets a container see no attribute ([contract] visible is empty); add "
            "attributes to visible, or name them with --attribute to try what they give"
        )
    return {
        name: [case.attributes[name] for case in cases]
        for name in (present if names is None else names)
    }


def _held_out(table: _Table, baseline: str, share: float, seed: int) -> NDArray[np.bool_]:
    """The validation cases; none for the prevalence, which learns nothing else."""
    if baseline == PREVALENCE:
        return np.zeros(len(table.cases), dtype=np.bool_)
    return split_patients(table.labels, table.patients, share, seed)


def _model(
    table: _Table, baseline: str, task: Task, training: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Fit the model as plain numbers: its fields, weights (n_logits, n_features), intercepts."""
    if baseline == PREVALENCE:
        return {
            "fields": [],
            "weights": [[] for _ in range(task.n_logits)],
            "intercepts": [0.0] * task.n_logits,
        }
    columns = {
        name: [text for text, is_chosen in zip(texts, training, strict=True) if is_chosen]
        for name, texts in table.columns.items()
    }
    described = fields.described(columns)
    if not described:
        raise TrainingDataError(
            f"no field of {', '.join(columns)} differs between the cases; {baseline} has nothing "
            "to learn from"
        )
    weights, intercepts = logistic.fit(
        fields.matrix(described, columns, int(training.sum())),
        table.targets[training],
        table.patients[training],
        task,
        seed,
    )
    return {
        "fields": described,
        "weights": weights.round(9).tolist(),
        "intercepts": intercepts.round(9).tolist(),
    }


@dataclass(frozen=True, slots=True)
class _Fit:
    """Calibrations and thresholds of a model, and its outputs for the cases in ``shown``.

    These are the validation cases, and all cases of the prevalence.
    """

    shown: NDArray[np.bool_]
    outputs: NDArray[np.float64]
    calibrations: calibrate.Calibrations
    thresholds: tuple[float, ...]

    @property
    def line(self) -> dict[str, Any]:
        """The one calibration of one logit."""
        return self.calibrations[0] if len(self.calibrations) == 1 else {}


def _calibrated(
    table: _Table,
    model: dict[str, Any],
    baseline: str,
    task: Task,
    held_out: NDArray[np.bool_],
    calibration: str,
    sensitivity: float | None,
) -> _Fit:
    """Calibrate on the validation part, and choose the thresholds there."""
    if baseline == PREVALENCE:
        outputs = np.tile(task.defaults(table.targets), (len(table.cases), 1))
        return _Fit(
            shown=~held_out, outputs=outputs, calibrations=(), thresholds=(0.5,) * len(task.outputs)
        )
    encoded = fields.matrix(model["fields"], table.columns, len(table.cases))[held_out]
    logits = encoded @ np.array(model["weights"]).T + np.array(model["intercepts"])
    targets = table.targets[held_out]
    calibrations = calibrate.fitted(
        calibration, task, logits, task.logit_targets(targets), np.ones(task.n_logits)
    )
    outputs = calibrate.applied(calibrations, task, logits)
    thresholds = calibrate.thresholds(task, targets, outputs, table.labels[held_out], sensitivity)
    return _Fit(shown=held_out, outputs=outputs, calibrations=calibrations, thresholds=thresholds)


def _auroc(task: Task, targets: NDArray[np.float64], outputs: NDArray[np.float64]) -> float:
    """Average AUROC over outputs, or over the cuts between grades, as of a network's training."""
    if task.kind == ORDINAL:
        sides = [(targets[:, 0] > cut, outputs[:, 0]) for cut in range(task.grades - 1)]
    else:
        columns = zip(targets.T, outputs.T, strict=True)
        sides = [(t[~np.isnan(t)] > 0.5, out[~np.isnan(t)]) for t, out in columns]
    areas = [auroc(y, scores) for y, scores in sides if y.any() and not y.all()]
    return float(np.mean(areas)) if areas else 0.5
