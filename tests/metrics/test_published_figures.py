"""Figures that others printed: pROC's example, and MELODY's kappa differences between groups."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.comparison.pairs import paired_delong
from metrics.discrimination.delong import auroc_estimate
from metrics.grades.agreement import quadratic_weighted_kappa

pytestmark = pytest.mark.realdata

Grades = NDArray[np.int64]
Floats = NDArray[np.float64]
Kappa = Callable[[Grades, Grades], float]

REPLICATES = 1000  # as many as MELODY drew


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def published(shared_data: Path, measure: str) -> float:
    found = rows(shared_data / "reference" / "published_figures.csv")
    (value,) = [row["value"] for row in found if row["measure"].startswith(measure)]
    return float(value)


@pytest.mark.parametrize(
    ("marker", "low", "high"),
    # bounds as pROC prints them beside the AUROC
    [("s100b", 0.6301, 0.8326), ("ndka", 0.5012, 0.7227), ("wfns", 0.7485, 0.8988)],
)
def test_the_markers_of_the_haemorrhage_study_come_out_as_proc_prints_them(
    shared_data: Path, marker: str, low: float, high: float
) -> None:
    cases = rows(shared_data / "scores" / "asah.csv")
    poor = np.array([row["outcome"] == "Poor" for row in cases])
    found = auroc_estimate(poor, [float(row[marker]) for row in cases], interval="symmetric")
    assert found.value == pytest.approx(published(shared_data, f"AUC {marker}"), abs=5e-5)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_the_paired_difference_of_two_markers_comes_out_as_proc_prints_it(
    shared_data: Path,
) -> None:
    cases = rows(shared_data / "scores" / "asah.csv")
    poor = np.array([row["outcome"] == "Poor" for row in cases])
    first, second = ([float(row[marker]) for row in cases] for marker in ("wfns", "s100b"))
    found = paired_delong(poor, first, second)
    assert found.p_value == pytest.approx(published(shared_data, "paired DeLong"), abs=5e-6)


def renumbered_kappa(reference: Grades, grade: Grades) -> float:
    """Kappa as MELODY takes it: on the ranks of the grades that the sample happens to have."""
    seen = np.unique(np.concatenate([reference, grade]))
    ranks = np.searchsorted(seen, reference), np.searchsorted(seen, grade)
    return quadratic_weighted_kappa(*ranks, 0, seen.size - 1)


def declared_kappa(reference: Grades, grade: Grades) -> float:
    return quadratic_weighted_kappa(reference, grade, 0, 24)


def medians_and_bounds(shared_data: Path, printed: dict[str, str], kappa: Kappa) -> Floats:
    """Bootstrap the difference of two groups' kappas as MELODY does: (2.5, 50, 97.5 %), spread."""
    truth = {
        row["case_name"]: row
        for row in rows(shared_data / "scores" / "melody_demo_truth_demographics.csv")
    }
    scores = rows(shared_data / "scores" / "melody_demo_scores.csv")
    rng = np.random.default_rng(42)
    draws = []
    for group in (printed["group"], printed["reference_group"]):
        mine = [row for row in scores if truth[row["case_name"]]["sex"] == group]
        reference = np.array([int(truth[row["case_name"]]["truth"]) for row in mine])
        grade = np.array([int(row[printed["model"]]) for row in mine])
        picks = rng.integers(0, len(mine), (REPLICATES, len(mine)))
        draws.append(np.array([kappa(reference[pick], grade[pick]) for pick in picks]))
    difference = draws[0] - draws[1]
    return np.array([*np.quantile(difference, [0.025, 0.5, 0.975]), difference.std()])


def test_melodys_kappa_differences_come_out_by_its_rule_and_not_by_the_right_one(
    shared_data: Path,
) -> None:
    (printed,) = [
        row
        for row in rows(shared_data / "reference" / "melody_demo_delta_qwk_MELODY-0.3.3.csv")
        if (row["attribute"], row["model"]) == ("sex", "ai_model_1")
    ]
    expected = [float(printed[name]) for name in ("ci95_low", "delta_qwk", "ci95_high")]
    *theirs, spread = medians_and_bounds(shared_data, printed, renumbered_kappa)
    # Standard errors of two sample quantiles: spread sqrt(2 p (1 - p) / B) / normal density there.
    shares, densities = np.array([0.025, 0.5, 0.975]), np.array([0.0584, 0.3989, 0.0584])
    errors = spread * np.sqrt(2 * shares * (1 - shares) / REPLICATES) / densities
    assert np.all(np.abs(np.array(theirs) - expected) < 4 * errors)
    _, median, _, _ = medians_and_bounds(shared_data, printed, declared_kappa)
    assert abs(median - expected[1]) > 4 * errors[1]
