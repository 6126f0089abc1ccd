"""The demonstration's study: one claim that is true and one that is false, by the simulation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from cohort_selection.commons.simulation import simulate
from evaluator.benchmark.specification import read_benchmark
from evaluator.demonstration import study_file


def test_one_claim_is_true_and_the_other_false_of_every_model(tmp_path: Path) -> None:
    """The risks themselves are the best scores there are (Neyman and Pearson 1933).

    Expected over the labels: at each threshold on the risk, the share of positives at or above it
    and of negatives below it. No score has more of both.
    """
    found = simulate(tmp_path / "commons", patients=120, seed=1)
    with found.truth.open(newline="") as lines:
        risks = np.sort([float(row["risk"]) for row in csv.DictReader(lines)])[::-1]
    sensitivity = np.cumsum(risks) / risks.sum()
    specificity = 1.0 - np.cumsum(1.0 - risks) / (1.0 - risks).sum()
    study = read_benchmark(study_file()).study
    assert study is not None
    true, false = study.claims
    assert true.at_least is not None
    assert true.at_least < 0.6 < found.achievable_auroc
    first, second = false.parts
    assert (first.figure, second.figure) == ("sensitivity", "specificity")
    both = (sensitivity >= (first.at_least or 0.0)) & (specificity >= (second.at_least or 0.0))
    assert not both.any()


def test_the_study_ends_after_its_one_look() -> None:
    """So that its result, once reviewed, is released at the next run of the queue."""
    task = read_benchmark(study_file())
    assert task.study is not None
    assert (task.study.looks, task.quota.cohort_looks) == (1, 1)
    assert task.disclosure.feedback == "held"
