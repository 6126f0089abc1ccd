"""Trains a network on the open part, keeps its best epoch, calibrates and tracks it."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from baselines.choices import SettingsError
from baselines.container import volumes
from baselines.container.answers import BINARY
from baselines.data.cache import PixelCache
from baselines.data.readers import IMAGES, VOLUMES, Reader
from baselines.examples import (
    Examples,
    Progress,
    TrainingDataError,
    cached_examples,
    split_patients,
    subset,
)
from baselines.model_card import VALIDATION, WEIGHTS, Card, write_card
from baselines.networks import radiomics, registry
from baselines.targets import ONE_PROBABILITY, Task
from baselines.training import calibrate, checkpoint, tracking
from baselines.training.checkpoint import Course, Epoch
from baselines.training.devices import Place, joined, reproducible
from baselines.training.loop import States, Training, logits_of
from baselines.training.settings import Settings, fitting
from baselines.training.tracking import EXPERIMENT
from baselines.training.validation import infer, measured
from baselines.validation_table import write_validation
from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open
from submissions.addresses.tracker import configured_tracker, refuse_tracker

__all__ = ["EXPERIMENT", "Settings", "SettingsError", "train"]

VERSIONS_OF = ("sequestra", "torch", "monai", "numpy", "pydicom")
USUAL = Settings()
CACHE = "pixels"
"""Folder of the pixel cache beside the model, where none is named."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is learnt from: all examples, both parts of them, and the digest of the open list."""

    cases: Sequence[Case]
    examples: Examples
    training: Examples
    validation: Examples
    open_digest: str


@dataclass(frozen=True, slots=True)
class _Fit:
    """A trained network, its course, and its logits on the validation part."""

    network: nn.Module
    course: Course
    logits: NDArray[np.float64]
    weights: NDArray[np.float64]


def train(
    open_csv: Path,
    output: Path,
    settings: Settings = USUAL,
    *,
    task: Task = ONE_PROBABILITY,
    tracking_uri: str | None = None,
    cache: Path | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    baseline: str = "",
) -> Card:
    """Train on the open list ``open_csv`` and write the model directory ``output``.

    On a processor the seed and the number of threads decide on the model; neither the number of
    processes that read nor a kill with ``resume`` changes it. Pixels are kept in the folder
    ``cache``, else ``pixels`` beside ``output``. Tracked by MLflow at ``tracking_uri``, else
    MLFLOW_TRACKING_URI, else the file mlflow.db beside ``output``. Started by ``torchrun``, all
    processes train one model, and each gives its card. Raises TrainingDataError, SettingsError,
    CheckpointError, CacheError, TrackerAddressError where no MLflow answers at the start, and what
    ``read_open`` raises. A tracker that goes later costs no model and no metric.
    """
    started = time.monotonic()
    tracking_uri = tracking_uri or configured_tracker()
    with joined(settings) as place, reproducible(place, settings.threads):
        if place.first:
            refuse_tracker(tracking_uri or tracking.beside(output))
        folder = cache or output.resolve().parent / CACHE
        reader = reader_of(settings.network)
        pixels = PixelCache(
            folder=folder, reader=reader, size=settings.size, bits=settings.pixel_bits
        )
        parts = _parts(open_csv, pixels, settings, task, place, progress)
        fits = fitting(
            settings,
            task=f"{task.kind} {' '.join(task.outputs)} {task.grades}",
            open_list=parts.open_digest,
            pixels=parts.examples.digest,
            torch=version("torch"),
        )
        output.mkdir(parents=True, exist_ok=True)
        resumed = checkpoint.load(output, fits, place.device) if resume else None
        place.together()  # all have read the checkpoint before the first process writes another
        work = Training(task, settings, place, parts.training, parts.validation)
        if not place.first:
            _fit(work, resumed)
            return place.gathered(None)[0]  # type: ignore[return-value]  # the first one's card
        provenance = {"open_digest": parts.open_digest}
        again = resumed is not None
        with tracking.tracked(
            tracking_uri, output, settings.logged(), provenance, resumed=again
        ) as run:
            work.save = partial(checkpoint.save, output, fits=fits)
            work.log, work.progress = run.log, progress
            fit = _fit(work, resumed)
            card = _written(output, settings, task, parts, fit, started, baseline)
            checkpoint.discard(output)
            run.finish(card, fit.course)
        place.gathered(card)
    return card


def writes() -> bool:
    """Whether this process is the one that writes, of those that ``torchrun`` has started."""
    return os.environ.get("RANK", "0") == "0"


def reader_of(network: str) -> Reader:
    """Give the reader of a network's examples: volumes of CT where it sees these, else images."""
    return VOLUMES if registry.dimensions(network) == 3 else IMAGES


def _parts(
    open_csv: Path,
    pixels: PixelCache,
    settings: Settings,
    task: Task,
    place: Place,
    progress: Progress | None,
) -> _Parts:
    """Read the open list and split it by patient; raise TrainingDataError for less than a batch.

    One process of each machine fills the cache; the others then find all in it.
    """
    cases = read_open(open_csv)
    total = sum(len(case.files) for case in cases)
    workers = max(place.readers(settings.workers), 0)
    for in_training in (True, False):
        if (place.on_machine == 0) == in_training:
            examples = cached_examples(
                cases, pixels, progress, task=task, total=total, workers=workers
            )
        place.together()
    held_out = split_patients(
        examples.labels, examples.patients, settings.validation_share, settings.seed
    )
    training = subset(examples, ~held_out)
    if len(training.pixels) < settings.batch:
        raise TrainingDataError(
            f"the open part leaves {len(training.pixels)} images to train on, and a batch is "
            f"{settings.batch}; give more cases or a smaller batch"
        )
    digest = "sha256:" + hashlib.sha256(open_csv.read_bytes()).hexdigest()
    return _Parts(
        cases=cases,
        examples=examples,
        training=training,
        validation=subset(examples, held_out),
        open_digest=digest,
    )


def _fit(work: Training, resumed: tuple[Course, States] | None) -> _Fit:
    """Train by epochs, or at once where the network is fitted so."""
    if work.settings.network == radiomics.NAME:
        return _fit_at_once(work)
    course = work.run(resumed)
    return _Fit(network=work.network, course=course, logits=logits_of(work), weights=work.weights)


def _fit_at_once(work: Training) -> _Fit:
    """Fit the model that needs no epochs; one epoch is what it is said to have had."""
    network = radiomics.fit(work.training, work.settings.seed, work.task)
    _, training_loss = measured(infer(network, work.training.pixels), work.training, work.task)
    logits = infer(network, work.validation.pixels)
    score, loss = measured(logits, work.validation, work.task)
    epoch = Epoch(
        number=1,
        training_loss=training_loss,
        validation_loss=loss,
        validation_auroc=score,
        at=time.time_ns() // 1_000_000,
    )
    course = Course(epochs=[epoch], best=epoch)
    work.log(course)
    if work.progress is not None:
        work.progress("training", 1, 1)
    return _Fit(network=network, course=course, logits=logits, weights=np.ones(work.task.n_logits))


def _written(
    output: Path,
    settings: Settings,
    task: Task,
    parts: _Parts,
    fit: _Fit,
    started: float,
    baseline: str,
) -> Card:
    """Calibrate, choose the thresholds, and write weights, card and scored validation part."""
    validation = parts.validation
    calibrations = _calibrations(settings, task, validation, fit)
    outputs = validation.case_means(calibrate.applied(calibrations, task, fit.logits))
    thresholds = calibrate.thresholds(
        task, validation.targets, outputs, validation.labels, settings.sensitivity
    )
    best = fit.course.best
    assert best is not None
    line = calibrations[0] if len(calibrations) == 1 else {}
    card = Card(
        network=settings.network,
        size=settings.size,
        depth=volumes.DEPTH if reader_of(settings.network) is VOLUMES else 0,
        seed=settings.seed,
        epochs=len(fit.course.epochs),
        best_epoch=best.number,
        open_digest=parts.open_digest,
        n_training_cases=len(parts.training.labels),
        n_training_patients=len(np.unique(parts.training.patients)),
        n_validation_cases=len(validation.labels),
        n_validation_patients=len(np.unique(validation.patients)),
        n_unreadable_files=parts.examples.n_unreadable,
        prevalence=round(float(parts.examples.labels.mean()), 6),
        validation_auroc=best.validation_auroc,
        threshold=thresholds[0],
        slope=float(line.get("slope", 1.0)),
        intercept=float(line.get("intercept", 0.0)),
        seconds=round(fit.course.seconds or time.monotonic() - started, 1),
        versions={name: version(name) for name in VERSIONS_OF},
        baseline=baseline,
        kind=task.kind,
        outputs=task.outputs,
        grades=task.grades,
        lowest=task.lowest,
        calibrations=calibrations,
        defaults=task.defaults(parts.examples.targets),
        thresholds=thresholds,
        training=settings.logged(),
    )
    stream = io.BytesIO()
    torch.save({name: value.cpu() for name, value in fit.network.state_dict().items()}, stream)
    write_bytes(output / WEIGHTS, stream.getvalue())
    shown = [parts.cases[number] for number in validation.numbers.tolist()]
    write_validation(output / VALIDATION, shown, task, validation.targets, outputs)
    write_card(card, output)
    return card


def _calibrations(
    settings: Settings, task: Task, validation: Examples, fit: _Fit
) -> calibrate.Calibrations:
    """Fit the calibrations, carried to the declared share of positive cases where one is given."""
    targets = task.logit_targets(validation.image_targets)
    calibrations = calibrate.fitted(settings.calibration, task, fit.logits, targets, fit.weights)
    if settings.target_prevalence is None:
        return calibrations
    if task.kind != BINARY:
        raise SettingsError(
            f"target prevalence is one share and the task is {task.kind}; leave it out"
        )
    return calibrate.moved(calibrations, float(targets.mean()), settings.target_prevalence)
