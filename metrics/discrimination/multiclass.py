"""AUROC of several classes, or of several labels a case."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics import arrays
from metrics.arrays import Floats, Ints
from metrics.discrimination.curves import auroc
from metrics.estimate import UndefinedMetric


def one_vs_rest_auroc(y: ArrayLike, p: ArrayLike, average: str = "macro") -> float:
    """Mean AUROC of each class against the rest.

    Formula: mean of AUROC_c over classes, "macro" with equal weight or "weighted" by prevalence.
    ``y`` (n,) classes 0..k-1, ``p`` (n, k) scores a class. Undefined where a class has no case.
    Source: Provost & Domingos 2001; scikit-learn.
    """
    y_, p_ = _every_class(y, p)
    each = [auroc(y_ == c, p_[:, c]) for c in range(p_.shape[1])]
    if average == "macro":
        return float(np.mean(each))
    if average == "weighted":
        return float(np.average(each, weights=np.bincount(y_, minlength=p_.shape[1])))
    raise UndefinedMetric(f"average must be 'macro' or 'weighted'; got {average!r}")


def hand_till_auroc(y: ArrayLike, p: ArrayLike) -> float:
    """Hand & Till's M: mean over pairs of classes of how well each is told from the other.

    Formula: 2 / (k (k - 1)) sum_{i<j} (A(i | j) + A(j | i)) / 2, A(i | j) the AUROC of score i
    among cases of i and j. It does not depend on prevalences. ``y`` (n,) classes 0..k-1, ``p``
    (n, k). Undefined where a class has no case. Source: Hand & Till 2001.
    """
    y_, p_ = _every_class(y, p)
    areas = []
    for i, j in combinations(range(p_.shape[1]), 2):
        pair = (y_ == i) | (y_ == j)
        first, second = y_[pair] == i, y_[pair] == j
        areas.append((auroc(first, p_[pair, i]) + auroc(second, p_[pair, j])) / 2.0)
    return float(np.mean(areas))


def confusion_matrix(y: ArrayLike, called: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Cases by true class (rows) and called class (columns), (k, k).

    Undefined where a class is not 0 to ``n_classes`` - 1.
    """
    y_, called_ = _whole(y, n_classes), _whole(called, n_classes)
    if y_.shape != called_.shape or y_.ndim != 1:
        raise UndefinedMetric(f"classes of shapes {y_.shape} and {called_.shape} do not compare")
    cells = np.bincount(y_ * n_classes + called_, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def multilabel_auroc(y: ArrayLike, p: ArrayLike, average: str = "macro") -> float:
    """AUROC over several labels a case: mean over labels ("macro") or of all pooled ("micro").

    ``y`` and ``p`` (n, labels). Undefined where a label ("macro") or the pool ("micro") has one
    class only.
    """
    y_, p_ = np.asarray(y), np.asarray(p, dtype=np.float64)
    if y_.ndim != 2 or y_.shape != p_.shape or not y_.shape[1]:
        raise UndefinedMetric(f"labels {y_.shape} and scores {p_.shape} must be one table's shape")
    if average == "macro":
        _both_values(y_)
        return float(np.mean([auroc(y_[:, k], p_[:, k]) for k in range(y_.shape[1])]))
    if average == "micro":
        return auroc(y_.ravel(), p_.ravel())
    raise UndefinedMetric(f"average must be 'macro' or 'micro'; got {average!r}")


def _checked(y: ArrayLike, p: ArrayLike) -> tuple[Ints, Floats]:
    y_, p_ = np.asarray(y), np.asarray(p, dtype=np.float64)
    if p_.ndim != 2 or y_.shape != (p_.shape[0],) or p_.shape[1] < 2:
        raise UndefinedMetric(f"classes {y_.shape} need scores (cases, 2 or more); got {p_.shape}")
    return _whole(y_, p_.shape[1]), p_


def _whole(y: ArrayLike, n_classes: int) -> Ints:
    classes = np.asarray(y)
    if not np.isin(classes, np.arange(n_classes)).all():
        raise UndefinedMetric(f"classes must be whole numbers 0 to {n_classes - 1}")
    return classes.astype(np.int64)


def _every_class(y: ArrayLike, p: ArrayLike) -> tuple[Ints, Floats]:
    """Check the arrays, and that each class has a case."""
    y_, p_ = _checked(y, p)
    count = np.bincount(y_, minlength=p_.shape[1])
    absent = np.flatnonzero(count == 0).tolist()
    if absent:
        listed = ", ".join(f"{n} of class {c}" for c, n in enumerate(count.tolist()))
        raise UndefinedMetric(
            f"insufficient data: no case of class {', '.join(map(str, absent))}; got {listed}"
        )
    return y_, p_


def _both_values(y: NDArray[np.generic]) -> None:
    """Check that each label has a positive and a negative case."""
    for label in range(y.shape[1]):
        of_label = arrays.labels(y[:, label])
        positive = int(of_label.sum())
        if positive in (0, of_label.size):
            raise UndefinedMetric(
                f"insufficient data: label {label} has {positive} positive and "
                f"{of_label.size - positive} negative cases; both are needed"
            )
