"""Group rates and gaps against fairlearn and MELODY's definitions, and the traps of gaps."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluator.scoring.score import AnalysisPlan, score
from metrics.discrimination.curves import auroc
from metrics.discrimination.delong import auroc_and_variance
from metrics.estimate import Estimate, UndefinedMetric
from metrics.gaps import fairness
from metrics.operating_points import rates as operating_point
from metrics.resampling import bootstrap
from tests.metrics.conftest import ReferenceSet

RATES = {
    "tpr": operating_point.sensitivity,
    "tnr": operating_point.specificity,
    "fpr": operating_point.false_positive_rate,
    "fnr": operating_point.false_negative_rate,
    "sel": operating_point.selection_rate,
    "ppv": operating_point.ppv,
    "npv": operating_point.npv,
    "f1": operating_point.f1,
    "acc": operating_point.accuracy,
}


def tables(
    y: NDArray[np.bool_], s: NDArray[np.float64], group: NDArray[np.str_], threshold: float
) -> dict[str, operating_point.Confusion[float]]:
    return {
        str(level): operating_point.confusion(y[group == level], s[group == level], threshold)
        for level in np.unique(group)
    }


@pytest.mark.parametrize("attribute", ["sex", "race", "age_group"])
@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4"])
def test_groups_and_gaps_are_those_of_fairlearn(
    reference_set: Callable[[str], ReferenceSet], name: str, attribute: str
) -> None:
    given = reference_set(name)
    expected = given.fairness[attribute]
    # the reference for S2 did not call the 0.3s: there they lay one rounding error below 0.3
    threshold = 0.305 if name == "S2" else 0.3
    found = tables(given.y, given.scores["p1"], given.attributes[attribute], threshold)
    assert set(found) == set(expected["by_group"])
    rates: dict[str, NDArray[np.float64]] = {}
    for rate, function in RATES.items():
        values = []
        for level, table in found.items():
            number = expected["by_group"][level][rate]
            values.append(function(table))
            assert values[-1] == pytest.approx(number, abs=1e-12), (level, rate)
        rates[rate] = np.array(values)
        if rate in expected["max_min_gap"]:
            assert float(fairness.max_min_gap(rates[rate])) == pytest.approx(
                expected["max_min_gap"][rate], abs=1e-12
            )
    tpr, fpr, sel = rates["tpr"], rates["fpr"], rates["sel"]
    for key, value in {
        "demographic_parity_difference": fairness.demographic_parity_difference(sel),
        "demographic_parity_ratio": fairness.demographic_parity_ratio(sel),
        "equal_opportunity_difference": fairness.equal_opportunity_difference(tpr),
        "equalized_odds_difference_worst_case": fairness.equalized_odds_difference(tpr, fpr),
        "equalized_odds_ratio": fairness.equalized_odds_ratio(tpr, fpr),
    }.items():
        assert float(value) == pytest.approx(expected[key], abs=1e-12), key
    reference = list(found).index(expected["reference_group"])
    odds = fairness.average_absolute_odds_difference(tpr, fpr, reference)
    for level, figures in expected["vs_reference"].items():
        assert odds[list(found).index(level)] == pytest.approx(figures["aaod"], abs=1e-12)


def test_radiograph_groups_are_those_of_fairlearn(shared_data: Path) -> None:
    with gzip.open(shared_data / "scores" / "nih_chexnet_scores.csv.gz", "rt") as file:
        cases = list(csv.DictReader(file))
    age = np.array([float(case["age"]) for case in cases])
    bands = np.array(["0-39", "40-59", "60-79", "80+"])[np.digitize(age, [40, 60, 80])]
    groups = {
        "sex": np.array([case["sex"] for case in cases]),
        "view": np.array([case["view"] for case in cases]),
        "age_band": bands,
    }
    with (shared_data / "reference" / "nih_chexnet_fairness_fairlearn-0.15.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 42
    for row in rows:
        y = np.array([case[row["label"]] == "1" for case in cases])
        s = np.array([float(case["prob_" + row["label"]]) for case in cases])
        found = tables(y, s, groups[row["attribute"]], float(row["threshold"]))
        selected = np.array([operating_point.selection_rate(t) for t in found.values()])
        assert float(fairness.demographic_parity_difference(selected)) == pytest.approx(
            float(row["demographic_parity_difference"]), abs=1e-12
        )
        assert float(fairness.demographic_parity_ratio(selected)) == pytest.approx(
            float(row["demographic_parity_ratio"]), abs=1e-12
        )
        if any(table.tp + table.fn == 0 for table in found.values()):
            continue  # fairlearn counts a group without positives as 0; here it is undefined
        tpr = np.array([operating_point.sensitivity(t) for t in found.values()])
        fpr = np.array([operating_point.false_positive_rate(t) for t in found.values()])
        assert float(fairness.equal_opportunity_difference(tpr)) == pytest.approx(
            float(row["equal_opportunity_difference"]), abs=1e-12
        )
        assert float(fairness.equalized_odds_difference(tpr, fpr)) == pytest.approx(
            float(row["equalized_odds_difference"]), abs=1e-12
        )


def test_aaod_is_the_point_value_not_melodys_resampling_median(shared_data: Path) -> None:
    folder = shared_data / "reference"
    with (folder / "melody_demo_eod_aaod_point.csv").open() as file:
        points = list(csv.DictReader(file))
    with (folder / "melody_demo_eod_aaod_MELODY-0.3.3.csv").open() as file:
        medians = {
            (r["attribute"], r["model"], r["group"]): float(r["aaod_median"])
            for r in csv.DictReader(file)
        }
    above = compared = 0
    for row in points:
        reference = next(
            r
            for r in points
            if (r["model"], r["attribute"], r["group"])
            == (row["model"], row["attribute"], row["reference_group"])
        )
        if not row["aaod"] or row is reference or "nan" in (row["aaod"], row["fpr"]):
            continue
        tpr = np.array([float(reference["tpr"]), float(row["tpr"])])
        fpr = np.array([float(reference["fpr"]), float(row["fpr"])])
        found = fairness.average_absolute_odds_difference(tpr, fpr, 0)[1]
        assert found == pytest.approx(float(row["aaod"]), abs=1e-12)
        assert tpr[1] - tpr[0] == pytest.approx(float(row["eod"]), abs=1e-12)
        key = row["attribute"], row["model"], row["group"]
        if key in medians:
            compared += 1
            above += medians[key] > found
    assert compared >= 20
    assert above > 0.6 * compared  # the bias of the median that is not reproduced


def test_crossed_aurocs_are_aurocs_of_the_crossed_cases() -> None:
    generator = np.random.default_rng(4)
    y, s, member = generator.random(300) < 0.4, generator.random(300), generator.random(300) < 0.3
    bnsp = fairness.bnsp_auroc(y, s, member)
    kept = (y & member) | (~y & ~member)
    assert bnsp.value == pytest.approx(auroc(y[kept], s[kept]), abs=1e-15)
    bpsn = fairness.bpsn_auroc(y, s, member)
    kept = (y & ~member) | (~y & member)
    assert bpsn.value == pytest.approx(auroc(y[kept], s[kept]), abs=1e-15)
    assert bpsn.n_cases == int(kept.sum())


def test_holm_by_hand() -> None:
    # 0.01 x 4, then max(0.04, 0.02 x 3), max(0.06, 0.03 x 2), 0.5
    found = bootstrap.holm(np.array([0.02, 0.01, 0.5, 0.03]))
    assert found == pytest.approx([0.06, 0.04, 0.5, 0.06])


def test_too_many_degenerate_replicates_give_no_interval() -> None:
    replicates = np.full(100, 0.5)
    replicates[:4] = np.nan
    spread = bootstrap.spread_of(replicates)
    assert spread.lost == 4
    assert spread.note == ", 4 of 100 replicates degenerate"
    replicates[:6] = np.nan
    with pytest.raises(ValueError, match="6 of 100 replicates are degenerate"):
        bootstrap.spread_of(replicates)


@pytest.mark.parametrize("figure", [fairness.bnsp_auroc, fairness.bpsn_auroc])
def test_crossed_aurocs_take_the_interval_that_is_asked_for(
    figure: Callable[..., Estimate],
) -> None:
    generator = np.random.default_rng(4)
    y, member = generator.random(300) < 0.4, generator.random(300) < 0.3
    s = generator.standard_normal(300) + 2.5 * y
    found = figure(y, s, member, interval="symmetric")
    inside = member == y if figure is fairness.bnsp_auroc else member != y
    variance = auroc_and_variance(y[inside], s[inside])[1]
    half = 1.959963984540054 * np.sqrt(variance)  # pROC's: value -+ z SE
    assert found.low == pytest.approx(found.value - half)
    assert found.high == pytest.approx(min(1.0, found.value + half))
    logit = figure(y, s, member)
    assert logit.low != pytest.approx(found.low, abs=1e-4)


def test_crossed_aurocs_refuse_labels_other_than_0_and_1() -> None:
    with pytest.raises(UndefinedMetric, match="labels must be 0 or 1"):
        fairness.bnsp_auroc([-1, 1, -1, 1], [0.1, 0.2, 0.3, 0.4], [True, True, False, False])


def test_the_interval_of_a_plan_reaches_every_auroc() -> None:
    generator = np.random.default_rng(6)
    y = generator.random(400) < 0.4
    s = 1 / (1 + np.exp(-(generator.standard_normal(400) + 2.0 * y)))
    sex = {"sex": np.where(generator.random(400) < 0.5, "Female", "Male")}
    plan = AnalysisPlan(subgroups=("sex",), interval="symmetric", replicates=0)
    found = score(y, s, None, sex, plan)
    aurocs = [r for r in found.results if r.metric in ("auroc", "bnsp_auroc", "bpsn_auroc")]
    assert len(aurocs) == 7
    for result in aurocs:
        estimate = result.estimate
        assert estimate.low is not None
        assert estimate.high is not None
        middle = (estimate.low + estimate.high) / 2
        assert middle == pytest.approx(estimate.value, abs=1e-12), result.metric
        assert "symmetric" in estimate.method
