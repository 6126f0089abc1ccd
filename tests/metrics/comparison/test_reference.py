"""Paired and unpaired tests, ranks and grades against R pROC, R stats, MELODY and scipy."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from metrics.comparison import pairs
from metrics.estimate import UndefinedMetric
from metrics.grades import agreement
from metrics.target_population import divergence
from tests.metrics.conftest import ReferenceSet


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4"])
def test_delong_tests_are_those_of_proc(
    reference_set: Callable[[str], ReferenceSet], name: str
) -> None:
    given = reference_set(name)
    assert len(given.roc["pairs"]) == 3
    for expected in given.roc["pairs"].values():
        a, b = given.scores[expected["a"]], given.scores[expected["b"]]
        paired = pairs.paired_delong(given.y, a, b)
        assert paired.value == pytest.approx(expected["auc_a"] - expected["auc_b"], abs=1e-12)
        assert paired.p_value == pytest.approx(expected["p"], abs=1e-9)
        assert (paired.low, paired.high) == pytest.approx(expected["diff_ci95"], abs=1e-9)
        unpaired = pairs.unpaired_delong(given.y, a, given.y, b)
        assert unpaired.p_value == pytest.approx(expected["unpaired_p"], abs=1e-9)


def test_clustered_difference_is_obuchowskis(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S4")
    expected = json.loads((given.folder / "clustered.json").read_text())["obuchowski_p1_vs_p2"]
    found = pairs.paired_delong(given.y, given.scores["p1"], given.scores["p2"], given.patients)
    assert found.value == pytest.approx(expected["auc.AminusB"], abs=1e-12)
    assert (found.low, found.high) == pytest.approx(
        (expected["ci.bot.AminusB"], expected["ci.top.AminusB"]), abs=1e-9
    )
    assert found.p_value == pytest.approx(expected["p.value"], abs=1e-9)


def test_asah_paired_tests_are_as_proc_prints_them(shared_data: Path) -> None:
    cases = rows_of(shared_data / "scores" / "asah.csv")
    y = np.array([row["outcome"] == "Poor" for row in cases])
    for row in rows_of(shared_data / "reference" / "asah_paired_delong_pROC.csv"):
        a, b = (np.array([float(case[row[key]]) for case in cases]) for key in "ab")
        found = pairs.paired_delong(y, a, b)
        assert found.p_value == pytest.approx(float(row["p_value"]), abs=1e-9)
        bounds = float(row["diff_ci_low"]), float(row["diff_ci_high"])
        assert (found.low, found.high) == pytest.approx(bounds, abs=1e-9)


def test_sex_differences_are_those_of_proc(shared_data: Path) -> None:
    import gzip

    with gzip.open(shared_data / "scores" / "nih_chexnet_scores.csv.gz", "rt") as file:
        cases = list(csv.DictReader(file))
    sex = np.array([case["sex"] for case in cases])
    name = "nih_chexnet_sex_difference_unpaired_delong_pROC.csv"
    rows = rows_of(shared_data / "reference" / name)
    assert len(rows) == 14
    for row in rows:
        y = np.array([case[row["label"]] == "1" for case in cases])
        s = np.array([float(case["prob_" + row["label"]]) for case in cases])
        found = pairs.unpaired_delong(y[sex == "M"], s[sex == "M"], y[sex == "F"], s[sex == "F"])
        assert found.p_value == pytest.approx(float(row["p_value"]), abs=1e-9)


def test_models_that_rank_alike_do_not_differ() -> None:
    generator = np.random.default_rng(3)
    y, s = generator.random(100) < 0.3, generator.random(100)
    for other in (s, s**2, np.exp(s)):  # MLstatkit gives p = 0 here
        found = pairs.paired_delong(y, s, other)
        assert (found.value, found.p_value) == (0.0, 1.0)


def test_mcnemar_is_that_of_r(refvals: Path) -> None:
    for case in json.loads((refvals / "mcnemar.json").read_text())["cases"]:
        both, only_a, only_b, neither = case["table"]
        a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
        b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
        found = pairs.mcnemar(a, b)
        assert found.chi_square == pytest.approx(case["chisq"], abs=1e-9)
        assert found.p_value == pytest.approx(case["p"], abs=1e-9)
        assert found.exact_p_value == pytest.approx(case["exact_p"], abs=1e-9)


def test_tau_b_is_that_of_r_and_scipy(refvals: Path) -> None:
    for case in json.loads((refvals / "rankcorr.json").read_text())["cases"]:
        assert agreement.kendall_tau_b(case["a"], case["b"]) == pytest.approx(
            case["tau_b"], abs=1e-12
        )
    generator = np.random.default_rng(8)
    a, b = generator.integers(0, 6, 200), generator.integers(0, 4, 200)
    assert agreement.kendall_tau_b(a, b) == pytest.approx(kendalltau(a, b).statistic, abs=1e-12)


def test_kappa_keeps_the_place_of_an_absent_grade(shared_data: Path) -> None:
    truth = {
        row["case_name"]: int(row["truth"])
        for row in rows_of(shared_data / "scores" / "melody_demo_truth_demographics.csv")
    }
    scores = rows_of(shared_data / "scores" / "melody_demo_scores.csv")
    reference = [truth[row["case_name"]] for row in scores]
    printed = {
        row["model"]: float(row["qwk"])
        for row in rows_of(shared_data / "reference" / "melody_demo_qwk_MELODY-0.3.3.csv")
    }
    found = {
        model: agreement.quadratic_weighted_kappa(
            reference, [int(row[model]) for row in scores], 0, 24
        )
        for model in printed
    }
    # every grade occurs with the first two models; the third never gives some grade, and
    # scikit-learn's kappa, which MELODY prints, then moves the grades above it down by one
    assert found["ai_model_1"] == pytest.approx(printed["ai_model_1"], abs=1e-9)
    assert found["ai_model_2"] == pytest.approx(printed["ai_model_2"], abs=1e-9)
    assert printed["ai_model_3"] == pytest.approx(0.7110, abs=5e-5)
    assert found["ai_model_3"] == pytest.approx(0.6996, abs=5e-5)


def test_kappa_by_hand() -> None:
    # (1,1), (1,2), (3,3): observed mean square 1/3; pairs of margins (1,1,3) x (1,2,3) give 19/9
    found = agreement.quadratic_weighted_kappa([1, 1, 3], [1, 2, 3], 1, 3)
    assert found == pytest.approx(1 - (1 / 3) / ((0 + 1 + 4) * 2 / 9 + (4 + 1 + 0) / 9))
    with pytest.raises(UndefinedMetric, match="whole numbers from 0 to 2"):
        agreement.quadratic_weighted_kappa([0, 3], [0, 1], 0, 2)
    with pytest.raises(UndefinedMetric, match="constant"):
        agreement.quadratic_weighted_kappa([2, 2], [2, 2], 0, 4)


def test_bland_altman_by_hand() -> None:
    found = agreement.bland_altman([1, 2, 3, 4], [2, 2, 5, 4])  # differences 1, 0, 2, 0
    assert found.bias == pytest.approx(0.75)
    assert found.high - found.bias == pytest.approx(1.96 * np.sqrt(2.75 / 3), rel=1e-4)
    assert agreement.mean_absolute_error([1, 2, 3, 4], [2, 2, 1, 4]) == pytest.approx(0.75)


def test_jensen_shannon_is_that_of_scipy_on_real_demographics(shared_data: Path) -> None:
    from scipy.spatial.distance import jensenshannon

    generator = np.random.default_rng(1)
    for _ in range(20):
        p, q = generator.integers(0, 50, 7).astype(float), generator.integers(0, 50, 7) + 0.5
        for base in (2.0, np.e):
            assert divergence.jensen_shannon(p, q, base) == pytest.approx(
                jensenshannon(p, q, base), abs=1e-12
            )
    assert divergence.jensen_shannon([1, 0], [0, 1]) == 1.0


def test_standardized_differences_by_hand() -> None:
    assert divergence.standardized_difference(0.5, 0.4) == pytest.approx(0.1 / np.sqrt(0.245))
    assert divergence.standardized_difference(1.0, 1.0) == 0.0
    with pytest.raises(UndefinedMetric):
        divergence.standardized_difference(1.0, 0.0)
    # means 2 and 4, variances 1 and 4
    found = divergence.standardized_mean_difference([1, 2, 3], [2, 4, 6])
    assert found == pytest.approx(-2 / np.sqrt(2.5))


def test_ranks_of_a_board() -> None:
    generator = np.random.default_rng(2)
    noise = generator.standard_normal((4, 4000)) * 0.01
    values = np.array([0.90, 0.895, 0.70, 0.895])
    first, second, last, tied = pairs.rank_stability(values, values[:, None] + noise)
    assert (first.rank, second.rank, tied.rank, last.rank) == (1, 2, 2, 4)
    assert (first.tier, second.tier, tied.tier, last.tier) == (1, 1, 1, 2)
    assert (last.low, last.high) == (4, 4)
    assert last.p_best == 0.0
    assert first.low == 1
    assert first.high == 3
    # P(best) of the first: its noise less the larger of two others' exceeds -0.005
    assert first.p_best == pytest.approx(0.48, abs=0.05)
    total = first.p_best + second.p_best + last.p_best + tied.p_best
    assert total == pytest.approx(1.0)


def test_a_tie_for_best_is_shared() -> None:
    replicates = np.full((2, 50), 0.8)
    one, other = pairs.rank_stability([0.8, 0.8], replicates)
    assert one == other
    assert (one.rank, one.p_best, one.tier) == (1, 0.5, 1)
