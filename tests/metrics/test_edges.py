"""Scores that a network stored as float32 lie where the numbers lie that it meant."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluator.probing.set_apart import set_apart
from metrics import edges
from metrics.all_figures import Choices, figures
from metrics.calibration import errors
from metrics.group import everyone
from metrics.operating_points import rates, utility
from metrics.resampling import replicates
from tests.metrics.conftest import ReferenceSet

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def stored(s: Floats) -> Floats:
    """What is read back after a network wrote the scores as float32."""
    return s.astype(np.float32).astype(np.float64)


def reference_tables(
    refvals: Path, reference_set: Callable[[str], ReferenceSet]
) -> Iterator[tuple[Bools, Floats]]:
    for name in ("S1", "S2", "S3", "S4"):
        given = reference_set(name)
        for s in given.scores.values():
            yield given.y, s
    with (refvals / "aSAH" / "input.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    y = np.array([row["y"] == "1" for row in rows])
    for marker in ("s100b", "ndka", "wfns"):
        yield y, np.array([float(row[marker]) for row in rows])


def test_float32_copies_of_every_reference_table_are_called_as_their_originals(
    refvals: Path, reference_set: Callable[[str], ReferenceSet]
) -> None:
    compared = on_the_threshold = 0
    for y, s in reference_tables(refvals, reference_set):
        copy = stored(s)
        for threshold in (*np.unique(s).tolist(), *np.linspace(0.05, 0.95, 19).tolist()):
            meant = s >= threshold - 1e-12  # 0.3 in the table is np.linspace's 0.30000000000000004
            assert np.array_equal(edges.called(copy, threshold), meant)
            table = rates.confusion(y, copy, threshold)
            assert (table.tp, table.fp) == (np.sum(meant & y), np.sum(meant & ~y))
            on_the_threshold += int(np.sum(meant & (copy < threshold)))
            compared += 1
    assert compared > 4_000
    assert on_the_threshold > 1_000  # as many would be missed without a tolerance


def test_float32_copies_of_every_reference_table_fall_into_the_same_bins(
    refvals: Path, reference_set: Callable[[str], ReferenceSet]
) -> None:
    moved = 0
    for y, s in reference_tables(refvals, reference_set):
        if s.max() > 1.0:
            continue
        for n_bins in (5, 10, 15, 20, 100):
            member = edges.bin_of(s, n_bins)
            assert np.array_equal(edges.bin_of(stored(s), n_bins), member)
            moved += int(np.sum(np.ceil(stored(s) * n_bins) - 1 > member))
            equal_mass = errors.mass_bin_of(s, np.ones(s.size), n_bins)
            copied = errors.mass_bin_of(stored(s), np.ones(s.size), n_bins)
            assert np.array_equal(copied, equal_mass)
            for figure in (errors.ece, errors.ece_equal_mass, errors.mce):
                found = figure(y, stored(s), n_bins)
                assert found == pytest.approx(figure(y, s, n_bins), abs=1e-7)
    assert moved > 100  # S2 has ties on edges


def test_replicates_call_and_bin_as_the_figures_do() -> None:
    y = np.arange(400) % 3 == 0
    s = np.round(np.linspace(0.05, 0.95, 400), 1)
    copy = stored(s)
    for threshold in (0.3, 0.6, 0.7):
        units = replicates.units(y, np.arange(400), 400)
        sums = []
        for scores in (s, copy):
            cases = replicates.ranked(y, scores, 10)
            walk = replicates.walk(cases, None, threshold)
            sums += replicates.replicate(cases, units, [walk], replicates=64, seed=1)
        assert np.array_equal(sums[0].true_positive, sums[1].true_positive)
        assert np.array_equal(sums[0].false_positive, sums[1].false_positive)
        assert sums[0].ece == pytest.approx(sums[1].ece, abs=1e-6)


def test_a_float32_at_the_threshold_is_called_everywhere() -> None:
    s = np.array([0.7, 0.7, 0.2, 0.7, 0.2, 0.2], dtype=np.float32)
    y = np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    assert float(s[0]) < 0.7
    table = rates.confusion(y, s, 0.7)
    assert (table.tp, table.fp, table.fn, table.tn) == (2, 1, 1, 2)
    # 2/6 - 1/6 x 0.7/0.3
    assert utility.decision_curve(y, s, [0.7])[0, 0] == pytest.approx(2 / 6 - 7 / 18)
    # two of 22 cases are called, and so set apart; without a tolerance none is
    few = np.append(np.linspace(0.1, 0.6, 20), s[:2].astype(np.float64))
    assert "overall" in set_apart(few, 0.7, {}, (), 8).by_threshold


def test_stored_scores_stay_as_they_are() -> None:
    s = np.array([0.1, 0.7, 0.3], dtype=np.float32)
    y = np.array([False, True, True])
    kept = replicates.ranked(y, s.astype(np.float64), 10).s
    assert kept.tolist() == sorted((float(x) for x in s), reverse=True)


def test_neighbours_in_the_sixth_decimal_stay_apart() -> None:
    for place in range(2, 1_000_000, 997):
        threshold = place / 1e6
        assert edges.called(np.array([threshold]), threshold).all()
        assert not edges.called(np.array([(place - 1) / 1e6]), threshold).any()
    above = np.array([k / 10 + 1e-6 for k in range(10)])
    assert edges.bin_of(above, 10).tolist() == list(range(10))


def test_thresholds_of_rare_findings_logits_and_percent() -> None:
    # Hernia in the NIH test split is positive in 0.19 %: an absolute 1e-6 would call 0.0018711
    assert edges.called(np.array([0.0018711, 0.001872]), 0.001872).tolist() == [False, True]
    logits = np.array([-12.3, 8.7, 0.0], dtype=np.float32).astype(np.float64)
    for meant, read in zip((-12.3, 8.7, 0.0), logits.tolist(), strict=True):
        assert edges.called(np.array([read]), meant).all()
        assert not edges.called(np.array([read - 1e-4]), meant).any()
    assert edges.called(np.array([71.3], dtype=np.float32).astype(np.float64), 71.3).all()
    assert not edges.called(np.array([0.0]), 1e-9).any()
    assert edges.called(np.array([np.inf, 1e308]), np.inf).tolist() == [True, False]


def test_the_report_calls_float32_scores_as_the_table_does() -> None:
    y = np.arange(60) % 2 == 0
    s = np.where(np.arange(60) % 3 == 0, 0.2, 0.7)
    rows = [
        {
            name: (estimate.value, estimate.low, estimate.high)
            for name, estimate in figures(
                everyone(y, scores, np.arange(60), 60),
                Choices(threshold=0.7, smooth_calibration=False),
            )
        }
        for scores in (s, stored(s))
    ]
    for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "selection_rate"):
        assert rows[0][name] == rows[1][name], name
    assert rows[0]["sensitivity"][0] == pytest.approx(20 / 30)
