"""A checkpoint is read by torch's safe default, and refused where it is of another training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.training import checkpoint
from baselines.training.checkpoint import CHECKPOINT, CheckpointError, Course, Epoch
from baselines.training.devices import Place, reproducible
from baselines.training.settings import Settings, fitting
from tests.support.small_training import FITS, SETTINGS, training

CPU = torch.device("cpu")


def test_what_a_training_saves_is_loaded_back_at_once(tmp_path: Path) -> None:
    loaded: list[Course] = []

    def save(course: Course, states: dict[str, dict[str, Any]]) -> None:
        checkpoint.save(tmp_path, course, states, FITS)
        found = checkpoint.load(tmp_path, FITS, CPU)
        assert found is not None
        back, again = found
        assert (back.epoch, back.step, back.epochs, back.best) == (
            course.epoch,
            course.step,
            course.epochs,
            course.best,
        )
        assert back.best_weights.keys() == course.best_weights.keys()
        for name, value in states["network"].items():
            assert torch.equal(again["network"][name], value)
        assert again["schedule"] == states["schedule"]
        loaded.append(back)

    with reproducible(Place(CPU), 1):
        training(replace(SETTINGS, epochs=1), save=save).run()
    assert [course.step for course in loaded] == [1, 2, 0]  # twice in the epoch, once after it


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path: Path) -> None:
    best = Epoch(1, np.float64(0.5), np.float32(0.25), np.float64(0.75), 3)  # type: ignore[arg-type]
    checkpoint.save(tmp_path, Course(epochs=[best], best=best), {}, FITS)
    found = checkpoint.load(tmp_path, FITS, CPU)
    assert found is not None
    assert found[0].best == Epoch(1, 0.5, 0.25, 0.75, 3)


def test_another_training_is_refused_in_words(tmp_path: Path) -> None:
    before = fitting(Settings(epochs=16), pixels="a")
    checkpoint.save(tmp_path, Course(), {}, before)
    with pytest.raises(CheckpointError, match=r"epochs was 16 and is 20.*--no-resume"):
        checkpoint.load(tmp_path, fitting(Settings(epochs=20), pixels="a"), CPU)
    with pytest.raises(CheckpointError, match="pixels was a and is b"):
        checkpoint.load(tmp_path, fitting(Settings(epochs=16), pixels="b"), CPU)
    # How it is computed and what is done with the logits may change.
    other = Settings(epochs=16, workers=3, threads=2, calibration="isotonic", sensitivity=0.9)
    assert checkpoint.load(tmp_path, fitting(other, pixels="a"), CPU) is not None


def test_pretrained_weights_count_by_their_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    one.write_bytes(b"a")
    two.write_bytes(b"a")
    assert fitting(Settings(weights=one)) == fitting(Settings(weights=two))
    two.write_bytes(b"b")
    assert fitting(Settings(weights=one)) != fitting(Settings(weights=two))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path, FITS, CPU) is None
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path, FITS, CPU)
    torch.save({"fits": FITS}, tmp_path / CHECKPOINT)
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path, FITS, CPU)
    checkpoint.discard(tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()
