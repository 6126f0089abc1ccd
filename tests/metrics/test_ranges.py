"""No figure leaves its range, by rounding or otherwise: on random tables, whole and weighted."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.calibration import curves as calibration_curve
from metrics.calibration import errors
from metrics.calibration.ece_interval import ece_interval
from metrics.comparison import pairs
from metrics.discrimination import curves as discrimination
from metrics.discrimination import delong, multiclass
from metrics.estimate import UndefinedMetric
from metrics.gaps import fairness
from metrics.grades import agreement
from metrics.operating_points import rates as operating_point
from metrics.operating_points import utility
from metrics.resampling import replicates
from metrics.target_population import divergence

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Figure = Callable[[Bools, Floats, Floats], object]


def at_half(figure: Callable[..., float]) -> Figure:
    return lambda y, s, w: figure(operating_point.confusion(y, s, 0.5, w))


SHARES: dict[str, Figure] = {
    "auroc": discrimination.auroc,
    "average_precision": discrimination.average_precision,
    "partial_auroc": lambda y, s, w: discrimination.partial_auroc(
        y, s, 0.0, 0.3, w, standardized=False
    ),
    "partial_auroc_sensitivity": lambda y, s, w: discrimination.partial_auroc_sensitivity(
        y, s, 0.7, 1.0, w, standardized=False
    ),
    "sensitivity_at": lambda y, s, w: discrimination.sensitivity_at(y, s, 0.8, w),
    "specificity_at": lambda y, s, w: discrimination.specificity_at(y, s, 0.8, w),
    "roc_sensitivities": lambda y, s, w: discrimination.roc_sensitivities(
        y, s, np.linspace(0, 1, 41), w
    ),
    "brier": errors.brier,
    "ece": lambda y, s, w: errors.ece(y, s, 10, w),
    "ece_equal_mass": lambda y, s, w: errors.ece_equal_mass(y, s, 10, w),
    "mce": lambda y, s, w: errors.mce(y, s, 10, w),
    "ece_interval": lambda y, s, w: ece_interval(y, s),
    "smooth_ece": lambda y, s, w: calibration_curve.smooth_ece(y, s),
    "debiased": lambda y, s, w: calibration_curve.root_mean_square_calibration_error_debiased(
        y, s, 3
    ),
    "spiegelhalter": lambda y, s, w: calibration_curve.spiegelhalter(y, s).p_value,
    "hosmer_lemeshow": lambda y, s, w: calibration_curve.hosmer_lemeshow(y, s, 3).p_value,
    "bnsp": lambda y, s, w: bounds_of(fairness.bnsp_auroc(y, s, w > 1.0, interval="symmetric")),
    "auroc_estimate": lambda y, s, w: bounds_of(delong.auroc_estimate(y, s)),
    "paired_p": lambda y, s, w: pairs.paired_delong(y, s, s[::-1]).p_value,
    "unpaired_p": lambda y, s, w: pairs.unpaired_delong(y, s, ~y, s).p_value,
    "mcnemar_p": lambda y, s, w: pairs.mcnemar(y, s > 0.5, w > 1.0).exact_p_value,
    "tau_b_p": lambda y, s, w: agreement.kendall_tau_b_test(y, s).p_value,
    "multilabel": lambda y, s, w: multiclass.multilabel_auroc(
        np.stack([y, ~y], axis=1), np.stack([s, 1 - s], axis=1)
    ),
    "one_vs_rest": lambda y, s, w: multiclass.one_vs_rest_auroc(
        y.astype(int), np.stack([1 - s, s], axis=1), "weighted"
    ),
    "jensen_shannon": lambda y, s, w: divergence.jensen_shannon(s * y + 1e-9 * ~y, s * ~y),
    **{
        name: at_half(getattr(operating_point, name))
        for name in (
            "sensitivity",
            "specificity",
            "ppv",
            "npv",
            "accuracy",
            "selection_rate",
            "balanced_accuracy",
            "f1",
            "false_positive_rate",
            "false_negative_rate",
        )
    },
}
SIGNED: dict[str, Figure] = {
    "mcc": at_half(operating_point.mcc),
    "youden_j": at_half(operating_point.youden_j),
    "observed_minus_expected": errors.observed_minus_expected,
    "tau_b": lambda y, s, w: agreement.kendall_tau_b(y, s),
    "tau_b_itself": lambda y, s, w: agreement.kendall_tau_b(w, w),
    "kappa": lambda y, s, w: agreement.quadratic_weighted_kappa(y, s > 0.5, 0, 1, w),
    "kappa_itself": lambda y, s, w: agreement.quadratic_weighted_kappa(y, y, 0, 1, w),
    "kappa_reversed": lambda y, s, w: agreement.quadratic_weighted_kappa(y, ~y, 0, 1, w),
    "paired": lambda y, s, w: bounds_of(pairs.paired_delong(y, s, s[::-1])),
    "unpaired": lambda y, s, w: bounds_of(pairs.unpaired_delong(y, s, ~y, s)),
}
AT_MOST_ONE: dict[str, Figure] = {
    "scaled_brier": errors.scaled_brier,
    "standardized_net_benefit": lambda y, s, w: utility.standardized_net_benefit(
        operating_point.confusion(y, s, 0.3, w), 0.3
    ),
    "partial_auroc_standardized": lambda y, s, w: discrimination.partial_auroc(y, s, 0.1, 0.3, w),
}
AT_LEAST_ZERO: dict[str, Figure] = {
    "log_loss": errors.log_loss,
    "corp": lambda y, s, w: corp_parts(y, s),
    "brier_parts": lambda y, s, w: brier_parts(y, s),
    "lr_positive": at_half(operating_point.lr_positive),
}
LIMITS = [
    *((name, figure, 0.0, 1.0) for name, figure in SHARES.items()),
    *((name, figure, -1.0, 1.0) for name, figure in SIGNED.items()),
    *((name, figure, -math.inf, 1.0) for name, figure in AT_MOST_ONE.items()),
    *((name, figure, 0.0, math.inf) for name, figure in AT_LEAST_ZERO.items()),
]


def bounds_of(found: object) -> list[float]:
    numbers = (getattr(found, name) for name in ("value", "low", "high"))
    return [number for number in numbers if number is not None]


def corp_parts(y: Bools, s: Floats) -> list[float]:
    parts = calibration_curve.corp(y, s)
    return [parts.miscalibration, parts.discrimination, float(1.0 - parts.observed.max())]


def brier_parts(y: Bools, s: Floats) -> list[float]:
    parts = calibration_curve.brier_decomposition(y, s)
    return [parts.reliability, parts.resolution, parts.uncertainty]


def tables() -> list[tuple[Bools, Floats, Floats]]:
    """Perfect, reversed, constant and mixed scores, with weights that do not add up exactly."""
    generator = np.random.default_rng(20260101)
    made = []
    for n in (4, 7, 12, 25, 60):
        for _ in range(12):
            y = np.arange(n) < generator.integers(2, n - 1)
            w = generator.choice([0.1, 0.3, 1 / 3, 0.7, 1.1, 3.3], n)
            noise = generator.random(n)
            for s in (
                y.astype(float),
                (~y).astype(float),
                np.where(y, 0.9 + 0.1 * noise, 0.1 * noise),
                np.where(y, 0.1 * noise, 0.9 + 0.1 * noise),
                np.full(n, 0.3),
                np.round(noise, 1),
                noise,
            ):
                order = generator.permutation(n)
                made.append((y[order], s[order], w[order]))
    return made


TABLES = tables()


@pytest.mark.parametrize(("name", "figure", "low", "high"), LIMITS, ids=[row[0] for row in LIMITS])
def test_no_figure_leaves_its_range(name: str, figure: Figure, low: float, high: float) -> None:
    defined = 0
    for y, s, w in TABLES:
        try:
            found = np.atleast_1d(np.asarray(figure(y, s, w), dtype=np.float64))
        except UndefinedMetric:
            continue
        defined += 1
        assert np.all(found >= low), (name, found, y, s, w)
        assert np.all(found <= high), (name, found, y, s, w)
    assert defined > len(TABLES) / 4


@pytest.mark.parametrize("n", [5, 40, 301])
def test_no_replicate_leaves_its_range(n: int) -> None:
    generator = np.random.default_rng(n)
    y = np.arange(n) < 2 + n // 3
    noise = generator.random(n)
    for s in (np.where(y, 0.9 + 0.1 * noise, 0.1 * noise), 1.0 - y, y * 1.0, np.round(noise, 1)):
        units = replicates.units(y, np.arange(n), n)
        cases = replicates.ranked(y, np.asarray(s, dtype=np.float64), 10)
        walk = replicates.walk(cases, None, 0.5)
        (sums,) = replicates.replicate(cases, units, [walk], replicates=256, seed=n)
        for values in (sums.auroc, sums.average_precision, sums.brier, sums.ece):
            assert np.all((values >= 0.0) & (values <= 1.0))
        assert np.all(np.abs(sums.observed_minus_expected) <= 1.0)
        drawn = operating_point.mcc(sums.confusion)
        kept = np.isfinite(drawn)
        assert np.all(np.abs(drawn[kept]) <= 1.0)
        rates = np.array([0.1, 0.3])
        curves = replicates.replicate_roc(cases, units, walk, rates, replicates=256, seed=n)
        assert np.all((curves.heights >= 0.0) & (curves.heights <= 1.0))
        area = curves.areas[1] - curves.areas[0]
        assert np.all(discrimination.standardized_area(area, 0.1, 0.3) <= 1.0)


def test_the_distance_of_disjoint_distributions_is_one_in_every_base() -> None:
    generator = np.random.default_rng(5)
    for _ in range(300):
        p = np.concatenate([generator.random(7), np.zeros(7)])
        found = divergence.jensen_shannon(p, p[::-1])
        assert found <= 1.0
        assert found == pytest.approx(1.0)
        natural = divergence.jensen_shannon(p, p[::-1], math.e)
        assert natural <= math.sqrt(math.log(2.0))
