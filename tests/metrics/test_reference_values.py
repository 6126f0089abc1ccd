"""Agreement with R pROC, R rms, scikit-learn and others on the files of refvals."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metrics.calibration import errors, recalibration
from metrics.discrimination import curves, delong
from metrics.intervals import proportions
from metrics.operating_points import rates
from tests.metrics.conftest import ReferenceSet

SETS = ("S1", "S2", "S3", "S4")
MODELS = ("p1", "p2", "p3")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SETS)
class TestReferenceSets:
    def test_auroc_and_delong_bounds_are_those_of_proc(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        expected = given.roc["single"][model]
        found = delong.placements(given.y, given.scores[model])
        assert found.auroc == pytest.approx(expected["auc"], abs=1e-12)
        assert curves.auroc(given.y, given.scores[model]) == pytest.approx(
            expected["auc"], abs=1e-12
        )
        assert delong.delong_covariance(found, found) == pytest.approx(
            expected["delong_var"], abs=1e-12
        )
        for confidence, key in ((0.95, "delong_ci95"), (0.9, "delong_ci90")):
            estimate = delong.auroc_estimate(
                given.y, given.scores[model], confidence=confidence, interval="symmetric"
            )
            assert (estimate.low, estimate.high) == pytest.approx(tuple(expected[key]), abs=1e-10)

    def test_sensitivity_at_a_specificity_is_that_of_proc(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        found = curves.sensitivity_at(given.y, given.scores[model], 0.9)
        assert found == pytest.approx(given.roc["single"][model]["sens_at_spec_0.9"], abs=1e-9)

    def test_average_precision_is_that_of_scikit_learn(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        expected = given.ece[model]["sklearn"]["average_precision_score"]
        found = curves.average_precision(given.y, given.scores[model])
        assert found == pytest.approx(expected, abs=1e-9)

    def test_recalibration_is_that_of_r(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        expected = given.calibration[model]
        fit = recalibration.recalibration(given.y, given.scores[model])
        assert fit.slope == pytest.approx(expected["cox"]["slope"], abs=1e-9)
        assert fit.intercept == pytest.approx(expected["cox"]["intercept"], abs=1e-9)
        # glm takes its standard errors from the last iteration but one
        assert fit.se_slope == pytest.approx(expected["cox"]["se_slope"], abs=1e-7)
        assert fit.se_intercept == pytest.approx(expected["cox"]["se_intercept"], abs=1e-7)
        large, error = recalibration.offset_intercept(given.y, given.scores[model])
        assert large == pytest.approx(expected["calibration_in_the_large"]["intercept"], abs=1e-9)
        assert error == pytest.approx(expected["calibration_in_the_large"]["se"], abs=1e-7)

    def test_brier_log_loss_and_ratio_are_those_of_rms_and_r(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        expected = given.calibration[model]
        y, p = given.y, given.scores[model]
        assert errors.brier(y, p) == pytest.approx(expected["brier"], abs=1e-9)
        assert errors.brier(y, p) == pytest.approx(expected["val.prob"]["Brier"], abs=1e-9)
        assert errors.scaled_brier(y, p) == pytest.approx(expected["scaled_brier"], abs=1e-9)
        assert errors.log_loss(y, p) == pytest.approx(expected["logloss"], abs=1e-9)
        ratio = expected["calibration_in_the_large"]["O_over_E"]
        assert errors.observed_expected_ratio(y, p) == pytest.approx(ratio, abs=1e-9)

    @pytest.mark.parametrize("n_bins", [10, 15])
    def test_ece_and_mce_are_right_closed_with_ties_on_edges(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str, n_bins: int
    ) -> None:
        given = reference_set(name)
        expected = given.ece[model][f"definition_right_closed_{n_bins}"]
        y, p = given.y, given.scores[model]
        assert errors.ece(y, p, n_bins) == pytest.approx(expected["ece"], abs=1e-9)
        assert errors.mce(y, p, n_bins) == pytest.approx(expected["mce"], abs=1e-9)


def test_clustered_variance_is_obuchowskis(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S4")
    expected = json.loads((given.folder / "clustered.json").read_text())
    pair = expected["obuchowski_p1_vs_p2"]
    _, patient = np.unique(given.patients, return_inverse=True)
    a, b = (delong.placements(given.y, given.scores[model]) for model in ("p1", "p2"))

    def covariance(x: delong.Placements, z: delong.Placements) -> float:
        return delong.clustered_covariance(x, z, given.y, patient)

    assert covariance(a, a) == pytest.approx(pair["auc.var.A"], abs=1e-12)
    assert covariance(b, b) == pytest.approx(pair["auc.var.B"], abs=1e-12)
    difference = covariance(a, a) + covariance(b, b) - 2 * covariance(a, b)
    assert difference == pytest.approx(pair["auc.var.AminusB"], abs=1e-12)
    estimate = delong.auroc_estimate(
        given.y, given.scores["p3"], given.patients, interval="symmetric"
    )
    single = expected["obuchowski_p3"]
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (single["auc"], single["ci.bot"], single["ci.top"]), abs=1e-9
    )
    assert estimate.n_patients == expected["n_patients"]


def test_asah_is_as_proc_prints_it(refvals: Path) -> None:
    expected = json.loads((refvals / "aSAH" / "expected.json").read_text())
    with (refvals / "aSAH" / "input.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    y = np.array([row["y"] == "1" for row in rows])
    for marker, figures in expected["single"].items():
        s = np.array([float(row[marker]) for row in rows])
        estimate = delong.auroc_estimate(y, s, interval="symmetric")
        assert estimate.value == pytest.approx(figures["auc"], abs=1e-12)
        assert (estimate.low, estimate.high) == pytest.approx(figures["delong_ci95"], abs=1e-10)
        assert curves.sensitivity_at(y, s, 0.9) == pytest.approx(
            figures["sens_at_spec_0.9"], abs=1e-9
        )
    s = np.array([float(row["s100b"]) for row in rows])
    for point in expected["s100b_at_thresholds"]:
        table = rates.confusion(y, s, point["threshold"])
        assert (table.tp, table.fp, table.fn, table.tn) == (
            point["tp"],
            point["fp"],
            point["fn"],
            point["tn"],
        )
        assert rates.sensitivity(table) == pytest.approx(point["sensitivity"])
        assert rates.specificity(table) == pytest.approx(point["specificity"])


def test_wilson_is_that_of_r(refvals: Path) -> None:
    for case in json.loads((refvals / "binomial_ci.json").read_text())["cases"]:
        found = proportions.wilson(case["x"], case["n"])
        assert found == pytest.approx(case["wilson95"], abs=1e-12)


def test_weighted_figures_are_those_of_scikit_learn(refvals: Path) -> None:
    folder = refvals / "weights"
    rows = np.genfromtxt(folder / "input.csv", delimiter=",", names=True)
    weights = np.loadtxt(folder / "weights.csv", delimiter=",")
    expected = np.genfromtxt(folder / "expected.csv", delimiter=",", names=True)
    y, p = rows["y"] == 1, rows["p1"]
    assert weights.shape == (60, 150)
    for w, figures in zip(weights, expected, strict=True):
        assert curves.auroc(y, p, w) == pytest.approx(figures["auc"], abs=1e-9)
        assert curves.average_precision(y, p, w) == pytest.approx(figures["ap"], abs=1e-9)
        assert errors.brier(y, p, w) == pytest.approx(figures["brier"], abs=1e-9)
        assert errors.ece(y, p, 15, w) == pytest.approx(figures["ece15_right_closed"], abs=1e-9)
        table = rates.confusion(y, p, 0.3, w)
        assert (table.tp, table.fp, table.fn, table.tn) == tuple(
            figures[name] for name in ("tp", "fp", "fn", "tn")
        )
