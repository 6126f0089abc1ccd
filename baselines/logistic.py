"""Logistic regression for every kind of task: the penalty by cross-validation between patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

from baselines.container.answers import MULTICLASS
from baselines.targets import Task

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse penalties tried by cross-validation, on standardised features."""
FOLDS = 5
MOST_CHOSEN = 5
"""Logits whose penalty is chosen each; where more are fitted, theirs is the median of these."""


def fit(
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    patients: NDArray[np.str_],
    task: Task,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit (n_logits, n_features) weights and (n_logits,) intercepts.

    ``features`` (n, n_features) standardised, ``targets`` (n, n_outputs). Binary, multilabel and
    ordinal tasks have one regression a logit: an ordinal one as Frank and Hall (2001) cut it.
    Unknown targets are left out. A logit whose targets are all alike is a constant.
    """
    if task.kind == MULTICLASS:
        return _classes(features, targets, patients, seed)
    of_logits = task.logit_targets(targets)
    strengths: list[float] = []
    weights = np.zeros((task.n_logits, features.shape[1]))
    intercepts = np.zeros(task.n_logits)
    for logit in range(task.n_logits):
        known = ~np.isnan(of_logits[:, logit])
        labels = of_logits[known, logit] > 0.5
        if not known.any() or labels.all() or not labels.any():
            intercepts[logit] = _of_one_class(labels)
            continue
        if len(strengths) < MOST_CHOSEN:
            strengths.append(strength(features[known], labels, patients[known], seed))
        chosen = strengths[-1] if logit < MOST_CHOSEN else float(np.median(strengths))
        fitted = LogisticRegression(C=chosen, max_iter=5000).fit(features[known], labels)
        weights[logit], intercepts[logit] = fitted.coef_[0], fitted.intercept_[0]
    return weights, intercepts


def strength(
    features: NDArray[np.float64],
    labels: NDArray[np.bool_],
    patients: NDArray[np.str_],
    seed: int,
) -> float:
    """Choose the inverse penalty of the best mean AUROC; the smallest where folds lack a class."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    fewest = min(len(np.unique(patients[labels])), len(np.unique(patients[~labels])))
    if fewest < 2 * FOLDS:
        return STRENGTHS[0]
    means = [
        cross_val_score(
            LogisticRegression(C=each, max_iter=5000),
            features,
            labels,
            groups=patients,
            cv=folds,
            scoring="roc_auc",
        ).mean()
        for each in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(means))]


def _classes(
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    patients: NDArray[np.str_],
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multinomial regression; a class that does not occur gets a logit of its own, far below."""
    n_classes = targets.shape[1]
    chosen = strength(features, targets[:, 0] < 0.5, patients, seed)
    fitted = LogisticRegression(C=chosen, max_iter=5000).fit(features, targets.argmax(axis=1))
    weights = np.zeros((n_classes, features.shape[1]))
    intercepts = np.full(n_classes, -np.log(len(targets) + 1.0))
    if len(fitted.classes_) == 2:  # scikit-learn gives one logit, of the second class
        first, second = fitted.classes_
        weights[second], intercepts[second] = fitted.coef_[0], fitted.intercept_[0]
        intercepts[first] = 0.0
        return weights, intercepts
    weights[fitted.classes_], intercepts[fitted.classes_] = fitted.coef_, fitted.intercept_
    return weights, intercepts


def _of_one_class(labels: NDArray[np.bool_]) -> float:
    """The log odds of a class that alone occurred, by the rule of succession (Laplace)."""
    n = len(labels)
    if not n:
        return 0.0
    return float(np.log(n + 1.0) * (1 if labels.all() else -1))
