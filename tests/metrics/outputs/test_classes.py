"""Figures of several classes: reference values, tables by hand, and the jackknife's variance."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from metrics.arrays import Floats, Ints
from metrics.group import SAMPLED, Group, everyone
from metrics.outputs.classes import Classified, class_figures, class_influences, cohen_kappa

NAMES = ("normal", "bacterial", "viral")


def group_of(of_class: Ints, patient: Ints | None = None, design: str = SAMPLED) -> Group:
    number = np.arange(of_class.size) if patient is None else patient
    return everyone(of_class > 0, np.zeros(of_class.size), number, int(number.max()) + 1, design)


def made(n: int, seed: int) -> tuple[Ints, Floats]:
    rng = np.random.default_rng(seed)
    of_class = rng.choice(3, n, p=(0.5, 0.3, 0.2))
    odds = rng.normal(0.0, 1.0, (n, 3)) + 1.2 * np.eye(3)[of_class]
    p = np.exp(odds)
    return of_class, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["four_classes", "class_3_absent"])
def test_areas_are_those_of_scikit_learn_and_proc(refvals: Path, name: str) -> None:
    case = json.loads((refvals / "tasks" / "multiclass.json").read_text())["cases"][name]
    of_class = np.array(case["class"])
    cases = Classified.of(of_class, np.array(case["score[case][class]"]), ("a", "b", "c", "d"))
    found = class_figures(cases, group_of(of_class), 0.95)
    for figure, key in (("hand_till_auroc", "hand_till"), ("macro_auroc", "macro")):
        expected, estimate = case["values"][key], found[figure]
        if expected is None:
            assert estimate.value is None
            assert "insufficient data: 0 patients of the class d" in (estimate.undefined or "")
        else:
            assert estimate.value == pytest.approx(expected, abs=1e-9)
            assert estimate.low is not None
            assert estimate.low < expected


def test_a_table_by_hand() -> None:
    # true: 0 0 0 0 1 1 2 2; called: 0 0 0 1 1 1 2 0
    of_class = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    called = np.array([0, 0, 0, 1, 1, 1, 2, 0])
    p = np.where(np.eye(3)[called] == 1.0, 0.8, 0.1)
    found = class_figures(Classified.of(of_class, p, NAMES), group_of(of_class), 0.95)
    assert found["multiclass_accuracy"].value == pytest.approx(6 / 8)
    assert found["macro_sensitivity"].value == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    by_chance = (4 * 4 + 2 * 3 + 2 * 1) / 64
    assert found["cohen_kappa"].value == pytest.approx((6 / 8 - by_chance) / (1 - by_chance))
    loss = -(6 * math.log(0.8) + 2 * math.log(0.1)) / 8
    assert found["multiclass_log_loss"].value == pytest.approx(loss)
    right, wrong = 0.2**2 + 2 * 0.1**2, 0.9**2 + 0.8**2 + 0.1**2
    assert found["multiclass_brier"].value == pytest.approx((6 * right + 2 * wrong) / 8)
    # all cases are in the bin of 0.8, and 6 of 8 are right
    assert found["top_label_calibration_error"].value == pytest.approx(0.05)


def test_probabilities_are_brought_to_a_sum_of_one() -> None:
    of_class, p = made(60, 1)
    one, other = (
        class_figures(Classified.of(of_class, each, NAMES), group_of(of_class), 0.95)
        for each in (p, p * 1.001)
    )
    for name, estimate in one.items():
        assert other[name].value == pytest.approx(estimate.value, rel=1e-9), name


def test_kappa_has_the_variance_of_fleiss_cohen_and_everitt() -> None:
    # Fleiss, Cohen & Everitt 1969, table 1: 200 cases, kappa 0.429, standard error 0.054
    table = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    true = np.repeat(np.arange(3), table.sum(axis=1))
    called = np.concatenate([np.repeat(np.arange(3), row) for row in table])
    kappa, influence = cohen_kappa(true, called, 3)
    assert kappa == pytest.approx(0.429, abs=5e-4)
    assert math.sqrt(float(influence @ influence)) == pytest.approx(0.054, abs=5e-4)


@pytest.mark.parametrize("repeated", [False, True])
def test_influences_have_the_variance_of_the_jackknife(repeated: bool) -> None:
    of_class, p = made(150, 2)
    patient = np.arange(150) // 2 if repeated else np.arange(150)
    group = group_of(of_class, patient)
    moved = class_influences(Classified.of(of_class, p, NAMES), group)
    left_out: dict[str, list[float]] = {name: [] for name in moved}
    for number in range(group.n_patients):
        kept = patient != number
        cases = Classified.of(of_class[kept], p[kept], NAMES)
        others = np.unique(patient[kept], return_inverse=True)[1]
        found = class_figures(cases, group_of(of_class[kept], others), 0.95)
        for name, values in left_out.items():
            value = found[name].value
            assert value is not None
            values.append(value)
    for name, values in left_out.items():
        k = len(values)
        jackknife = (k - 1) / k * float(np.sum((np.array(values) - np.mean(values)) ** 2))
        sums = np.bincount(patient, moved[name])
        assert float(sums @ sums) == pytest.approx(jackknife, rel=0.06), name


def test_a_class_with_too_few_patients_is_insufficient_data_and_never_nought() -> None:
    of_class, p = made(80, 3)
    of_class[of_class == 2] = 1
    of_class[:3] = 2
    found = class_figures(Classified.of(of_class, p, NAMES), group_of(of_class), 0.95, fewest=4)
    for name in ("hand_till_auroc", "macro_auroc", "macro_sensitivity"):
        assert found[name].value is None
        assert "3 patients of the class viral; 4 of every class" in (found[name].undefined or "")
    assert found["multiclass_accuracy"].value is not None


def test_perfect_predictions_have_intervals_of_some_width() -> None:
    of_class = np.arange(60) % 3
    found = class_figures(
        Classified.of(of_class, np.eye(3)[of_class], NAMES), group_of(of_class), 0.95
    )
    for name in ("hand_till_auroc", "multiclass_accuracy", "macro_sensitivity", "cohen_kappa"):
        assert found[name].value == 1.0
        low = found[name].low
        assert low is not None
        assert 0.5 < low < 0.99, name
