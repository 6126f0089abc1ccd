"""A step of the ladder, against the p-values that R's pROC prints for its own data."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluator.feedback import ladder


@pytest.fixture(scope="module")
def asah(shared_data: Path) -> dict[str, NDArray[np.float64]]:
    """113 patients with a haemorrhage: outcome and three scores."""
    with (shared_data / "scores" / "asah.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = {name: np.array([float(row[name]) for row in rows]) for name in ("wfns", "ndka")}
    return scores | {"y": np.array([float(row["outcome"] == "Poor") for row in rows])}


def test_a_step_needs_half_the_two_sided_p_value_under_a_share_of_0_05(
    asah: dict[str, NDArray[np.float64]],
) -> None:
    # pROC 1.18: wfns over ndka, p = 0.005145579707; 0.05 / 19 = 0.00263 and 0.05 / 20 = 0.0025
    y, better, best = asah["y"], asah["wfns"], asah["ndka"]
    assert ladder.is_step(y, better, best, looks=19)
    assert not ladder.is_step(y, better, best, looks=20)


def test_what_is_worse_or_the_same_is_no_step(asah: dict[str, NDArray[np.float64]]) -> None:
    y, wfns, ndka = asah["y"], asah["wfns"], asah["ndka"]
    assert not ladder.is_step(y, ndka, wfns, looks=1)
    assert not ladder.is_step(y, wfns, wfns, looks=1)
    assert not ladder.is_step(y, wfns * 2.0 + 1.0, wfns, looks=1)


def test_cases_of_one_patient_are_no_further_evidence(
    asah: dict[str, NDArray[np.float64]],
) -> None:
    y, better, best = (np.tile(asah[name], 4) for name in ("y", "wfns", "ndka"))
    patients = np.tile(np.arange(113), 4)
    assert ladder.is_step(y, better, best, looks=1_000)  # as if they were 452 patients
    assert ladder.is_step(y, better, best, patients, looks=15)
    assert not ladder.is_step(y, better, best, patients, looks=30)


def test_one_class_is_no_step_and_no_look_is_an_error() -> None:
    assert not ladder.is_step([1, 1, 1], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1], looks=1)
    with pytest.raises(ValueError, match="the ladder has 0 looks; give 1 or more"):
        ladder.is_step([1, 0], [0.9, 0.1], [0.1, 0.9], looks=0)
