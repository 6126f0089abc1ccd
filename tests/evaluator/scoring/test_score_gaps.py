"""Gaps, shared replicates, and what a figure or a subgroup more must leave as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from evaluator.scoring.results import Evaluation, Result
from evaluator.scoring.score import AnalysisPlan, ScoringInputError, score
from metrics.gaps.tests import DECLARABLE

Attributes = dict[str, NDArray[np.str_]]


def cohort(
    n: int = 600, seed: int = 1, gap: float = 0.0
) -> tuple[NDArray[np.bool_], NDArray[np.float64], Attributes]:
    """A binormal cohort; in sex = Male positives are lower by ``gap`` standard deviations."""
    generator = np.random.default_rng(seed)
    y = generator.random(n) < 0.4
    sex = np.where(generator.random(n) < 0.5, "Female", "Male")
    race = generator.choice(["A", "B", "C"], n, p=[0.5, 0.3, 0.2])
    latent = generator.standard_normal(n) + y * (1.5 - gap * (sex == "Male"))
    return y, 1 / (1 + np.exp(-(latent - 1))), {"sex": sex, "race": race}


def by_key(found: Evaluation) -> dict[tuple[str, str, str], Result]:
    keyed = {(r.metric, r.attribute, r.level): r for r in found.results}
    assert len(keyed) == len(found.results)
    return keyed


PLAN = AnalysisPlan(subgroups=("sex",), replicates=500, seed=3)


def test_a_subgroup_a_figure_or_a_point_more_changes_no_other_figure() -> None:
    y, s, attributes = cohort()
    before = by_key(score(y, s, None, attributes, PLAN, 0.4))
    more = AnalysisPlan(
        subgroups=("race", "sex"),
        intersections=(("race", "sex"),),
        specificities=(0.9, 0.8),
        sensitivities=(0.9,),
        prevalences=(0.05,),
        partial_auroc=(0.0, 0.2),
        smooth_calibration="all",
        replicates=500,
        seed=3,
    )
    after = by_key(score(y, s, None, attributes, more, 0.4))
    assert len(after) > 2 * len(before)
    for key, result in before.items():
        if key[0].endswith("_holm"):
            continue  # adjusted over the attributes there are
        assert after[key] == result, key
    for name in (
        "sensitivity_at_specificity_0.9",
        "specificity_at_sensitivity_0.9",
        "partial_auroc_0_0.2",
        "ppv_at_prevalence_0.05",
    ):
        estimate = after[name, "overall", "all"].estimate
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low < estimate.value < estimate.high


def test_threads_change_no_bit() -> None:
    y, s, attributes = cohort()
    patients = np.arange(600) // 2
    plan = AnalysisPlan(subgroups=("sex", "race"), specificities=(0.9,), replicates=500)
    one = score(y, s, patients, attributes, plan, 0.4, threads=1)
    assert one == score(y, s, patients, attributes, plan, 0.4, threads=2)
    assert one == score(y, s, patients, attributes, plan, 0.4, threads=7)
    other = AnalysisPlan(subgroups=("sex", "race"), specificities=(0.9,), replicates=500, seed=1)
    assert one.results != score(y, s, patients, attributes, other, 0.4).results


def test_the_processors_for_linear_algebra_change_no_bit() -> None:
    y, s, attributes = cohort(60_000)
    plan = AnalysisPlan(subgroups=("sex",), replicates=100, smooth_calibration="none")
    with threadpool_limits(1, user_api="blas"):
        one = score(y, s, None, attributes, plan, 0.4)
    with threadpool_limits(4, user_api="blas"):
        assert one == score(y, s, None, attributes, plan, 0.4)


def test_the_order_of_cases_changes_no_bit_where_patients_are_named() -> None:
    y, s, attributes = cohort()
    names = np.array([f"p{k:04d}" for k in range(600)])
    order = np.random.default_rng(2).permutation(600)
    shuffled = {name: column[order] for name, column in attributes.items()}
    one = by_key(score(y, s, names, attributes, PLAN, 0.4))
    other = by_key(score(y[order], s[order], names[order], shuffled, PLAN, 0.4))
    assert one.keys() == other.keys()
    for key, result in one.items():
        a, b = result.estimate, other[key].estimate
        for x, z in ((a.value, b.value), (a.low, b.low), (a.high, b.high)):
            assert x == (None if z is None else pytest.approx(z, rel=1e-6, abs=1e-6)), key


def test_a_real_gap_that_was_declared_is_called_and_no_gap_is_not() -> None:
    y, s, attributes = cohort(3000, gap=1.0)
    plan = replace(
        PLAN,
        references=(("sex", "Female"),),
        subgroups=("sex", "race"),
        primary_gap=("auroc", "sex"),
        gaps=(("auroc", "race"), ("sensitivity", "sex")),
    )
    found = by_key(score(y, s, None, attributes, plan, 0.4))
    gap = found["auroc_gap", "sex", "Male - Female"].estimate
    # binormal AUROC is Phi(d / sqrt 2): 0.856 with d = 1.5, 0.638 with d = 0.5
    assert gap.value == pytest.approx(0.638 - 0.856, abs=0.06)
    assert gap.high is not None
    assert gap.high < 0
    whole = found["auroc_gap", "sex", "max - min"].estimate
    assert whole.value == pytest.approx(-gap.value)  # type: ignore[operator]
    assert whole.low is not None
    assert whole.low > 0
    p = found["auroc_gap_p", "sex", "all levels"].estimate.value
    adjusted = found["auroc_gap_p_adjusted", "sex", "all levels"].estimate.value
    assert p is not None
    assert p < 0.001
    assert adjusted == pytest.approx(2 * p)  # it has half of the level, the other two a quarter
    assert found["sensitivity_gap_p", "sex", "all levels"].estimate.value is not None
    assert ("brier_gap_p", "sex", "all levels") not in found
    called = 0
    for seed in range(20):
        y, s, attributes = cohort(400, seed=seed)
        null = by_key(score(y, s, None, attributes, replace(plan, replicates=0), 0.4))
        p = null["auroc_gap_p", "sex", "all levels"].estimate.value
        called += p is not None and p < 0.05
    assert called <= 4  # of 20 with chance 0.05, more than 4 has chance 0.003


def test_what_was_not_declared_carries_no_p_value() -> None:
    y, s, attributes = cohort()
    found = score(y, s, None, attributes, PLAN, 0.4)
    assert not [r for r in found.results if "_gap_p" in r.metric]
    assert not [r for r in found.results if r.metric.startswith("ece") and "gap" in r.metric]


def test_a_declared_gap_without_data_is_insufficient_and_passes_nothing_on() -> None:
    y, s, attributes = cohort()
    attributes["site"] = np.array(["main"] * 590 + ["small"] * 10)
    plan = replace(
        PLAN,
        subgroups=("sex", "site"),
        primary_gap=("auroc", "site"),
        gaps=(("auroc", "sex"),),
    )
    found = by_key(score(y, s, None, attributes, plan, 0.4))
    assert found["auroc_gap_p", "site", "all levels"].estimate.value is None
    p = found["auroc_gap_p", "sex", "all levels"].estimate.value
    adjusted = found["auroc_gap_p_adjusted", "sex", "all levels"].estimate.value
    assert p is not None
    assert adjusted == pytest.approx(min(1.0, 2 * p))


def test_nobody_is_compared_with_those_whose_level_is_not_reported() -> None:
    y, s, _ = cohort()
    race = np.array(["Not Reported"] * 300 + ["A"] * 180 + ["B"] * 120)
    lower = np.char.replace(race, "Not Reported", "not reported")
    in_lower_case = by_key(score(y, s, None, {"race": lower}, AnalysisPlan(subgroups=("race",))))
    assert ("auroc_gap", "race", "not reported - A") in in_lower_case
    found = by_key(score(y, s, None, {"race": race}, AnalysisPlan(subgroups=("race",)), 0.4))
    levels = {level for metric, _, level in found if metric == "sensitivity_gap"}
    assert levels == {
        "max - min",
        "max - min without Not Reported",
        "B - A",
        "Not Reported - A",
    }
    with_them = found["sensitivity_gap", "race", "max - min"].estimate
    without = found["sensitivity_gap", "race", "max - min without Not Reported"].estimate
    assert "levels: 3 of 3" in with_them.method
    assert "levels: 2 of 2" in without.method
    a, b = (found["sensitivity", "race", level].estimate.value for level in "AB")
    assert a is not None
    assert b is not None
    assert without.value == pytest.approx(abs(a - b))
    assert with_them.value is not None
    assert with_them.value >= without.value  # type: ignore[operator]


def test_a_group_in_which_all_are_found_is_not_thereby_certain() -> None:
    """20 of 20 against 380 of 400: Newcombe's interval, not the spread of the large group alone."""
    y = np.array([True] * 420 + [False] * 420)
    called = np.array([True] * 20 + [True] * 380 + [False] * 20 + [False] * 400 + [True] * 20)
    group = np.array(["small"] * 20 + ["large"] * 400 + ["small"] * 20 + ["large"] * 400)
    plan = AnalysisPlan(subgroups=("group",), replicates=0)
    scores = np.where(called, 0.8, 0.2)
    found = by_key(score(y, scores, None, {"group": group}, plan, 0.5))
    gap = found["sensitivity_gap", "group", "small - large"].estimate
    assert gap.value == pytest.approx(0.05)
    assert (gap.low, gap.high) == pytest.approx((-0.112, 0.076), abs=5e-4)


def test_unequal_prevalence_is_taken_out_of_gaps_at_one_prevalence() -> None:
    generator = np.random.default_rng(8)
    n = 6000
    group = generator.choice(["low", "middle", "high"], n)
    prevalence = np.select([group == "low", group == "middle"], [0.2, 0.4], 0.6)
    y = generator.random(n) < prevalence
    s = 1 / (1 + np.exp(-(generator.standard_normal(n) + 1.5 * y - 0.8)))
    plan = AnalysisPlan(subgroups=("group",), replicates=0)
    found = by_key(score(y, s, None, {"group": group}, plan, 0.4))
    for metric in ("ppv", "selection_rate", "brier"):
        raw = found[f"{metric}_gap", "group", "max - min"].estimate
        fair = found[f"{metric}_at_cohort_prevalence_gap", "group", "max - min"].estimate
        if metric != "brier":
            assert raw.low is not None
            assert raw.low > 0.05, metric
        assert fair.low == 0.0, metric


def test_the_reference_is_the_declared_or_the_largest_level() -> None:
    y, s, attributes = cohort()
    found = score(y, s, None, attributes, AnalysisPlan(subgroups=("race",), replicates=200))
    assert {r.level for r in found.results if r.metric == "auroc_gap"} == {
        "max - min",
        "B - A",
        "C - A",
    }
    plan = AnalysisPlan(subgroups=("race",), replicates=200, references=(("race", "C"),))
    found = score(y, s, None, attributes, plan)
    assert {r.level for r in found.results if r.metric == "auroc_gap"} == {
        "max - min",
        "A - C",
        "B - C",
    }


def test_gaps_leave_out_levels_without_data_and_need_two() -> None:
    y, s, _ = cohort()
    site = np.array(["main"] * 590 + ["small"] * 10)
    found = score(y, s, None, {"site": site}, AnalysisPlan(subgroups=("site",), replicates=200))
    (gap,) = (r for r in found.results if r.metric == "auroc_gap")
    assert gap.estimate.value is None
    assert "1 of 2 levels" in str(gap.estimate.undefined)


def test_named_fairness_figures_are_those_of_the_groups_rates() -> None:
    y, s, attributes = cohort()
    found = by_key(score(y, s, None, attributes, PLAN, 0.4))

    def value(metric: str, level: str, attribute: str = "sex") -> float:
        number = found[metric, attribute, level].estimate.value
        assert number is not None
        return number

    tpr = value("sensitivity", "Male"), value("sensitivity", "Female")
    fpr = value("false_positive_rate", "Male"), value("false_positive_rate", "Female")
    selected = value("selection_rate", "Male"), value("selection_rate", "Female")
    gaps = abs(tpr[0] - tpr[1]), abs(fpr[0] - fpr[1])
    assert value("equal_opportunity_difference", "max - min") == pytest.approx(gaps[0])
    assert value("equalized_odds_difference", "max - min") == pytest.approx(max(gaps))
    assert value("demographic_parity_ratio", "min / max") == pytest.approx(
        min(selected) / max(selected)
    )
    larger = "Male" if (attributes["sex"] == "Male").sum() > 300 else "Female"
    other = "Female" if larger == "Male" else "Male"
    assert value("average_absolute_odds_difference", f"{other} - {larger}") == pytest.approx(
        sum(gaps) / 2
    )


def test_every_estimate_has_a_value_or_a_reason_and_names_its_method() -> None:
    y, s, attributes = cohort()
    for threshold in (0.0, 0.4, 1.0):
        found = score(y, s, np.arange(600) // 2, attributes, PLAN, threshold)
        for result in found.results:
            estimate = result.estimate
            assert (estimate.value is None) == (estimate.undefined is not None)
            assert estimate.method
            for number in (estimate.value, estimate.low, estimate.high):
                assert number is None or np.isfinite(number), result


def test_constant_scores_have_an_auroc_of_one_half_and_no_slope() -> None:
    y, _, attributes = cohort()
    found = by_key(score(y, np.full(600, 0.4), None, attributes, PLAN, 0.4))
    assert found["auroc", "overall", "all"].estimate.value == 0.5
    low = found["auroc", "overall", "all"].estimate.low
    assert low is not None
    assert low < 0.5
    assert "equal" in str(found["calibration_slope", "overall", "all"].estimate.undefined)
    assert found["auroc_gap", "sex", "max - min"].estimate.value == 0.0


def test_scores_that_are_no_probabilities_keep_their_ranks_alone() -> None:
    y, s, attributes = cohort()
    found = by_key(score(y, s * 40 - 20, None, attributes, PLAN))
    assert found["auroc", "overall", "all"].estimate.value is not None
    assert "probabilities" in str(found["brier", "overall", "all"].estimate.undefined)
    assert not [c for c in score(y, s * 40 - 20, None, attributes, PLAN).curves if c.name != "roc"]


def test_an_attribute_the_cases_lack_is_named() -> None:
    y, s, attributes = cohort()
    with pytest.raises(ScoringInputError, match="by 'site'; the cases have race, sex"):
        score(y, s, None, attributes, AnalysisPlan(subgroups=("site",)))


def test_the_overall_roc_curve_has_a_band_around_it() -> None:
    y, s, _ = cohort()
    (roc,) = (c for c in score(y, s, None, {}, AnalysisPlan()).curves if c.name == "roc")
    inner = roc.points[1:-1]
    assert all(p.low is not None and p.high is not None for p in inner)
    inside = [p.low <= p.y <= p.high for p in inner]  # type: ignore[operator]
    assert sum(inside) == len(inner)


def test_each_gap_that_can_be_declared_has_its_size_beside_its_p_value() -> None:
    y, s, attributes = cohort(600)
    declared = tuple((figure, "sex") for figure in DECLARABLE)
    plan = replace(PLAN, replicates=0, primary_gap=declared[0], gaps=declared[1:])
    found = by_key(score(y, s, None, attributes, plan, 0.4))
    for figure, attribute in declared:
        assert found[f"{figure}_gap_p", attribute, "all levels"].estimate.value is not None
        assert found[f"{figure}_gap", attribute, "max - min"].estimate.value is not None, figure
    missed = found["false_negative_rate_gap", "sex", "max - min"].estimate
    called = found["sensitivity_gap", "sex", "max - min"].estimate
    assert missed.value == pytest.approx(called.value)
    assert missed.high == pytest.approx(called.high)


@pytest.mark.parametrize("design", ["sampled", "fixed-prevalence"])
def test_predictions_that_were_all_right_have_no_interval_of_width_zero(design: str) -> None:
    y = np.arange(100) % 2 == 0
    plan = AnalysisPlan(replicates=0, sampling_design=design)
    found = score(y, y.astype(float), None, {}, plan, 0.5, weights=np.ones(100))
    for result in found.results:
        estimate = result.estimate
        assert estimate.low is None or estimate.low != estimate.high, result
    (brier,) = (r.estimate for r in found.results if r.metric == "brier")
    assert (brier.value, brier.low, brier.high) == (0.0, None, None)


def test_weights_give_no_figure_where_the_plain_one_lacks_data() -> None:
    y = np.arange(100) < 4
    s = np.linspace(0.9, 0.1, 100)
    found = score(y, s, threshold=0.5, weights=np.ones(100))
    weighted = [r.estimate for r in found.results if r.metric.endswith("_standardized")]
    assert weighted
    assert all(estimate.value is None for estimate in weighted)
