"""Laws that every figure keeps, and 10,000 nasty inputs that must end in a value or a reason."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from metrics.calibration import curves, errors, recalibration
from metrics.calibration.ece_interval import ece_interval
from metrics.comparison import pairs
from metrics.discrimination import curves as discrimination
from metrics.discrimination import delong
from metrics.estimate import UndefinedMetric
from metrics.grades import agreement
from metrics.operating_points import rates, utility

Weighted = Callable[..., float]

RANKED: dict[str, Weighted] = {
    "auroc": discrimination.auroc,
    "average_precision": discrimination.average_precision,
    "partial_auroc": lambda y, s, w=None: discrimination.partial_auroc(y, s, 0.0, 0.3, w),
    "sensitivity_at": lambda y, s, w=None: discrimination.sensitivity_at(y, s, 0.8, w),
}
CALIBRATED: dict[str, Weighted] = {
    "brier": errors.brier,
    "scaled_brier": errors.scaled_brier,
    "log_loss": errors.log_loss,
    "ece": lambda y, p, w=None: errors.ece(y, p, 10, w),
    "mce": lambda y, p, w=None: errors.mce(y, p, 10, w),
    "observed_minus_expected": errors.observed_minus_expected,
    "observed_expected_ratio": errors.observed_expected_ratio,
    "calibration_slope": recalibration.calibration_slope,
    "calibration_intercept": recalibration.calibration_intercept,
    "calibration_in_the_large": recalibration.calibration_in_the_large,
}
TABLE = {
    name: function
    for name, function in inspect.getmembers(rates, inspect.isfunction)
    if list(inspect.signature(function).parameters) == ["c"]
}


def at_half(figure: Callable[..., float]) -> Weighted:
    return lambda y, p, w=None: figure(rates.confusion(y, p, 0.5, w))


EVERY: dict[str, Weighted] = {
    **RANKED,
    **CALIBRATED,
    **{name: at_half(figure) for name, figure in TABLE.items()},
    "ece_equal_mass": lambda y, p, w=None: errors.ece_equal_mass(y, p, 10, w),
    "net_benefit": lambda y, p, w=None: utility.net_benefit(rates.confusion(y, p, 0.5, w), 0.5),
    "specificity_at": lambda y, s, w=None: discrimination.specificity_at(y, s, 0.8, w),
    "partial_auroc_sensitivity": lambda y, s, w=None: discrimination.partial_auroc_sensitivity(
        y, s, 0.8, 1.0, w
    ),
}


@st.composite
def both_classes(
    draw: st.DrawFn,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    n = draw(st.integers(6, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    digits = draw(st.sampled_from([1, 2, 12]))
    generator = np.random.default_rng(seed)
    y = generator.random(n) < draw(st.floats(0.2, 0.8))
    y[:2], y[2:4] = True, False
    s = np.clip(np.round(0.15 * y + 0.8 * generator.random(n), digits), 0.01, 0.99)
    w = generator.integers(0, 4, n).astype(float)
    w[[0, 1, 2, 3]] = 1.0
    return y, s, w


def value_or_reason(figure: Callable[[], float]) -> float | str:
    try:
        return figure()
    except UndefinedMetric as reason:
        return type(reason).__name__


def same(a: float | str, b: float | str, tolerance: float = 1e-9) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == pytest.approx(b, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("name", sorted(EVERY))
@settings(max_examples=30, deadline=None)
@given(case=both_classes())
def test_weight_two_is_the_case_twice_and_weight_zero_is_no_case(
    name: str, case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]
) -> None:
    y, s, w = case
    figure = EVERY[name]
    times = w.astype(int)
    weighted = value_or_reason(lambda: figure(y, s, w))
    repeated = value_or_reason(lambda: figure(np.repeat(y, times), np.repeat(s, times)))
    assert same(weighted, repeated, 1e-7)


@pytest.mark.parametrize("name", sorted(EVERY))
@settings(max_examples=15, deadline=None)
@given(case=both_classes(), seed=st.integers(0, 1000))
def test_the_order_of_cases_changes_nothing(
    name: str, case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]], seed: int
) -> None:
    y, s, _ = case
    order = np.random.default_rng(seed).permutation(y.size)
    figure = EVERY[name]
    found = value_or_reason(lambda: figure(y, s))
    assert same(found, value_or_reason(lambda: figure(y[order], s[order])), 1e-8)


@pytest.mark.parametrize("name", sorted(RANKED))
@settings(max_examples=30, deadline=None)
@given(case=both_classes())
def test_a_rising_change_of_scale_changes_no_ranked_figure(
    name: str, case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]
) -> None:
    y, s, _ = case
    figure = RANKED[name]
    assert figure(y, s) == pytest.approx(figure(y, 7.0 * s - 3.0), abs=1e-12)
    assert figure(y, s) == pytest.approx(figure(y, np.round(s, 12) ** 3), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(case=both_classes())
def test_swapped_classes_or_signs_mirror_the_auroc(
    case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]],
) -> None:
    y, s, w = case
    value = discrimination.auroc(y, s, w)
    assert discrimination.auroc(~y, s, w) == pytest.approx(1 - value, abs=1e-12)
    assert discrimination.auroc(y, -s, w) == pytest.approx(1 - value, abs=1e-12)
    estimate = delong.auroc_estimate(y, s)
    mirrored = delong.auroc_estimate(~y, -s)
    assert estimate.value == pytest.approx(mirrored.value, abs=1e-12)
    assert estimate.low == pytest.approx(mirrored.low, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(case=both_classes())
def test_the_two_ways_to_the_variance_agree_and_patients_of_one_case_change_nothing(
    case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]],
) -> None:
    y, s, _ = case
    found = delong.placements(y, s)
    value, variance = delong.auroc_and_variance(y, s)
    assert value == found.auroc
    assert variance == pytest.approx(delong.delong_covariance(found, found), abs=1e-14)
    alone = np.arange(y.size)
    clustered = delong.clustered_covariance(found, found, y, alone)
    # Obuchowski's S11 is left when no patient has both classes: 0 up to rounding
    assert clustered == pytest.approx(variance, abs=1e-12)
    assert delong.auroc_estimate(y, s, alone) == delong.auroc_estimate(y, s)


def test_perfect_and_constant_predictors() -> None:
    y = np.arange(40) < 15
    perfect = np.where(y, 1.0, 0.0)
    estimate = delong.auroc_estimate(y, perfect)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low is not None
    assert 0.8 < estimate.low < 0.95
    assert errors.brier(y, perfect) == errors.ece(y, perfect) == 0.0
    assert discrimination.average_precision(y, perfect) == 1.0
    constant = np.full(40, 0.375)
    assert discrimination.auroc(y, constant) == 0.5
    assert discrimination.average_precision(y, constant) == 0.375
    assert errors.scaled_brier(y, constant) == pytest.approx(0.0)
    assert errors.ece(y, constant) == pytest.approx(0.0)
    with pytest.raises(UndefinedMetric, match="all are equal"):
        recalibration.recalibration(y, constant)
    with pytest.raises(UndefinedMetric, match="separate"):
        recalibration.recalibration(y, perfect)
    assert recalibration.calibration_in_the_large(y, constant) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", ["auroc", "scaled_brier", "calibration_slope", "mcc", "youden_j"])
def test_one_class_is_undefined_and_says_why(name: str) -> None:
    y, s = np.ones(3, dtype=bool), np.array([0.2, 0.5, 0.9])
    with pytest.raises(UndefinedMetric, match=r"3 positive, 0 negative|there are no"):
        EVERY[name](y, s)


def nasty(generator: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.float64], object]:
    n = int(generator.choice([1, 1, 2, 2, 3, 5, 9, 17]))
    y = generator.random(n) < generator.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    kind = generator.integers(9)
    s = generator.random(n)
    if kind == 1:
        s = np.round(s, 1)
    elif kind == 2:
        s = np.full(n, generator.choice([0.0, 0.5, 1.0, np.inf, -np.inf, 1e-300, 1e300]))
    elif kind == 3:
        s = generator.choice([0.0, 1.0], n)
    elif kind == 4:
        s = generator.choice([-np.inf, 0.3, np.inf], n)
    elif kind == 5:
        s = generator.choice([np.nan, 0.2, 0.7], n)
    elif kind == 6:
        s = generator.choice([5e-324, 1e-308, 1 - 2**-53, 1.0, 0.0], n)
    elif kind == 7:
        s = generator.standard_normal(n) * 1e200
    elif kind == 8:
        s = 0.5 + generator.standard_normal(n) * 1e-16
    w: object = None
    if generator.random() < 0.5:
        w = generator.choice([0.0, 0.0, 1.0, 2.0, 1e-9, 1e9, np.nan, -1.0, np.inf], n)
    return y, s, w


def test_ten_thousand_nasty_inputs_give_a_value_or_a_reason() -> None:
    generator = np.random.default_rng(20240101)
    unweighted: dict[str, Callable[..., object]] = {
        "estimate": lambda y, s: delong.auroc_estimate(y, s),
        "clustered": lambda y, s: delong.auroc_estimate(y, s, np.arange(y.size) // 2),
        "paired": lambda y, s: pairs.paired_delong(y, s, s[::-1]),
        "unpaired": lambda y, s: pairs.unpaired_delong(y, s, ~y, s),
        "mcnemar": lambda y, s: pairs.mcnemar(y, s > 0.5),
        "kappa": lambda y, s: agreement.quadratic_weighted_kappa(y, s > 0.5, 0, 1),
        "tau": lambda y, s: agreement.kendall_tau_b(y, s),
        "ici": curves.integrated_calibration,
        "ece_low": lambda y, s: ece_interval(y, s, np.arange(y.size) // 2)[0],
        "ece_high": lambda y, s: ece_interval(y, s)[1],
        "debiased": lambda y, s: curves.root_mean_square_calibration_error_debiased(y, s, 2),
        "spiegelhalter": curves.spiegelhalter,
        "hosmer_lemeshow": lambda y, s: curves.hosmer_lemeshow(y, s, 3),
        "recalibration": lambda y, s: recalibration.recalibration(y, s, np.arange(y.size) // 2),
    }
    tried = defined = silent = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(10_000):
            y, s, w = nasty(generator)
            name = str(generator.choice(sorted({*EVERY, *unweighted})))
            tried += 1
            try:
                found = EVERY[name](y, s, w) if name in EVERY else unweighted[name](y, s)
            except UndefinedMetric as reason:
                silent += not str(reason)
                continue
            defined += 1
            for number in numbers(found):
                assert np.isfinite(number), (name, y, s, w, found)
    assert (tried, silent) == (10_000, 0)
    assert defined > 1_000


def numbers(found: object) -> list[float]:
    if isinstance(found, float | int):
        return [float(found)]
    fields = getattr(type(found), "__dataclass_fields__", {})
    values = [getattr(found, field) for field in fields]
    return [float(v) for v in values if isinstance(v, float | int)]


def test_hand_worked_small_example() -> None:
    # positives 0.9, 0.4; negatives 0.4, 0.1: pairs 1, 1, 1/2, 1
    y, s = [1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1]
    assert discrimination.auroc(y, s) == 3.5 / 4
    # thresholds 0.9: precision 1, recall 1/2; 0.4: precision 2/3, recall 1
    assert discrimination.average_precision(y, s) == pytest.approx(0.5 + 0.5 * 2 / 3)
    table = rates.confusion(y, s, 0.4)
    assert (table.tp, table.fp, table.fn, table.tn) == (2, 1, 0, 1)
    assert rates.mcc(table) == pytest.approx(2 / np.sqrt(3 * 2 * 2 * 1))
    assert rates.lr_positive(table) == 2.0
    assert rates.lr_negative(table) == 0.0
    # Bayes at prevalence 0.1: 1 x 0.1 / (0.1 + 0.5 x 0.9)
    assert rates.ppv_at_prevalence(table, 0.1) == pytest.approx(0.1 / 0.55)
    assert rates.npv_at_prevalence(table, 0.1) == 1.0
    # 2/4 - 1/4 x 0.4/0.6
    assert utility.net_benefit(table, 0.4) == pytest.approx(0.5 - 0.25 * 2 / 3)
    assert utility.standardized_net_benefit(table, 0.4) == pytest.approx(1 - 0.5 * 2 / 3)
    curve = utility.decision_curve(y, s, [0.2, 0.4])
    assert curve[1] == pytest.approx([0.5 - 0.5 * 0.25, 0.5 - 0.5 * 2 / 3])
