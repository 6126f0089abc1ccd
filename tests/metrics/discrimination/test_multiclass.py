"""Several classes and several labels against scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metrics.discrimination import multiclass
from metrics.estimate import UndefinedMetric

GENERATOR = np.random.default_rng(12)
Y = GENERATOR.integers(0, 4, 300)
P = np.eye(4)[Y] * 0.5 + GENERATOR.random((300, 4))
P /= P.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_one_vs_rest_is_that_of_scikit_learn(average: str) -> None:
    expected = roc_auc_score(Y, P, multi_class="ovr", average=average)
    assert multiclass.one_vs_rest_auroc(Y, P, average) == pytest.approx(expected, abs=1e-12)


def test_hand_till_is_scikit_learns_one_vs_one() -> None:
    expected = roc_auc_score(Y, P, multi_class="ovo", average="macro")
    assert multiclass.hand_till_auroc(Y, P) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_several_labels_are_those_of_scikit_learn(average: str) -> None:
    labels = GENERATOR.random((300, 4)) < 0.3
    expected = roc_auc_score(labels, P, average=average)
    assert multiclass.multilabel_auroc(labels, P, average) == pytest.approx(expected, abs=1e-12)


def test_confusion_matrix_by_hand() -> None:
    found = multiclass.confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    with pytest.raises(UndefinedMetric, match="0 to 1"):
        multiclass.confusion_matrix([0, 2], [0, 1], 2)


def test_a_class_without_a_case_is_insufficient_data_and_named() -> None:
    with pytest.raises(UndefinedMetric, match="insufficient data: no case of class 1, 2, 3") as why:
        multiclass.one_vs_rest_auroc(np.zeros(300, dtype=int), P)
    assert "got 300 of class 0, 0 of class 1" in str(why.value)


def test_a_subgroup_that_lacks_a_class_is_undefined_as_the_reference_says(refvals: Path) -> None:
    cases = json.loads((refvals / "tasks" / "multiclass.json").read_text())["cases"]
    whole, part = cases["four_classes"], cases["class_3_absent"]
    y, p = whole["class"], whole["score[case][class]"]
    expected = whole["values"]
    assert multiclass.hand_till_auroc(y, p) == pytest.approx(expected["hand_till"], abs=1e-12)
    assert multiclass.one_vs_rest_auroc(y, p) == pytest.approx(expected["macro"], abs=1e-12)
    y, p = part["class"], part["score[case][class]"]
    assert part["values"]["macro"] is None
    for figure in (
        multiclass.hand_till_auroc,
        multiclass.one_vs_rest_auroc,
        lambda y, p: multiclass.one_vs_rest_auroc(y, p, "weighted"),
    ):
        with pytest.raises(UndefinedMetric, match="insufficient data: no case of class 3; got"):
            figure(y, p)


def test_a_label_without_a_positive_case_is_insufficient_data_and_named() -> None:
    labels = np.array([[1, 0], [0, 0], [1, 0]])
    p = np.array([[0.9, 0.2], [0.3, 0.1], [0.8, 0.4]])
    with pytest.raises(UndefinedMetric, match="label 1 has 0 positive and 3 negative cases"):
        multiclass.multilabel_auroc(labels, p)
    assert multiclass.multilabel_auroc(labels, p, "micro") == pytest.approx(1.0)


def test_half_a_class_is_no_class() -> None:
    with pytest.raises(UndefinedMetric, match="whole numbers 0 to 3"):
        multiclass.hand_till_auroc(Y + 0.5, P)
    with pytest.raises(UndefinedMetric, match="whole numbers 0 to 1"):
        multiclass.confusion_matrix([0.5, 1], [0, 1], 2)
