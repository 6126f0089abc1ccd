"""Submissions ranked by figures of any kind, from how far each case moves them."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from metrics.comparison.influences import Measured, influence_pairs, ranked_by_influence
from metrics.comparison.pairs import paired_delong
from metrics.discrimination.delong import placements
from metrics.estimate import UndefinedMetric
from metrics.grades.figures import Graded, grade_figures, grade_influences
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone


def group_of(y: np.ndarray, patient: np.ndarray | None = None, design: str = SAMPLED) -> Group:
    patient = np.arange(y.size) if patient is None else patient
    return everyone(y, np.zeros(y.size), patient, int(patient.max()) + 1, design)


def of_mean(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.size


def measured(value: float, influence: np.ndarray | None, group: Group, team: str = "") -> Measured:
    estimate = group.estimate(value, (value - 0.1, value + 0.1), "by hand")
    return Measured(estimate=estimate, at=lambda _: estimate, influence=influence, team=team)


def test_the_error_of_two_aurocs_is_that_of_the_paired_delong_test() -> None:
    random = np.random.default_rng(1)
    y = random.random(90) < 0.4
    scores = [y + random.normal(size=90), 0.7 * y + random.normal(size=90)]
    found = [placements(y, s) for s in scores]
    influence = np.zeros((2, 90))
    for row, each in zip(influence, found, strict=True):
        row[y] = (each.positive - each.auroc) / each.positive.size
        row[~y] = (each.negative - each.auroc) / each.negative.size
    value = np.array([each.auroc for each in found])
    made = influence_pairs(group_of(y, design=FIXED_PREVALENCE), value, influence, 0.95)
    expected = paired_delong(y, scores[0], scores[1])
    half = (expected.high - expected.low) / 2.0
    assert made.error[0] * stats.norm.ppf(0.975) == pytest.approx(half, rel=1e-9)


def test_a_mean_is_tested_as_paired_values_are() -> None:
    random = np.random.default_rng(2)
    y = np.arange(60) < 30
    both = random.beta(6, 2, (2, 60))
    influence = np.stack([of_mean(each) for each in both])
    made = influence_pairs(group_of(y), both.mean(axis=1), influence, 0.95)
    expected = stats.ttest_rel(*both)
    assert made.error[0] == pytest.approx(stats.sem(both[0] - both[1]), rel=1e-12)
    assert made.p_value[0] == pytest.approx(float(expected.pvalue), rel=0.1)


def test_six_cases_that_one_alone_gets_right_are_six_coins() -> None:
    y = np.arange(200) < 100
    right = np.ones((2, 200))
    right[1, 50:56] = 0.0
    influence = np.stack([of_mean(each) for each in right])
    made = influence_pairs(group_of(y), right.mean(axis=1), influence, 0.95)
    exact = 2.0 * sum(comb(6, k) for k in (0,)) / 2**6
    assert made.p_value[0] == pytest.approx(exact)
    assert made.low[0] > 0.0


def test_what_shows_no_variance_has_no_bounds_and_equal_answers_do_not_differ() -> None:
    y = np.arange(40) < 20
    influence = np.stack([np.zeros(40), np.zeros(40), np.zeros(40)])
    made = influence_pairs(group_of(y), np.array([1.0, 0.5, 0.5]), influence, 0.95)
    assert np.isnan(made.low[0])
    assert made.p_value[2] == 1.0
    assert (made.low[2], made.high[2]) == (0.0, 0.0)


def test_no_p_value_is_zero_however_many_cases_differ_alike() -> None:
    y = np.arange(1_500) < 700
    influence = np.stack([np.zeros(1_500), np.zeros(1_500)])
    made = influence_pairs(group_of(y), np.array([1.0, 0.0]), influence, 0.95)
    assert 0.0 < made.p_value[0] < 1e-300


def test_the_better_one_leads_and_equal_ones_share_a_tier() -> None:
    random = np.random.default_rng(3)
    y = np.arange(120) < 60
    group = group_of(y)
    hard = random.normal(size=120)
    good = np.abs(0.3 * random.normal(size=120))
    poor = np.abs(1.0 + hard + random.normal(size=120))
    error = {"good": good, "twin": good, "poor": poor}
    rows = {name: measured(float(e.mean()), of_mean(e), group) for name, e in error.items()}
    rows["none"] = measured(1.0, None, group)
    found = ranked_by_influence(
        group, rows, figure="mean_absolute_error", higher_is_better=False, seed=5
    )
    assert set(found.undefined) == {"none"}
    assert [found.standings[name].tier for name in ("good", "twin", "poor")] == [1, 1, 2]
    assert [found.standings[name].rank for name in ("good", "twin", "poor")] == [1, 1, 3]
    assert found.standings["good"].first_share == 0.5
    assert next(iter(found.standings)) in ("good", "twin")
    of = {frozenset((p.first, p.second)): p for p in found.pairs}
    assert of[frozenset(("good", "twin"))].adjusted_p_value == 1.0
    assert of[frozenset(("good", "poor"))].adjusted_p_value < 1e-6


def test_nothing_is_ranked_without_the_figure() -> None:
    group = group_of(np.arange(10) < 5)
    with pytest.raises(UndefinedMetric, match="no submission has the figure"):
        ranked_by_influence(
            group, {"a": measured(1.0, None, group)}, figure="froc_score", higher_is_better=True
        )


def test_two_equal_models_of_clustered_grades_are_seldom_told_apart() -> None:
    runs, found, held = 300, 0, 0
    for run in range(runs):
        random = np.random.default_rng([7, run])
        patient = np.repeat(np.arange(60), random.integers(1, 4, 60))
        severity = random.normal(size=60)[patient]
        reference = np.clip(np.rint(4 + 2 * severity), 0, 8)
        value, influence = [], []
        group = group_of(reference > 4, patient)
        for _ in range(2):
            noise = random.normal(size=60)[patient] + random.normal(size=patient.size)
            graded = Graded(reference, np.clip(4 + 2 * severity + noise, 0, 8), 0, 8)
            estimate = grade_figures(graded, group, 0.95)["quadratic_weighted_kappa"]
            assert estimate.value is not None
            value.append(estimate.value)
            influence.append(grade_influences(graded, group)["quadratic_weighted_kappa"])
        made = influence_pairs(group, np.array(value), np.stack(influence), 0.95)
        found += made.p_value[0] <= 0.05
        held += made.low[0] <= 0.0 <= made.high[0]
    assert 0.015 < found / runs < 0.09  # binomial: 0.05 within three errors of 0.0126
    assert held / runs > 0.91
