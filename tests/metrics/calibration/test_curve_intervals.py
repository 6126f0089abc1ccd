"""Intervals of calibration curves: smoother by definition, limits, laws and a small truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from metrics.calibration import curve_intervals, curves
from metrics.estimate import Interval
from metrics.group import SAMPLED, Group, everyone

NAMES = (
    "ici",
    "e50",
    "e90",
    "emax",
    "smooth_ece",
    "rms_calibration_error_debiased",
    "corp_miscalibration",
    "corp_discrimination",
)


def values_of(group: Group) -> dict[str, float]:
    y, p = group.y, group.s
    curve = curves.integrated_calibration(y, p)
    corp = curves.corp(y, p)
    return {
        "ici": curve.ici,
        "e50": curve.e50,
        "e90": curve.e90,
        "emax": curve.emax,
        "smooth_ece": curves.smooth_ece(y, p),
        "rms_calibration_error_debiased": (
            curves.root_mean_square_calibration_error_debiased(y, p)
        ),
        "corp_miscalibration": corp.miscalibration,
        "corp_discrimination": corp.discrimination,
    }


def cohort(seed: int, n: int, slope: float, design: str = SAMPLED) -> Group:
    generator = np.random.default_rng(seed)
    x = 1.5 * generator.standard_normal(n)
    y = generator.random(n) < expit(slope * x)
    return everyone(y, expit(x), np.arange(n), n, design)


def intervals(group: Group, seed: int = 0) -> dict[str, Interval]:
    return curve_intervals.curve_intervals(group, values_of(group), 0.95, seed)


def test_the_smoother_of_cells_is_lowess_where_each_case_is_a_cell() -> None:
    generator = np.random.default_rng(1)
    p = np.sort(generator.random(60))
    y = generator.random(60) < p
    smoother = curve_intervals.local_lines(p, np.full(60, 1 / 60))
    distance = np.abs(smoother @ (y - p))
    assert float(distance.mean()) == pytest.approx(
        curves.integrated_calibration(y, p).ici, abs=0.004
    )  # the smoother of cases fits every 1 % of the range


def test_lines_go_through_the_smoother_unchanged() -> None:
    x = np.sort(np.random.default_rng(2).random(30))
    smoother = curve_intervals.local_lines(x, np.full(30, 1 / 30))
    assert smoother @ (0.2 + 0.5 * x) == pytest.approx(0.2 + 0.5 * x, abs=1e-10)


def test_each_value_lies_in_its_interval_and_none_has_width_zero() -> None:
    for slope in (1.0, 0.5):
        group = cohort(3, 300, slope)
        values = values_of(group)
        found = intervals(group)
        assert tuple(sorted(found)) == tuple(sorted(NAMES))
        for name, (low, high, _) in found.items():
            assert 0.0 <= low <= values[name] <= high <= 1.0
            assert high - low > 0.01


def test_right_predictions_have_zero_in_reach_and_clear_errors_have_not() -> None:
    right, wrong = intervals(cohort(4, 400, 1.0)), intervals(cohort(4, 1500, 0.4))
    for name in NAMES[:-1]:
        assert right[name].low == 0.0
        assert wrong[name].low > 0.0
    assert right["corp_discrimination"].low > 0.0


def test_scores_without_skill_have_no_discrimination_in_reach() -> None:
    generator = np.random.default_rng(5)
    p = generator.random(200)
    group = everyone(generator.random(200) < 0.5, p, np.arange(200), 200)
    assert intervals(group)["corp_discrimination"].low == 0.0


def test_only_the_figures_with_a_value_get_an_interval() -> None:
    group = cohort(6, 100, 1.0)
    assert list(curve_intervals.curve_intervals(group, {"ici": 0.05}, 0.95, 0)) == ["ici"]


def test_order_of_rows_changes_nothing() -> None:
    group = cohort(7, 150, 0.6)
    mixed = np.random.default_rng(8).permutation(150)
    turned = everyone(group.y[mixed], group.s[mixed], np.arange(150), 150)
    one, other = intervals(group), intervals(turned)
    for name in NAMES:
        assert other[name][:2] == pytest.approx(one[name][:2], abs=1e-6)


def test_patients_with_many_images_widen_every_interval() -> None:
    group = cohort(9, 200, 0.5)
    four = everyone(np.repeat(group.y, 4), np.repeat(group.s, 4), np.repeat(np.arange(200), 4), 200)
    naive = everyone(four.y, four.s, np.arange(800), 800)
    wide, narrow = intervals(four), intervals(naive)
    for name in ("ici", "emax", "smooth_ece", "corp_miscalibration"):
        assert wide[name].high - wide[name].low > 1.2 * (narrow[name].high - narrow[name].low)


def test_one_constant_prediction_has_intervals_of_what_is_defined() -> None:
    y = np.arange(60) < 20
    group = everyone(y, np.full(60, 0.5), np.arange(60), 60)
    found = curve_intervals.curve_intervals(
        group, {"smooth_ece": 1 / 6, "corp_miscalibration": 1 / 36}, 0.95, 0
    )
    # the gap is 1/6 with an error of sqrt(2/9/60) = 0.061
    assert found["smooth_ece"].low == pytest.approx(1 / 6 - 1.96 * 0.061, abs=0.03)
    assert found["smooth_ece"].high == pytest.approx(1 / 6 + 1.96 * 0.061, abs=0.03)


def test_the_truth_is_held() -> None:
    generator = np.random.default_rng(10)
    x = 1.5 * generator.standard_normal(200_000)
    y = generator.random(x.size) < expit(0.6 * x)
    truth = values_of(everyone(y, expit(x), np.arange(x.size), x.size))
    held = dict.fromkeys(NAMES, 0)
    for seed in range(60):
        for name, (low, high, _) in intervals(cohort(seed, 150, 0.6), seed).items():
            held[name] += low <= truth[name] <= high
    assert min(held.values()) >= 0.88 * 60  # 0.95 less two and a half standard errors
