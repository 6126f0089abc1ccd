"""Figures of grades of a group: published and hand values, whole grades, influences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.grades import agreement, intervals
from metrics.grades.figures import Graded, grade_figures, grade_influences
from metrics.group import Group, everyone


def alone(n: int) -> Group:
    return everyone(np.zeros(n, dtype=bool), np.zeros(n), np.arange(n), n)


def made(n: int, seed: int) -> Graded:
    random = np.random.default_rng(seed)
    reference = random.integers(0, 9, n).astype(float)
    return Graded(reference, np.clip(reference + random.normal(0.4, 1.6, n), 0, 8), 0, 8)


def test_every_figure_has_the_value_of_the_definition(refvals: Path) -> None:
    cases = json.loads((refvals / "tasks" / "grades.json").read_text())["cases"]
    for name, case in cases.items():
        reference, grade = (np.array(case[key], float) for key in ("reference", "grade"))
        found = grade_figures(Graded(reference, grade, *case["scale"]), alone(len(grade)), 0.95)
        known = case["values"]
        ordinal = known["somers_d_grade_given_reference"]
        expected = {
            "quadratic_weighted_kappa": known["kappa_quadratic"],
            "linear_weighted_kappa": known["kappa_linear"],
            # Smith, Dutton & Smith 1996: P_K is (1 + d) / 2
            "prediction_probability": None if ordinal is None else (1 + ordinal) / 2,
            "kendall_tau_b": known["tau_b"],
            "mean_absolute_error": known["mae"],
            "mean_difference": known["bias"],
            "limit_of_agreement_low": known["limits_of_agreement"][0],
            "limit_of_agreement_high": known["limits_of_agreement"][1],
        }
        values = {figure: estimate.value for figure, estimate in found.items()}
        assert values == pytest.approx(expected, abs=1e-9), name
    assert len(cases) == 5


def test_prediction_probability_of_a_small_table_by_hand() -> None:
    # reference 0: graded 0, 0, 1; reference 1: graded 0, 1, 1; reference 2: graded 1, 2
    # 0 against 1: (0,0) 2 tied, (0,1) 4 right, (1,0) 1 wrong, (1,1) 2 tied
    # 0 against 2: (0,1) 2 right, (0,2) 2 right, (1,1) 1 tied, (1,2) 1 right
    # 1 against 2: (0,1) 1, (0,2) 1 right, (1,1) 2 tied, (1,2) 2 right
    found = intervals.prediction_probability([0, 0, 0, 1, 1, 1, 2, 2], [0, 0, 1, 0, 1, 1, 1, 2])
    right, wrong, tied = 4 + 5 + 4, 1, 4 + 1 + 2
    assert right + wrong + tied == 21
    assert found == pytest.approx((right + tied / 2) / 21)


def test_expected_grades_are_rounded_for_kappa_alone() -> None:
    # halves go up, and no grade leaves the scale
    assert agreement.nearest_grades([0.49, 0.5, 1.5, 2.5, 3.49, 3.9], 0, 3).tolist() == [
        *(0, 1, 2, 3, 3, 3)
    ]
    reference = np.array([0.0, 1.0, 2.0, 3.0])
    expected = np.array([0.4, 0.6, 2.4, 2.6])
    found = grade_figures(Graded(reference, expected, 0, 3), alone(4), 0.95)
    assert found["quadratic_weighted_kappa"].value == 1.0
    assert found["linear_weighted_kappa"].value == 1.0
    assert found["mean_absolute_error"].value == pytest.approx(0.4)
    assert found["prediction_probability"].value == 1.0


def test_tau_b_never_exceeds_one() -> None:
    reference = np.array([1, 2, 3, 4, 1, 2, 3, 4], float)  # 1.0000000000000002 by two roots
    found = grade_figures(Graded(reference, reference + 1, 1, 5), alone(8), 0.95)
    assert found["kendall_tau_b"].value == 1.0


def test_influences_are_those_of_leaving_a_case_out() -> None:
    graded = made(150, 4)
    influences = grade_influences(graded, alone(150))
    figures = grade_figures(graded, alone(150), 0.95)
    assert set(influences) == set(figures)

    def without(case: int) -> dict[str, float]:
        kept = graded.part(np.delete(np.arange(150), case))
        found = grade_figures(kept, alone(149), 0.95)
        return {name: value for name, each in found.items() if (value := each.value) is not None}

    some = range(0, 150, 5)
    left_out = [without(case) for case in some]
    for name, moved in influences.items():
        assert moved.sum() == pytest.approx(0.0, abs=1e-10)
        value = figures[name].value
        assert value is not None
        changes: Floats = np.array([value - each[name] for each in left_out]) * 149 / 150
        assert np.corrcoef(changes, moved[list(some)])[0, 1] > 0.995, name
        assert changes.std() == pytest.approx(moved[list(some)].std(), rel=0.05), name


def test_repeated_patients_widen_every_interval() -> None:
    graded = made(60, 9)
    four = Graded(np.repeat(graded.reference, 4), np.repeat(graded.grade, 4), 0, 8)
    grouped = everyone(np.zeros(240, dtype=bool), np.zeros(240), np.repeat(np.arange(60), 4), 60)
    one, many = grade_figures(four, alone(240), 0.95), grade_figures(four, grouped, 0.95)
    for name, estimate in many.items():
        naive = one[name]
        assert estimate.low is not None and estimate.high is not None  # noqa: PT018
        assert naive.low is not None and naive.high is not None  # noqa: PT018
        assert estimate.high - estimate.low > 1.6 * (naive.high - naive.low), name


def test_grades_off_the_scale_have_no_kappa() -> None:
    with pytest.raises(UndefinedMetric, match="whole numbers from 0 to 3"):
        agreement.linear_weighted_kappa([0, 1, 4], [0, 1, 2], 0, 3)
    with pytest.raises(UndefinedMetric, match="constant grade"):
        agreement.linear_weighted_kappa([2, 2], [2, 2], 0, 3)


def test_linear_kappa_by_hand() -> None:
    # (1,1), (1,2), (3,3): mean distance 1/3; margins (1,1,3) x (1,2,3): 0 1 2 0 1 2 2 1 0 = 9/9
    found = agreement.linear_weighted_kappa([1, 1, 3], [1, 2, 3], 1, 3)
    assert found == pytest.approx(1 - 1 / 3)
