"""Replicates: exact sums, one draw for all, the same bits whatever the threads."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.calibration import errors
from metrics.discrimination import curves as discrimination
from metrics.operating_points import rates as operating_point
from metrics.resampling import replicates as resampling
from metrics.resampling.kernels import scan
from metrics.resampling.sums import FIGURES, LANES, Sums
from tests.metrics.conftest import ReferenceSet


def data(
    n: int, seed: int, digits: int | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    y = generator.random(n) < 0.3
    s = 1 / (1 + np.exp(-(generator.standard_normal(n) + 1.2 * y - 1)))
    return y, s if digits is None else np.round(s, digits)


def test_the_kernel_gives_the_figures_of_scikit_learn_for_given_weights(refvals: Path) -> None:
    folder = refvals / "weights"
    rows = np.genfromtxt(folder / "input.csv", delimiter=",", names=True)
    weights = np.loadtxt(folder / "weights.csv", delimiter=",")
    expected = np.genfromtxt(folder / "expected.csv", delimiter=",", names=True)
    y, p = rows["y"] == 1, rows["p1"]
    cases = resampling.ranked(y, p, 15)
    walk = resampling.walk(cases, None, 0.3)
    block = np.zeros((y.size, LANES), np.uint8)
    block[:, :60] = weights.T[cases.order]
    out = np.empty((FIGURES, LANES))
    scan(block, walk.rows, walk.flags, cases.gap, cases.square, 128, out)
    sums = Sums(out[:, :60])
    assert sums.auroc == pytest.approx(expected["auc"], abs=1e-12)
    assert np.array_equal(sums.true_positive, expected["tp"])
    assert np.array_equal(sums.false_positive, expected["fp"])
    assert np.array_equal(sums.confusion.fn, expected["fn"])
    assert np.array_equal(sums.confusion.tn, expected["tn"])
    # partial sums are float32
    assert sums.average_precision == pytest.approx(expected["ap"], abs=2e-7)
    assert sums.brier == pytest.approx(expected["brier"], abs=2e-7)
    assert sums.ece == pytest.approx(expected["ece15_right_closed"], abs=2e-7)


@pytest.mark.parametrize("digits", [None, 2, 1])
def test_each_replicate_is_the_weighted_figure_of_its_weights(digits: int | None) -> None:
    y, s = data(400, 1, digits)
    generator = np.random.default_rng(2)
    member = generator.random(400) < 0.4
    patient = np.sort(generator.integers(0, 250, 400))
    _, number = np.unique(patient, return_inverse=True)
    units = resampling.units(y, number, int(number.max()) + 1)
    cases = resampling.ranked(y, s, 10)
    walks = [resampling.walk(cases, None, 0.5), resampling.walk(cases, member, 0.5)]
    found = resampling.replicate(cases, units, walks, replicates=70, seed=9)
    rates = np.linspace(0, 1, 21)
    curves = resampling.replicate_roc(cases, units, walks[1], rates, replicates=70, seed=9)
    weights = resampling.case_weights(units, replicates=70, seed=9)
    for sums, group in zip(found, (np.ones(400, dtype=bool), member), strict=True):
        for b in range(70):
            w = weights[b][group].astype(float)
            y_, s_ = y[group], s[group]
            assert sums.auroc[b] == pytest.approx(discrimination.auroc(y_, s_, w), abs=1e-12)
            assert sums.average_precision[b] == pytest.approx(
                discrimination.average_precision(y_, s_, w), abs=1e-6
            )
            assert sums.brier[b] == pytest.approx(errors.brier(y_, s_, w), abs=1e-6)
            assert sums.ece[b] == pytest.approx(errors.ece(y_, s_, 10, w), abs=1e-6)
            table = operating_point.confusion(y_, s_, 0.5, w)
            assert (sums.true_positive[b], sums.false_positive[b]) == (table.tp, table.fp)
    for b in range(70):
        w = weights[b][member].astype(float)
        heights = discrimination.roc_sensitivities(y[member], s[member], rates, w)
        assert curves.heights[:, b] == pytest.approx(heights, abs=1e-9)
        area = discrimination.partial_auroc(
            y[member], s[member], 0.0, rates[6], w, standardized=False
        )
        assert curves.areas[6, b] == pytest.approx(area, abs=1e-9)


def test_weights_keep_the_number_of_patients_of_each_stratum() -> None:
    y, _ = data(300, 3)
    patient = np.arange(300) // 3
    units = resampling.units(y, patient, 100)
    weights = resampling.case_weights(units, replicates=130, seed=1)
    of_patient = weights[:, ::3]
    assert np.array_equal(weights, np.repeat(of_patient, 3, axis=1))
    diseased = y.reshape(100, 3).any(axis=1)
    assert np.all(of_patient[:, diseased].sum(axis=1) == diseased.sum())
    assert np.all(of_patient[:, ~diseased].sum(axis=1) == (~diseased).sum())


def test_draws_are_multinomial() -> None:
    y = np.arange(50) < 20
    units = resampling.units(y, np.arange(50), 50)
    weights = resampling.case_weights(units, replicates=20_000, seed=4).astype(float)
    # counts of a draw of m from m: mean 1, variance 1 - 1/m, covariance -1/m
    for stratum in (slice(0, 20), slice(20, 50)):
        drawn = weights[:, stratum]
        m = drawn.shape[1]
        assert drawn.mean(axis=0) == pytest.approx(np.ones(m), abs=4 * 1 / np.sqrt(20_000))
        covariance = np.cov(drawn.T)
        assert np.diag(covariance) == pytest.approx(np.full(m, 1 - 1 / m), abs=0.06)
        off = covariance[~np.eye(m, dtype=bool)]
        assert off.mean() == pytest.approx(-1 / m, abs=1e-3)


def test_replicates_do_not_depend_on_threads_number_or_other_groups() -> None:
    y, s = data(500, 5)
    units = resampling.units(y, np.arange(500), 500)
    cases = resampling.ranked(y, s, 10)
    everyone = resampling.walk(cases, None, 0.4)
    half = resampling.walk(cases, np.arange(500) % 2 == 0, 0.4)

    def run(walks: list[resampling.Walk], replicates: int, threads: int) -> list[Sums]:
        return resampling.replicate(
            cases, units, walks, replicates=replicates, seed=7, threads=threads
        )

    one = run([everyone, half], 500, 1)
    for other in (run([everyone, half], 500, 2), run([everyone, half], 500, 5)):
        assert all(np.array_equal(a.values, b.values) for a, b in zip(one, other, strict=True))
    assert np.array_equal(run([half], 500, 2)[0].values, one[1].values)
    assert np.array_equal(run([everyone], 100, 1)[0].values, one[0].values[:, :100])
    seeds = {
        resampling.case_weights(units, replicates=1, seed=seed).tobytes() for seed in range(50)
    }
    assert len(seeds) == 50


def test_weights_follow_the_patients_not_the_order_of_cases() -> None:
    y, _ = data(200, 6)
    names = np.array([f"case-{k:03d}" for k in range(200)])
    shuffled = np.random.default_rng(1).permutation(200)

    def weights(order: NDArray[np.int64]) -> NDArray[np.uint8]:
        _, number = np.unique(names[order], return_inverse=True)
        units = resampling.units(y[order], number, 200)
        return resampling.case_weights(units, replicates=64, seed=3)

    assert np.array_equal(weights(np.arange(200))[:, shuffled], weights(shuffled))


def within_monte_carlo_error(
    y: NDArray[np.bool_], s: NDArray[np.float64], bounds: dict[str, float], size: int
) -> None:
    """Compare with the mean of pROC's five runs of ``size`` replicates, to 4 standard errors.

    The error of a run is taken from ten runs of our own; pROC's five give it too roughly.
    """
    units = resampling.units(y, np.arange(y.size), y.size)
    cases = resampling.ranked(y, s, 10)
    walk = resampling.walk(cases, None, None)
    (sums,) = resampling.replicate(cases, units, [walk], replicates=10 * size, seed=1)
    runs = np.quantile(sums.auroc.reshape(10, size), [0.025, 0.975], axis=1)
    error = runs.std(axis=1, ddof=1) * np.sqrt(1 / 5 + 1 / 10)
    for place, key in enumerate(("lower", "upper")):
        assert runs[place].mean() == pytest.approx(bounds[key], abs=4 * error[place])


def test_bootstrap_bounds_are_those_of_proc(
    reference_set: Callable[[str], ReferenceSet], refvals: Path
) -> None:
    given = reference_set("S1")
    for model, s in given.scores.items():
        expected = given.roc["single"][model]["bootstrap_ci95_stratified"]
        within_monte_carlo_error(given.y, s, expected, 2_000)
    expected = json.loads((refvals / "aSAH" / "expected.json").read_text())["single"]
    with (refvals / "aSAH" / "input.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    y = np.array([row["y"] == "1" for row in rows])
    for marker, figures in expected.items():
        s = np.array([float(row[marker]) for row in rows])
        within_monte_carlo_error(y, s, figures["bootstrap_ci95_stratified"], 20_000)


def test_patient_bootstrap_spreads_as_obuchowskis_error(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S4")
    _, patient = np.unique(given.patients, return_inverse=True)
    units = resampling.units(given.y, patient, 200)
    cases = resampling.ranked(given.y, given.scores["p1"], 10)
    walk = resampling.walk(cases, None, None)
    (sums,) = resampling.replicate(cases, units, [walk], replicates=20_000, seed=2)
    # Obuchowski 0.02152, naive 0.0198; strata by patient take a little off
    assert float(sums.auroc.std()) == pytest.approx(0.02152, rel=0.04)
