"""Smooth calibration, tests of calibration and partial areas against R and relplot."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metrics.calibration import curves, errors
from metrics.discrimination import curves as discrimination
from tests.metrics.conftest import ReferenceSet


@pytest.mark.parametrize("model", ["p1", "p2", "p3"])
@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4"])
class TestReferenceSets:
    def test_ici_is_that_of_rms(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        found = curves.integrated_calibration(given.y, given.scores[model])
        expected = given.calibration[model]["lowess_ici"]
        assert found.ici == pytest.approx(expected["ICI"], abs=1e-9)
        assert found.e50 == pytest.approx(expected["E50"], abs=1e-9)
        assert found.e90 == pytest.approx(expected["E90"], abs=1e-9)
        assert found.emax == pytest.approx(expected["Emax"], abs=1e-9)

    def test_spiegelhalter_and_hosmer_lemeshow(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        expected = given.calibration[model]
        z = curves.spiegelhalter(given.y, given.scores[model])
        assert z.statistic == pytest.approx(expected["val.prob"]["S:z"], abs=1e-9)
        assert z.p_value == pytest.approx(expected["val.prob"]["S:p"], abs=1e-9)
        groups = expected["hosmer_lemeshow_deciles"]
        found = curves.hosmer_lemeshow(given.y, given.scores[model])
        assert found.statistic == pytest.approx(groups["chisq"], abs=1e-9)
        assert found.freedom == groups["df_external"]
        assert found.p_value == pytest.approx(groups["p_external"], abs=1e-9)

    def test_brier_decomposition(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        for n_bins, key in ((10, "10bins"), (None, "unique_values")):
            expected = given.ece[model][f"brier_decomposition_{key}"]
            found = curves.brier_decomposition(given.y, given.scores[model], n_bins)
            assert found.reliability == pytest.approx(expected["reliability"], abs=1e-9)
            assert found.resolution == pytest.approx(expected["resolution"], abs=1e-9)
            assert found.uncertainty == pytest.approx(expected["uncertainty"], abs=1e-9)

    def test_smooth_ece_is_that_of_relplot_to_its_step(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        found = curves.smooth_ece(given.y, given.scores[model])
        # relplot searches and integrates in steps of about 0.001
        assert found == pytest.approx(given.ece[model]["relplot_smECE"], abs=1e-3)

    def test_partial_areas_are_those_of_proc(
        self, reference_set: Callable[[str], ReferenceSet], name: str, model: str
    ) -> None:
        given = reference_set(name)
        y, s, expected = given.y, given.scores[model], given.roc["single"][model]
        for standardized, suffix in ((False, ""), (True, "_corrected")):
            found = discrimination.partial_auroc(y, s, 0.0, 0.1, standardized=standardized)
            assert found == pytest.approx(expected["pauc_spec_1_0.9" + suffix], abs=1e-9)
            found = discrimination.partial_auroc_sensitivity(
                y, s, 0.9, 1.0, standardized=standardized
            )
            assert found == pytest.approx(expected["pauc_sens_1_0.9" + suffix], abs=1e-9)


def test_the_whole_partial_area_is_the_auroc(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S2")
    whole = discrimination.partial_auroc(given.y, given.scores["p1"], 0, 1, standardized=False)
    assert whole == pytest.approx(given.roc["single"]["p1"]["auc"], abs=1e-12)


@pytest.mark.parametrize(
    "files",
    [
        ("nih_chexnet_scores.csv.gz", "nih_chexnet_calibration_rms.csv", 14),
        (
            "nih_chexnet_scores_images_in_pack.csv",
            "nih_chexnet_images_in_pack_calibration_rms.csv",
            14,
        ),
    ],
)
def test_real_radiographs_are_calibrated_as_rms_says(
    shared_data: Path, files: tuple[str, str, int]
) -> None:
    scores, reference, count = files
    path = shared_data / "scores" / scores
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    cases = list(csv.DictReader(text.splitlines()))
    with (shared_data / "reference" / reference).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    for row in rows:
        if row["Eavg"] == "NA":
            continue
        y = np.array([case[row["label"]] == "1" for case in cases])
        p = np.array([float(case["prob_" + row["label"]]) for case in cases])
        assert int(y.sum()) == int(row["positives"])
        curve = curves.integrated_calibration(y, p)
        found = curve.ici, curve.e90, curve.emax
        expected = tuple(float(row[name]) for name in ("Eavg", "E90", "Emax"))
        assert found == pytest.approx(expected, rel=2e-9, abs=1e-9), row["label"]
        z = curves.spiegelhalter(y, p)
        assert z.statistic == pytest.approx(float(row["spiegelhalter_z"]), rel=2e-9)
        assert z.p_value == pytest.approx(float(row["spiegelhalter_p"]), rel=1e-6)
        assert errors.brier(y, p) == pytest.approx(float(row["brier"]), rel=2e-9)


def test_corp_by_hand() -> None:
    # predictions 0.2, 0.4, 0.6 with outcomes 1, 0, 1: the first two pool to 1/2
    found = curves.corp([1, 0, 1], [0.2, 0.4, 0.6])
    assert found.observed.tolist() == [0.5, 0.5, 1.0]
    score, recalibrated, prevalence = (0.64 + 0.16 + 0.16) / 3, 0.5 / 3, 2 / 9
    assert found.miscalibration == pytest.approx(score - recalibrated)
    assert found.discrimination == pytest.approx(prevalence - recalibrated)
    assert found.uncertainty == pytest.approx(prevalence)


def test_isotonic_curve_is_that_of_scipy() -> None:
    from scipy.optimize import isotonic_regression

    generator = np.random.default_rng(4)
    p = np.round(generator.random(300), 2)
    y = generator.random(300) < p**2
    found = curves.corp(y, p)
    distinct, member = np.unique(p, return_inverse=True)
    n = np.bincount(member)
    expected = isotonic_regression(np.bincount(member, y) / n, weights=n).x
    assert found.predicted == pytest.approx(distinct)
    assert found.observed == pytest.approx(expected, abs=1e-12)


def test_the_debiased_error_of_calibrated_predictions_is_near_zero() -> None:
    generator = np.random.default_rng(6)
    raw, corrected = [], []
    for _ in range(200):
        p = generator.random(400)
        y = generator.random(400) < p
        table = errors.equal_mass_bins(y, p)
        raw.append(float(table.weight @ (table.observed - table.predicted) ** 2) / 400)
        corrected.append(curves.root_mean_square_calibration_error_debiased(y, p) ** 2)
    # bins of 40: the plain square holds about p (1 - p) / 40 = 0.0042 of noise
    assert np.mean(raw) == pytest.approx(1 / 6 / 40, rel=0.15)
    assert np.mean(corrected) < 0.3 * np.mean(raw)
