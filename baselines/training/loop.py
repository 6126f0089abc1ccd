"""Trains a network on batches until validation stops getting better; any step can be its last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as group

from baselines.augmentation import augment
from baselines.data.draws import order, step_seed
from baselines.data.loaders import Asked, Batch, Loader, as_images
from baselines.examples import Examples, Progress
from baselines.networks import registry
from baselines.targets import Task
from baselines.training import pretrained
from baselines.training.checkpoint import Course, Epoch
from baselines.training.devices import Place, compiled, laid_out, prepared, shared
from baselines.training.losses import loss_of, weights_of
from baselines.training.settings import Settings
from baselines.training.validation import infer, measured

States = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Training:
    """What one training works with; ``place`` is where, ``save`` and ``log`` keep how far it is.

    ``save`` gets the course and the states of network, optimizer and schedule; ``log`` gets the
    course after each epoch. Only the first process calls them.
    """

    task: Task
    settings: Settings
    place: Place
    training: Examples
    validation: Examples
    save: Callable[[Course, States], None] = lambda *_: None
    log: Callable[[Course], None] = lambda _: None
    progress: Progress | None = None
    network: nn.Module = field(init=False)
    weights: NDArray[np.float64] = field(init=False)
    _trained: nn.Module = field(init=False)
    _optimizer: torch.optim.Optimizer = field(init=False)
    _schedule: torch.optim.lr_scheduler.LRScheduler = field(init=False)
    _scaler: torch.amp.GradScaler = field(init=False)
    _loader: Loader = field(init=False)
    _checking: Loader = field(init=False)
    _targets: Tensor = field(init=False)
    _loss: Callable[[Tensor, Tensor], Tensor] = field(init=False)
    _began: float = field(init=False)
    _kept: float = field(init=False)

    def __post_init__(self) -> None:
        """Build network, optimizer and readers; the seed alone decides on the first weights."""
        settings, place = self.settings, self.place
        self._began = self._kept = time.monotonic()
        torch.manual_seed(settings.seed)
        self.network = registry.build(settings.network, self.task)
        if settings.weights is not None:
            pretrained.take(self.network, settings.weights)
        prepared(self.network, place)
        self._trained = shared(self.network, place)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=1e-2, fused=True
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, settings.learning_rate, total_steps=settings.epochs * self.steps
        )
        self._scaler = torch.amp.GradScaler(
            place.device.type, enabled=place.precision == torch.float16
        )
        workers = place.readers(settings.workers)
        self._loader, self._checking = (
            Loader(part.pixels, settings.seed, workers=workers, pinned=place.cuda)
            for part in (self.training, self.validation)
        )
        targets = self.task.logit_targets(self.training.image_targets)
        self.weights = weights_of(targets, self.task, settings.imbalance)
        self._targets = torch.from_numpy(targets.astype(np.float32)).to(place.device)
        self._loss = loss_of(self.task, self.weights, place.device)
        if settings.compile:
            first = np.arange(settings.batch // place.processes)
            images = as_images(torch.from_numpy(self.training.pixels.raw(first)), place.device)
            self._trained = compiled(self._trained, laid_out(images), place)

    @property
    def steps(self) -> int:
        """Steps of an epoch; images that fill no batch wait for another epoch's shuffle."""
        return len(self.training.pixels) // self.settings.batch

    def run(self, resumed: tuple[Course, States] | None = None) -> Course:
        """Train to the end, from the start or from a checkpoint; leave the best weights loaded.

        Best is the highest validation AUROC, then the lowest validation loss.
        """
        course = Course()
        if resumed is not None:
            course, states = resumed
            self._restore(states)
        self._began = time.monotonic() - course.seconds
        self._kept = time.monotonic()
        while not self._over(course):
            self._epoch(course)
            self._judge(course)
        assert course.best is not None  # there is at least one epoch
        self.network.load_state_dict(course.best_weights)
        return course

    def _over(self, course: Course) -> bool:
        if course.epoch > self.settings.epochs:
            return True
        waited = course.epoch - 1 - course.best.number if course.best else 0
        return waited >= self.settings.patience

    def _epoch(self, course: Course) -> None:
        """Do the steps of an epoch that are not yet done."""
        self._trained.train()
        total = torch.tensor(course.loss, dtype=torch.float64, device=self.place.device)
        batches = self._asked(course.epoch)[course.step :]
        for batch in self._loader.read(batches):
            total += self._step(batch, course)
            course.step += 1
            minutes = (time.monotonic() - self._kept) / 60
            if minutes >= self.settings.checkpoint_minutes and course.step < self.steps:
                course.loss = float(total)
                self._keep(course)
            if self.progress is not None:
                self._show(course)
        course.loss = float(total)

    def _step(self, batch: Batch, course: Course) -> Tensor:
        """Learn from one batch; give its loss."""
        place = self.place
        torch.manual_seed(step_seed(self.settings.seed, course.epoch, course.step, place.process))
        images = augment(as_images(batch.pixels, place.device), batch.draws)
        targets = self._targets[torch.from_numpy(batch.numbers).to(place.device)]
        return self._learn(images, targets)

    def _learn(self, images: Tensor, targets: Tensor) -> Tensor:
        """Take one step of the optimizer; give the loss before it."""
        self._optimizer.zero_grad(set_to_none=True)
        with self.place.mixed():
            loss = self._loss(self._trained(laid_out(images)), targets)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step()
        return loss.detach().double()

    def _asked(self, epoch: int) -> list[Asked]:
        """Share the images of each step out to the processes; their order is the epoch's."""
        settings, place = self.settings, self.place
        positive = self.training.image_labels if settings.imbalance == "sample" else None
        shuffled = order(settings.seed, epoch, len(self.training.pixels), positive)
        whole = shuffled[: self.steps * settings.batch].reshape(self.steps, settings.batch)
        return [Asked(epoch, numbers[place.process :: place.processes]) for numbers in whole]

    def _judge(self, course: Course) -> None:
        """Measure the epoch that is done, keep its weights where they are the best, go on."""
        for buffer in self.network.buffers() if self.place.processes > 1 else ():
            group.broadcast(buffer, 0)
        logits = infer(self.network, self.validation.pixels, self.place, self._checking)
        score, loss = measured(logits, self.validation, self.task)
        shares = self.place.gathered(course.loss)
        epoch = Epoch(
            number=course.epoch,
            training_loss=float(np.mean(shares)) / self.steps,
            validation_loss=loss,
            validation_auroc=score,
            at=time.time_ns() // 1_000_000,
        )
        course.epochs.append(epoch)
        if course.best is None or _rank(epoch) > _rank(course.best):
            course.best = epoch
            course.best_weights = {
                name: value.detach().clone(memory_format=torch.contiguous_format)
                for name, value in self.network.state_dict().items()
            }
        course.epoch, course.step, course.loss = course.epoch + 1, 0, 0.0
        self._keep(course)
        if self.place.first:
            self.log(course)
        self._show(course)

    def _keep(self, course: Course) -> None:
        self._kept = time.monotonic()
        course.seconds = self._kept - self._began
        if self.place.first:
            self.save(course, self._states())

    def _states(self) -> States:
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def _restore(self, states: States) -> None:
        self.network.load_state_dict(states["network"])
        self._optimizer.load_state_dict(states["optimizer"])
        self._schedule.load_state_dict(states["schedule"])
        if states["scaler"] and self._scaler.is_enabled():
            self._scaler.load_state_dict(states["scaler"])

    def _show(self, course: Course) -> None:
        if self.progress is None or not self.place.first:
            return
        last = (
            f" (validation AUROC {course.epochs[-1].validation_auroc:.3f})" if course.epochs else ""
        )
        steps_done = (course.epoch - 1) * self.steps + course.step
        self.progress(f"training{last}", steps_done, self.settings.epochs * self.steps)


def _rank(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation_auroc, -epoch.validation_loss


def logits_of(trained: Training) -> NDArray[np.float64]:
    """Give the validation logits (n_images, n_logits) of the best weights, in full precision."""
    exact = Place(
        device=trained.place.device,
        precision=None,
        process=trained.place.process,
        processes=trained.place.processes,
    )
    return infer(trained.network, trained.validation.pixels, exact, trained._checking)
