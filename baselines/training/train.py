"""Trains a network on the open part, keeps its best epoch, calibrates and tracks it."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrast,
    RandAffine,
    RandFlip,
    RandGaussianNoise,
)
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.examples import (
    Examples,
    Progress,
    TrainingDataError,
    generator,
    read_examples,
    split_patients,
    subset,
)
from baselines.model_card import CARD, WEIGHTS, Card, write_card
from baselines.networks import radiomics, registry
from baselines.training import calibrate
from cohort_selection.sequestration.open_list import read_open
from metrics.discrimination.curves import auroc
from submissions.addresses.database import without_password
from submissions.addresses.tracker import TrackerAddressError, configured_tracker, refuse_tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOG = logging.getLogger(__name__)

EXPERIMENT = "sequestra baselines"
VERSIONS_OF = ("sequestra", "torch", "monai", "numpy", "pydicom")


class SettingsError(ValueError):
    """A training setting is out of its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What training is asked to do; all of it is logged. ``size`` in pixels a side.

    One thread gives the same model whatever the machine's cores, and on a busy machine is not
    slower than several, which wait for each other at every layer.
    """

    network: str = "densenet-small"
    epochs: int = 16
    size: int = 96
    batch: int = 32
    learning_rate: float = 3e-3
    seed: int = 0
    validation_share: float = 0.25
    patience: int = 8
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot work, so that it is found before the images are read."""
        if self.network not in registry.NETWORKS:
            registry.build(self.network)
        if not 32 <= self.size <= 1024:
            raise SettingsError(f"size is {self.size} pixels; give a number from 32 to 1024")
        if self.epochs < 1 or self.patience < 1:
            raise SettingsError(
                f"epochs is {self.epochs} and patience {self.patience}; both must be at least 1"
            )
        if self.threads < 1:
            raise SettingsError(f"threads is {self.threads}; give at least 1")
        if self.batch < 2:
            raise SettingsError(f"batch is {self.batch}; batch normalisation needs at least 2")
        if not 0 < self.learning_rate < 1:
            raise SettingsError(f"learning rate is {self.learning_rate}; give one between 0 and 1")
        if not 0 < self.validation_share < 1:
            raise SettingsError(
                f"validation share is {self.validation_share}; give one between 0 and 1"
            )


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training part came to."""

    number: int
    training_loss: float
    validation_loss: float
    validation_auroc: float


def train(
    open_csv: Path,
    output: Path,
    settings: Settings = Settings(),
    *,
    tracking_uri: str | None = None,
    progress: Progress | None = None,
) -> Card:
    """Train on the open list ``open_csv`` and write the model directory ``output``.

    Deterministic for a seed and number of threads. Tracked by MLflow at
    ``tracking_uri``, else MLFLOW_TRACKING_URI, else the file mlflow.db beside ``output``. Raises
    TrainingDataError, SettingsError, TrackerAddressError where no MLflow answers at the start, and
    what ``read_open`` raises. A tracker that goes later costs no model.
    """
    started = time.monotonic()
    tracking_uri = tracking_uri or configured_tracker()
    refuse_tracker(tracking_uri or _beside(output))
    cases = read_open(open_csv)
    examples = read_examples(cases, settings.size, progress)
    training, validation = _split(examples, settings)
    output.mkdir(parents=True, exist_ok=True)
    digest = "sha256:" + hashlib.sha256(open_csv.read_bytes()).hexdigest()
    with (
        _tracked(tracking_uri, output, settings, digest) as run,
        _deterministic(settings.seed, settings.threads),
    ):
        fit = _fit_logistic if settings.network == radiomics.NAME else _fit
        network, best, epochs = fit(training, validation, settings, run, progress)
        logits = infer(network, validation.images)
        calibration = calibrate.fit(logits, validation.image_labels)
        threshold = calibrate.youden_threshold(
            validation.case_means(calibration(logits)), validation.labels
        )
        card = Card(
            network=settings.network,
            size=settings.size,
            seed=settings.seed,
            epochs=epochs,
            best_epoch=best.number,
            open_digest=digest,
            n_training_cases=len(training.labels),
            n_training_patients=len(np.unique(training.patients)),
            n_validation_cases=len(validation.labels),
            n_validation_patients=len(np.unique(validation.patients)),
            n_unreadable_files=len(examples.unreadable),
            prevalence=round(float(examples.labels.mean()), 6),
            validation_auroc=best.validation_auroc,
            threshold=threshold,
            slope=calibration.slope,
            intercept=calibration.intercept,
            seconds=round(time.monotonic() - started, 1),
            versions={name: version(name) for name in VERSIONS_OF},
        )
        torch.save(network.state_dict(), output / WEIGHTS)
        write_card(card, output)
        run.finish(card, output)
    return card


def _split(examples: Examples, settings: Settings) -> tuple[Examples, Examples]:
    """Training and validation part, by patient; raise TrainingDataError for less than a batch."""
    held_out = split_patients(
        examples.labels, examples.patients, settings.validation_share, settings.seed
    )
    training = subset(examples, ~held_out)
    if len(training.images) < settings.batch:
        raise TrainingDataError(
            f"the open part leaves {len(training.images)} images to train on, and a batch is "
            f"{settings.batch}; give more cases or a smaller batch"
        )
    return training, subset(examples, held_out)


def _fit(
    training: Examples,
    validation: Examples,
    settings: Settings,
    run: _Run,
    progress: Progress | None,
) -> tuple[nn.Module, Epoch, int]:
    """Train with early stopping; give the network of the best epoch, that epoch, and their number.

    Best is the highest validation AUROC, then the lowest validation loss.
    """
    network = registry.build(settings.network)
    augment = augmentation(settings)
    order = generator(settings.seed, "order")
    labels = torch.from_numpy(training.image_labels.astype(np.float32))
    loss_of = nn.BCEWithLogitsLoss(pos_weight=(1 - labels).sum() / labels.sum())
    steps = len(training.images) // settings.batch
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.epochs * steps
    )
    best: Epoch | None = None
    best_weights: dict[str, Tensor] = {}
    number = 0
    for number in range(1, settings.epochs + 1):
        network.train()
        losses = []
        shuffled = order.permutation(len(training.images))[: steps * settings.batch]
        for chosen in shuffled.reshape(steps, settings.batch):
            drawn = (augment(torch.from_numpy(training.images[i][np.newaxis])) for i in chosen)
            batch = torch.stack([torch.as_tensor(image) for image in drawn])
            optimizer.zero_grad()
            loss = loss_of(network(batch)[:, 0], labels[chosen])
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        epoch = _validate(network, validation, number, float(np.mean(losses)))
        run.log(epoch)
        if best is None or _rank(epoch) > _rank(best):
            best = epoch
            best_weights = {k: v.detach().clone() for k, v in network.state_dict().items()}
        if progress is not None:
            text = f"training (validation AUROC {epoch.validation_auroc:.3f})"
            progress(text, number, settings.epochs)
        if number - best.number >= settings.patience:
            break
    assert best is not None  # there is at least one epoch
    network.load_state_dict(best_weights)
    return network, best, number


def _fit_logistic(
    training: Examples,
    validation: Examples,
    settings: Settings,
    run: _Run,
    progress: Progress | None,
) -> tuple[nn.Module, Epoch, int]:
    """Fit the model that needs no epochs; give it as ``_fit`` does, after one."""
    network = radiomics.fit(training, settings.seed)
    training_loss = _log_loss(infer(network, training.images), training.image_labels)
    epoch = _validate(network, validation, 1, training_loss)
    run.log(epoch)
    if progress is not None:
        progress("training", 1, 1)
    return network, epoch, 1


def _log_loss(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def _rank(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation_auroc, -epoch.validation_loss


def _validate(network: nn.Module, validation: Examples, number: int, loss: float) -> Epoch:
    """Measure one epoch: AUROC of cases (mean over images), unweighted log loss of images."""
    logits = infer(network, validation.images)
    return Epoch(
        number=number,
        training_loss=loss,
        validation_loss=_log_loss(logits, validation.image_labels),
        validation_auroc=auroc(
            validation.labels, validation.case_means(calibrate.logistic(logits))
        ),
    )


def infer(network: nn.Module, images: NDArray[np.float32], batch: int = 64) -> NDArray[np.float64]:
    """Give the logits (n,) of images (n, size, size), in evaluation mode."""
    network.eval()
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(images[start : start + batch, np.newaxis]))[:, 0].numpy()
            for start in range(0, len(images), batch)
        ]
    return np.concatenate(parts).astype(np.float64)


def augmentation(settings: Settings) -> Compose:
    """Vary position, side, contrast and noise as a radiograph's own acquisition does.

    An image (1, size, size) gives another. What is returned can be handed to another process.
    """
    shift = 0.06 * settings.size
    transform = Compose(
        [
            RandAffine(
                prob=0.9,
                rotate_range=0.12,
                translate_range=(shift, shift),
                scale_range=(0.1, 0.1),
                padding_mode="zeros",
            ),
            RandFlip(prob=0.5, spatial_axis=1),
            RandAdjustContrast(prob=0.5, gamma=(0.75, 1.35)),
            RandGaussianNoise(prob=0.3, std=0.03),
        ]
    )
    transform.set_random_state(settings.seed)
    return transform


@contextmanager
def _deterministic(seed: int, threads: int) -> Iterator[None]:
    """Seed torch, hold it to deterministic kernels and ``threads``; then restore its state."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0])
            torch.set_num_threads(before[1])


def _beside(output: Path) -> str:
    """The store of a training for which none is named."""
    return f"sqlite:///{output.resolve().parent / 'mlflow.db'}"


class _Run:
    """One MLflow run: settings, the curves by epoch, the digest of the open list, the model.

    A tracker that takes no more is told of once, and costs no model.
    """

    def __init__(self, client: MlflowClient, run_id: str, address: str) -> None:
        self._client = client
        self._run_id = run_id
        self._address = address
        self._lost = False

    def log(self, epoch: Epoch) -> None:
        self._unless_lost(self._log, epoch)

    def finish(self, card: Card, output: Path) -> None:
        self._unless_lost(self._finish, card, output)

    def end(self, state: str) -> None:
        self._unless_lost(self._client.set_terminated, self._run_id, state)

    def _log(self, epoch: Epoch) -> None:
        for name in ("training_loss", "validation_loss", "validation_auroc"):
            self._client.log_metric(self._run_id, name, getattr(epoch, name), step=epoch.number)

    def _finish(self, card: Card, output: Path) -> None:
        for name in (
            "validation_auroc",
            "best_epoch",
            "threshold",
            "slope",
            "intercept",
            "seconds",
        ):
            self._client.log_metric(self._run_id, f"model_{name}", float(getattr(card, name)))
        for name in (WEIGHTS, CARD):
            self._client.log_artifact(self._run_id, str(output / name))

    def _unless_lost(self, act: Callable[..., object], *given: object) -> None:
        if self._lost:
            return  # each further question would be waited for as long
        try:
            act(*given)
        except Exception as error:  # of MLflow's client, its network or its database
            self._lost = True
            _LOG.warning(
                "MLflow at %s takes no more of this training (%s); the model is made and written "
                "all the same",
                without_password(self._address),
                " ".join(str(error).split())[:200],
            )


@contextmanager
def _tracked(
    tracking_uri: str | None, output: Path, settings: Settings, digest: str
) -> Iterator[_Run]:
    """Open an MLflow run, end it as finished or failed; without an address, beside ``output``.

    Raises TrackerAddressError where the tracker takes no new run.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # no word leaves the machine
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # nor gets between the bars
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    artifacts = None if tracking_uri else (output.resolve().parent / "mlartifacts").as_uri()
    address = tracking_uri or _beside(output)
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it sets itself to INFO when imported
    try:
        client = MlflowClient(tracking_uri=address)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
        )
        run = client.create_run(experiment_id, run_name=output.name, tags={"open_digest": digest})
        for name, value in asdict(settings).items():
            client.log_param(run.info.run_id, name, value)
    except (MlflowException, OSError) as error:
        raise TrackerAddressError(
            f"MLflow at {without_password(address)} takes no new run "
            f"({' '.join(str(error).split())[:200]}); mend it, or name another with --tracking-uri"
        ) from error
    opened = _Run(client, run.info.run_id, address)
    try:
        yield opened
    except BaseException:
        opened.end("FAILED")
        raise
    opened.end("FINISHED")
