"""score(): real predictions against published figures and R pROC, and what may not be scored."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from evaluator.scoring.results import Evaluation
from evaluator.scoring.score import (
    AnalysisPlan,
    PlanError,
    ScoringInputError,
    read_plan,
    score,
)
from evaluator.scoring.score_tables import score_tables
from metrics.estimate import Estimate


def figure(
    evaluation: Evaluation, metric: str, attribute: str = "overall", level: str = "all"
) -> Estimate:
    (found,) = (
        result.estimate
        for result in evaluation.results
        if (result.metric, result.attribute, result.level) == (metric, attribute, level)
    )
    return found


@pytest.fixture(scope="session")
def chexnet(shared_data: Path) -> dict[str, Evaluation]:
    """Fourteen findings of the NIH test split, every image a unit as pROC takes them."""
    table = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    plan = AnalysisPlan(interval="symmetric", replicates=0, smooth_calibration="none")
    return score_tables(
        *(table, table, plan),
        patient_column="",
        subgroups=("sex", "age", "view"),
        age_bands=(0, 40, 60, 80),
    )


def test_the_fourteen_published_aucs_come_out(
    chexnet: dict[str, Evaluation], shared_data: Path
) -> None:
    with (shared_data / "scores" / "nih_chexnet_published_auc.csv").open(newline="") as file:
        published = {row["label"]: float(row["auc"]) for row in csv.DictReader(file)}
    assert set(published) == set(chexnet)
    for label, expected in published.items():
        found = figure(chexnet[label], "auroc").value
        assert found == pytest.approx(expected, abs=3e-16)  # the last printed digit


def test_bounds_are_those_of_proc_overall_and_by_subgroup(
    chexnet: dict[str, Evaluation], shared_data: Path
) -> None:
    with (shared_data / "reference" / "nih_chexnet_auc_delong_pROC.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    compared = 0
    for row in rows:
        attribute, _, level = row["subgroup"].partition("=")
        group = (
            ({"age": "age_group"}.get(attribute, attribute), level) if level else ("overall", "all")
        )
        group = (group[0], {"F": "Female", "M": "Male"}.get(group[1], group[1]))
        found = figure(chexnet[row["label"]], "auroc", *group)
        assert found.n_cases == int(row["n"])
        assert found.n_positive == int(row["positives"])
        if int(row["positives"]) < 10:
            assert found.value is None
            assert found.undefined is not None
            assert found.undefined.startswith("insufficient data")
            continue
        expected = float(row["auc"]), float(row["ci95_low"]), float(row["ci95_high"])
        assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-9)
        compared += 1
    assert compared == 116


def test_calibration_is_that_of_rms(chexnet: dict[str, Evaluation], shared_data: Path) -> None:
    with (shared_data / "reference" / "nih_chexnet_calibration_rms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14
    names = {
        "brier": "brier",
        "calibration_intercept": "calib_intercept",
        "calibration_slope": "calib_slope",
    }
    for row in rows:
        for metric, column in names.items():
            found = figure(chexnet[row["label"]], metric).value
            assert found == pytest.approx(float(row[column]), rel=1e-8), (row["label"], metric)


def test_clusters_widen_the_interval_and_leave_the_estimate(
    chexnet: dict[str, Evaluation], shared_data: Path
) -> None:
    table = shared_data / "scores" / "nih_chexnet_scores.csv.gz"
    plan = AnalysisPlan(interval="symmetric", replicates=0, smooth_calibration="none")
    clustered = score_tables(table, table, plan, labels=("Effusion",))["Effusion"]
    assert (clustered.n_cases, clustered.n_patients) == (22433, 6187)
    found, plain = figure(clustered, "auroc"), figure(chexnet["Effusion"], "auroc")
    assert found.value == plain.value
    assert "Obuchowski" in found.method
    assert found.low is not None
    assert plain.low is not None
    assert found.low < plain.low


def _cases(n: int = 200) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    generator = np.random.default_rng(5)
    y = generator.random(n) < 0.4
    s = np.clip(0.4 + 0.2 * (y - 0.4) + 0.2 * generator.standard_normal(n), 0.01, 0.99)
    return y, s, {"sex": np.where(generator.random(n) < 0.5, "Female", "Male")}


def test_five_positives_are_insufficient_data_and_never_an_interval() -> None:
    y = np.arange(200) < 5
    s = np.linspace(0.9, 0.1, 200)
    found = score(y, s, threshold=0.5)
    assert found.results
    for result in found.results:
        assert result.estimate.value is None
        assert result.estimate.low is None
        assert result.estimate.undefined is not None
        assert "5 positive, 195 negative" in result.estimate.undefined
    assert found.curves == ()


def test_a_small_subgroup_is_named_with_its_counts() -> None:
    y, s, _ = _cases()
    site = np.where(np.arange(200) < 8, "B", "A")
    found = score(y, s, None, {"site": site}, AnalysisPlan(subgroups=("site",)))
    small = figure(found, "auroc", "site", "B")
    assert (small.value, small.n_cases) == (None, 8)
    assert figure(found, "auroc", "site", "A").value is not None


def test_cases_of_one_patient_do_not_make_a_group() -> None:
    y, s, _ = _cases()
    found = score(y, s, np.arange(200) % 10)
    assert "200 cases of 10 patients" in str(figure(found, "auroc").undefined)


def test_intersections_are_crossed_levels() -> None:
    y, s, attributes = _cases()
    attributes["view"] = np.where(np.arange(200) % 2 == 0, "PA", "AP")
    plan = AnalysisPlan(intersections=(("sex", "view"),))
    found = score(y, s, None, attributes, plan)
    levels = {r.level for r in found.results if r.attribute == "sex x view"}
    groups = {"Female x PA", "Female x AP", "Male x PA", "Male x AP"}
    assert groups <= levels
    member = (attributes["sex"] == "Male") & (attributes["view"] == "AP")
    assert figure(found, "auroc", "sex x view", "Male x AP").n_cases == int(member.sum())


def test_a_group_that_is_everyone_equals_overall() -> None:
    y, s, _ = _cases()
    everyone = {"site": np.full(200, "A")}
    found = score(
        y,
        s,
        None,
        everyone,
        AnalysisPlan(subgroups=("site",), smooth_calibration="all"),
        threshold=0.4,
    )
    for result in found.results:
        if result.attribute == "overall":
            assert figure(found, result.metric, "site", "A") == result.estimate


def test_curves_are_aggregated() -> None:
    y, s, _ = _cases()
    found = score(y, s)
    roc, reliability, _ = found.curves
    assert roc.name == "roc"
    assert len(roc.points) == 41
    assert (roc.points[0].x, roc.points[-1].x, roc.points[-1].y) == (0.0, 1.0, 1.0)
    assert reliability.name == "reliability"
    assert sum(point.n for point in reliability.points) == 200
    assert min(point.n for point in reliability.points) >= 15
    observed = sum(point.n * point.y for point in reliability.points)
    assert observed == pytest.approx(int(y.sum()))


def test_without_a_threshold_there_is_no_operating_point() -> None:
    y, s, _ = _cases()
    assert not [r for r in score(y, s).results if r.metric == "sensitivity"]
    assert figure(score(y, s, threshold=0.4), "sensitivity").value is not None


@pytest.mark.parametrize(
    ("y", "s", "message"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], "0 or 1"),
        ([0, 1], [0.1], "2 labels but scores"),
        ([0, 1], [0.1, np.nan], "NaN"),
        ([], [], "no case"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused(
    y: list[int], s: list[float], message: str
) -> None:
    with pytest.raises(ScoringInputError, match=message):
        score(y, s)


def test_a_plan_is_read_and_its_digest_moves_with_every_choice() -> None:
    path = Path("benchmark.toml")
    table = {
        "subgroups": ["sex", "race"],
        "intersections": ["race x sex", ["sex", "site"]],
        "minimum_cases": 30,
        "references": {"sex": "Female"},
    }
    plan = read_plan(table, path)
    assert plan.intersections == (("race", "sex"), ("sex", "site"))
    assert plan.references == (("sex", "Female"),)
    assert plan.digest == read_plan(dict(table), path).digest
    assert plan.digest != read_plan({**table, "minimum_cases": 31}, path).digest
    assert read_plan({}, path) == AnalysisPlan()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"subgroup": ["sex"]}, r"has 'subgroup', which is no key \(did you mean 'subgroups'\?\)"),
        ({"minimum_cases": "20"}, "minimum_cases is '20'; give a whole number"),
        ({"confidence": 95}, "confidence is 95"),
        ({"intersections": ["sex"]}, "two or more"),
        ({"interval": "wald"}, "interval is 'wald'; give one of 'score', 'logit', 'symmetric'"),
    ],
)
def test_a_plan_that_cannot_be_followed_says_why(table: dict[str, object], message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        read_plan(table, Path("b.toml"))
    assert "b.toml: [analysis]" in str(caught.value)
