"""Training goes on after a kill as if nothing had been, with any number of readers and trainers."""

from __future__ import annotations

import socket
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.targets import ONE_PROBABILITY, Task
from baselines.training.devices import Place, reproducible
from baselines.training.loop import Training
from tests.support import small_training
from tests.support.small_training import SETTINGS, trained

FINDINGS = Task("multilabel", ("opacity", "clear"))
CLASSES = Task("multiclass", ("opacity", "clear"))
GRADES = Task("ordinal", ("grade",), 3)


@pytest.fixture(scope="module", autouse=True)
def _imported_once() -> None:
    """Have the server that forks processes import torch, so that not each of them does."""
    get_context("forkserver").set_forkserver_preload(["tests.support.small_training"])


@pytest.fixture(scope="module")
def straight() -> dict[str, Tensor]:
    """The weights of a training that nothing stopped."""
    return trained()


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_seed_decides_and_another_seed_gives_another_model(
    straight: dict[str, Tensor],
) -> None:
    torch.rand(5)  # what others draw changes nothing
    assert _same(trained(), straight)
    assert not _same(trained(replace(SETTINGS, seed=1)), straight)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_read_change_nothing(workers: int, straight: dict[str, Tensor]) -> None:
    assert _same(trained(replace(SETTINGS, workers=workers)), straight)


@pytest.mark.parametrize(
    ("checkpoints", "half_written"),
    [(2, False), (4, False), (3, True)],
    ids=["within an epoch", "in the second epoch", "while a checkpoint is written"],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    checkpoints: int, half_written: bool, tmp_path: Path, straight: dict[str, Tensor]
) -> None:
    process = get_context("forkserver").Process(
        target=small_training.train_until_killed, args=(tmp_path, checkpoints, half_written)
    )
    process.start()
    process.join()
    assert process.exitcode == -9
    process.close()
    assert (tmp_path / "checkpoint.pt").is_file()
    assert _same(trained(folder=tmp_path), straight)


def test_two_processes_train_one_model_on_the_images_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = get_context("forkserver")
    started = [
        context.Process(target=small_training.train_together, args=(number, 2, port, tmp_path))
        for number in range(2)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
        assert process.exitcode == 0
        process.close()
    one, two = (torch.load(tmp_path / f"{n}.pt", weights_only=True) for n in range(2))
    assert _same(one["weights"], two["weights"])
    assert one["aurocs"] == two["aurocs"]
    alone = small_training.training()._asked(1)
    for whole, first, second in zip(alone, one["asked"], two["asked"], strict=True):
        assert whole.numbers.tolist()[::2] == first
        assert whole.numbers.tolist()[1::2] == second


@pytest.mark.parametrize("task", [FINDINGS, CLASSES, GRADES], ids=lambda task: task.kind)
def test_every_kind_of_task_is_learnt(task: Task) -> None:
    settings = replace(SETTINGS, epochs=8, learning_rate=1e-2, network="densenet-small")
    place = Place(torch.device("cpu"))
    with reproducible(place, 1):
        work = small_training.training(settings, place, task)
        course = work.run()
    assert course.best is not None
    assert course.best.validation_auroc > 0.8
    assert all(np.isfinite(epoch.training_loss) for epoch in course.epochs)


def test_volumes_are_learnt_as_images_are() -> None:
    settings = replace(SETTINGS, network="ct3d", epochs=4, learning_rate=1e-2)
    place = Place(torch.device("cpu"))
    examples = small_training.volumes()
    with reproducible(place, 1):
        work = Training(ONE_PROBABILITY, settings, place, examples, examples)
        course = work.run()
    assert course.best is not None
    assert course.best.validation_auroc > 0.9


def test_training_stops_when_validation_gets_no_better() -> None:
    settings = replace(SETTINGS, epochs=30, patience=2, learning_rate=1e-9)
    place = Place(torch.device("cpu"))
    with reproducible(place, 1):
        course = small_training.training(settings, place).run()
    assert course.best is not None
    assert len(course.epochs) == course.best.number + 2
    assert len(course.epochs) < 30


def test_balanced_sampling_draws_both_sides_alike() -> None:
    work = small_training.training(replace(SETTINGS, imbalance="sample"))
    drawn = np.concatenate([each.numbers for each in work._asked(3)])
    assert work.training.image_labels[drawn].mean() == 0.5
    assert work.weights.tolist() == [1.0]
    weighted = small_training.training()
    # 8 positive cases of 24: each weighs as much as two negative ones.
    assert weighted.weights.tolist() == [2.0]


def test_bfloat16_trains_and_gives_other_weights(straight: dict[str, Tensor]) -> None:
    place = Place(torch.device("cpu"), torch.bfloat16)
    with reproducible(place, 1):
        work = small_training.training(place=place)
        course = work.run()
    assert course.best is not None
    found = work.network.state_dict()
    assert all(value.dtype != torch.bfloat16 for value in found.values())
    assert not _same(found, straight)
