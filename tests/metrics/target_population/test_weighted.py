"""Weighted figures against cases counted twice, and against R's survey package."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from metrics.discrimination import curves
from metrics.group import Group, everyone
from metrics.intervals import linearised
from metrics.operating_points import rates
from metrics.target_population import weighted


def cohort(n: int = 300, seed: int = 3) -> Group:
    generator = np.random.default_rng(seed)
    y = generator.random(n) < 0.4
    s = np.round(1 / (1 + np.exp(-(generator.standard_normal(n) + 1.2 * y - 0.6))), 2)
    return everyone(y, s, np.arange(n), n)


def test_a_weight_of_two_is_a_case_twice() -> None:
    found = cohort()
    w = np.random.default_rng(1).integers(1, 3, found.y.size)
    y, s = np.repeat(found.y, w), np.repeat(found.s, w)
    table = rates.confusion(y, s, 0.5)
    expected = {
        "auroc": curves.auroc(y, s),
        "brier": float(np.mean((y - s) ** 2)),
        "observed_minus_expected": float(np.mean(y - s)),
        "sensitivity": rates.sensitivity(table),
        "specificity": rates.specificity(table),
        "ppv": rates.ppv(table),
        "npv": rates.npv(table),
        "accuracy": rates.accuracy(table),
        "selection_rate": rates.selection_rate(table),
    }
    made = weighted.estimates(found, w.astype(float), 0.5, 0.95)
    for name, value in expected.items():
        assert made[name].value == pytest.approx(value, abs=1e-12), name


def test_equal_weights_change_no_figure_and_their_size_none() -> None:
    found = cohort()
    one = weighted.estimates(found, np.ones(300), 0.5, 0.95)
    seven = weighted.estimates(found, np.full(300, 7.0), 0.5, 0.95)
    assert one["auroc"].value == pytest.approx(curves.auroc(found.y, found.s))
    for name, estimate in one.items():
        assert seven[name].value == pytest.approx(estimate.value)
        assert seven[name].low == pytest.approx(estimate.low)


def test_the_variance_with_weights_as_given_is_that_of_survey(refvals: Path) -> None:
    tables = json.loads((refvals / "standardised" / "weights.json").read_text())
    compared = 0
    for table in tables.values():
        expected = table.get("variance_weights_fixed")
        if expected is None or table.get("weights") is None:
            continue
        y = np.array(table["y"], dtype=float)
        w = np.array(table["weights"], dtype=float)
        labels = np.ones(y.size, dtype=np.bool_)
        group = everyone(labels, y, np.arange(y.size), y.size)
        mean = float(w @ y / w.sum())
        error = linearised.error(group, w * (y - mean) / w.sum())
        assert error.standard_error == pytest.approx(math.sqrt(expected), rel=1e-9)
        compared += 1
    assert compared >= 5


def test_few_effective_patients_are_insufficient_data() -> None:
    found = cohort()
    w = np.ones(300)
    w[:10] = 200.0
    made = weighted.estimates(found, w, 0.5, 0.95)
    assert made["auroc"].value is None
    assert "effective patients" in str(made["auroc"].undefined)


def test_a_rate_of_one_is_no_point() -> None:
    y = np.array([True] * 60 + [False] * 60)
    s = np.where(y, 0.9, 0.1)
    found = everyone(y, s, np.arange(120), 120)
    made = weighted.estimates(found, np.linspace(0.5, 1.5, 120), 0.5, 0.95)
    for name in ("sensitivity", "specificity", "auroc", "accuracy"):
        assert made[name].value == pytest.approx(1.0)
        low = made[name].low
        assert low is not None
        assert low < 0.98
