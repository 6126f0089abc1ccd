"""Ordinal grades against scipy and R, and tau-b's own p-value."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from metrics.estimate import UndefinedMetric
from metrics.grades import agreement


def test_the_p_values_of_tied_grades_are_those_of_scipy_and_r(refvals: Path) -> None:
    cases = json.loads((refvals / "tasks" / "grades.json").read_text())["cases"]
    compared = 0
    for case in cases.values():
        given = case["reference"], case["grade"]
        expected = case["packages"].get("scipy 1.17.1", {})
        if case["values"]["tau_b"] is None:
            with pytest.raises(UndefinedMetric, match="constant"):
                agreement.kendall_tau_b_test(*given)
            continue
        found = agreement.kendall_tau_b_test(*given)
        assert found.value == pytest.approx(case["values"]["tau_b"], abs=1e-12)
        if "ties" in found.method and "kendalltau p" in expected:
            assert found.p_value == pytest.approx(expected["kendalltau p"], rel=1e-9)
            compared += 1
    assert compared >= 2
    birads = cases["birads_like_0_to_3"]
    found = agreement.kendall_tau_b_test(birads["reference"], birads["grade"])
    # R 4.2.2 cor.test; Somers' D of scipy, with the error of the alternative, gives 5.3e-14
    assert found.p_value == pytest.approx(birads["packages"]["R 4.2.2 cor.test kendall"]["p"])


def test_without_ties_the_p_value_counts_every_order_out() -> None:
    # of the six orders of three the first and the last agree as far
    assert agreement.kendall_tau_b_test([1, 2, 3], [4, 5, 6]).p_value == pytest.approx(2 / 6)
    reference = np.arange(6)
    every = [
        agreement.kendall_tau_b(reference, order) for order in itertools.permutations(range(6))
    ]
    for grade in ([0, 2, 1, 3, 5, 4], [5, 4, 2, 3, 1, 0], [3, 0, 5, 1, 4, 2]):
        found = agreement.kendall_tau_b_test(reference, grade)
        share = np.mean(np.abs(every) >= abs(found.value) - 1e-12)
        assert found.p_value == pytest.approx(float(share))
        assert "exact" in found.method


@pytest.mark.parametrize(("n", "method"), [(20, "exact"), (49, "exact"), (50, "asymptotic")])
def test_p_values_without_ties_are_those_of_scipy(n: int, method: str) -> None:
    generator = np.random.default_rng(n)
    for _ in range(5):
        a, b = generator.random(n), generator.random(n)
        expected = kendalltau(a, b + a, method=method).pvalue
        assert agreement.kendall_tau_b_test(a, b + a).p_value == pytest.approx(expected, rel=1e-9)


def test_the_p_value_is_as_small_as_chance_makes_it() -> None:
    generator = np.random.default_rng(2)
    small = 0
    for _ in range(1000):
        a, b = generator.integers(0, 4, 30), generator.integers(0, 3, 30)
        small += agreement.kendall_tau_b_test(a, b).p_value < 0.05
    assert 0.03 < small / 1000 < 0.07  # three Monte Carlo errors


def test_perfect_agreement_is_one_and_no_more() -> None:
    for n in range(2, 300):
        grade = np.arange(n) // 2 if n > 2 else np.arange(n)
        assert agreement.kendall_tau_b(grade, grade) == 1.0
        assert agreement.kendall_tau_b(grade, -grade) == -1.0
