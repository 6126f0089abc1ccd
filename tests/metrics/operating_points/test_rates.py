"""Figures of the 2x2 table: at the boundary, by design and by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone
from metrics.intervals.mover import Part
from metrics.intervals.proportions import wilson
from metrics.operating_points import intervals

THRESHOLD = 0.5


def group(tp: int, fn: int, fp: int, tn: int, design: str, images: int = 1) -> Group:
    """Cases with these calls; each patient has ``images`` of them, all alike."""
    y = np.repeat([True, True, False, False], [tp, fn, fp, tn])
    s = np.repeat([0.9, 0.1, 0.9, 0.1], [tp, fn, fp, tn])
    patient = np.repeat(np.arange(y.size), images)
    y, s = np.repeat(y, images), np.repeat(s, images)
    return everyone(y, s, patient, y.size // images, design)


def figures(found: Group, prevalences: tuple[float, ...] = ()) -> dict[str, Estimate]:
    table = intervals.table_of(found, THRESHOLD, 0.95)
    made = {}
    for name, make in intervals.makers(THRESHOLD, prevalences, found.prevalence).items():
        try:
            made[name] = make(table)
        except UndefinedMetric as reason:
            made[name] = found.undefined(str(reason))
    return made


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize("design", [FIXED_PREVALENCE, SAMPLED])
def test_nothing_missed_is_no_proof_that_nothing_is(design: str) -> None:
    found = figures(group(50, 0, 5, 45, design), (0.05,))
    # by MOVER from Wilson's limits, worked by hand
    assert ends(found["lr_negative"]) == pytest.approx((0.0, 0.080), abs=5e-4)
    assert ends(found["npv_at_prevalence_0.05"]) == pytest.approx((0.9958, 1.0), abs=5e-5)


def test_predictive_values_by_design_are_mercaldos_where_counts_are_large() -> None:
    tp, fn, fp, tn = 160, 40, 60, 240
    found = figures(group(tp, fn, fp, tn, FIXED_PREVALENCE))
    n1, n0 = tp + fn, fp + tn
    for name, value, variance in (
        ("ppv", tp / (tp + fp), 1 / tp - 1 / n1 + 1 / fp - 1 / n0),
        ("npv", tn / (tn + fn), 1 / fn - 1 / n1 + 1 / tn - 1 / n0),
    ):
        centre = math.log(value / (1 - value))
        bounds = [1 / (1 + math.exp(-centre + z * math.sqrt(variance))) for z in (1.96, -1.96)]
        assert found[name].value == pytest.approx(value)
        assert ends(found[name]) == pytest.approx(tuple(bounds), abs=0.004)
        assert "40 % set by design" in found[name].method


def test_predictive_values_by_chance_are_rates_of_the_calls() -> None:
    found = figures(group(16, 4, 6, 24, SAMPLED))
    assert ends(found["ppv"]) == pytest.approx(wilson(16, 22))
    assert ends(found["npv"]) == pytest.approx(wilson(24, 28))
    assert ends(found["accuracy"]) == pytest.approx(wilson(40, 50))
    assert ends(found["selection_rate"]) == pytest.approx(wilson(22, 50))


def test_f1_by_chance_is_the_rate_of_calls_and_positives_that_agree() -> None:
    found = figures(group(16, 4, 6, 24, SAMPLED))["f1"]
    low, high = wilson(16, 26)  # 16 agree of 26 that are positive or called
    assert ends(found) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_a_prevalence_that_the_design_set_adds_no_chance() -> None:
    by_design = figures(group(30, 10, 10, 50, FIXED_PREVALENCE))
    by_chance = figures(group(30, 10, 10, 50, SAMPLED))
    for name in ("ppv", "accuracy", "selection_rate", "f1", "net_benefit"):
        low, high = ends(by_design[name])
        assert by_design[name].value == pytest.approx(by_chance[name].value)
        wide = ends(by_chance[name])
        assert high - low < wide[1] - wide[0], name
    for name in ("sensitivity", "specificity", "youden_j", "lr_positive", "lr_negative"):
        assert by_design[name] == by_chance[name], name


@pytest.mark.parametrize("design", [FIXED_PREVALENCE, SAMPLED])
def test_images_that_are_all_alike_count_as_their_patient(design: str) -> None:
    one, three = (figures(group(30, 10, 15, 45, design, n)) for n in (1, 3))
    for name in ("sensitivity", "specificity", "youden_j", "lr_positive"):
        assert three[name].value == pytest.approx(one[name].value)
        low, high = ends(one[name])
        wider = ends(three[name])
        # Student's t and n / (n - 1) in place of the normal's 1.96: a few per cent
        assert 1.0 < (wider[1] - wider[0]) / (high - low) < 1.08, name


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(*(st.integers(0, 30) for _ in range(4))).filter(
        lambda t: t[0] + t[1] > 9 and t[2] + t[3] > 9
    ),
    st.sampled_from([FIXED_PREVALENCE, SAMPLED]),
    st.sampled_from([1, 2]),
)
def test_no_interval_is_a_point_and_each_holds_its_figure(
    counts: tuple[int, int, int, int], design: str, images: int
) -> None:
    for name, found in figures(group(*counts, design, images), (0.1, 0.6)).items():
        if found.value is None or found.low is None or found.high is None:
            continue
        assert found.low - 1e-12 <= found.value <= found.high + 1e-12, name
        assert found.high - found.low > 1e-3, name
        if name not in ("lr_positive", "lr_negative"):
            assert -1.0 <= found.high <= 1.0, name


def test_a_cohort_without_positives_has_no_table() -> None:
    with pytest.raises(UndefinedMetric, match="both classes"):
        intervals.table_of(group(0, 0, 5, 5, SAMPLED), THRESHOLD, 0.95)


@pytest.mark.parametrize("seed", range(12))
def test_images_of_few_patients_keep_every_share_within_its_range(seed: int) -> None:
    generator = np.random.default_rng(seed)
    y = np.arange(40) >= 3
    patient = generator.permutation(np.arange(40) % 12)
    s = np.where(generator.random(40) < 0.9, 0.9, 0.1)
    found = figures(everyone(y, s, patient, 12, FIXED_PREVALENCE))
    for name in ("ppv", "npv", "accuracy", "selection_rate", "f1", "mcc"):
        estimate = found[name]
        if estimate.value is not None:
            low, high = ends(estimate)
            assert (-1.0 if name == "mcc" else 0.0) <= low <= estimate.value <= high <= 1.0, name


def test_a_prevalence_as_near_to_one_as_numbers_come_has_predictive_values() -> None:
    table = intervals.table_of(group(30, 10, 5, 15, SAMPLED), THRESHOLD, 0.95)
    near = Part(0.9, 0.0, 1.0)
    for positive in (True, False):
        found = intervals.at_prevalence(table, near, positive=positive)
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0
