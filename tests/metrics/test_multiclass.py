"""Several classes and several labels against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metrics import multiclass
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


def test_a_class_without_a_case_is_undefined() -> None:
    with pytest.raises(UndefinedMetric, match="needs both classes"):
        multiclass.one_vs_rest_auroc(np.zeros(300, dtype=int), P)
