"""Replicates of every figure: what scikit-learn gives with the weights of the draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from metrics.calibration.errors import ece
from metrics.comparison.rankable import Scored, rankable, replicated
from metrics.discrimination import curves
from metrics.resampling import replicates as resampling

Scores = NDArray[np.float64]
N, REPLICATES, SEED, THRESHOLD = 160, 70, 3, 0.4


def cohort(digits: int) -> Scored:
    """Three submissions; one digit makes many ties. Patients have one to three cases."""
    random = np.random.default_rng(digits)
    y = random.random(N) < 0.35
    raw = 1 / (1 + np.exp(0.8 - 1.2 * y - random.standard_normal((3, N))))
    scores = np.clip(np.round(raw, digits), 0.02, 0.98)
    patient = np.minimum(np.arange(N) // 2, 75)
    drawn = resampling.units(y, patient, 76)
    return Scored(y, scores, np.full(3, THRESHOLD), drawn)


def calls(s: Scores) -> NDArray[np.bool_]:
    return s >= THRESHOLD


Weighted = Callable[[NDArray[np.bool_], Scores, Scores], float]
PEERS: dict[str, Weighted] = {
    "auroc": lambda y, s, w: sklearn_metrics.roc_auc_score(y, s, sample_weight=w),
    "average_precision": lambda y, s, w: sklearn_metrics.average_precision_score(
        y, s, sample_weight=w
    ),
    "brier": lambda y, s, w: sklearn_metrics.brier_score_loss(y, s, sample_weight=w),
    "log_loss": lambda y, s, w: sklearn_metrics.log_loss(y, s, sample_weight=w),
    "sensitivity": lambda y, s, w: sklearn_metrics.recall_score(y, calls(s), sample_weight=w),
    "specificity": lambda y, s, w: sklearn_metrics.recall_score(~y, ~calls(s), sample_weight=w),
    "ppv": lambda y, s, w: sklearn_metrics.precision_score(y, calls(s), sample_weight=w),
    "npv": lambda y, s, w: sklearn_metrics.precision_score(~y, ~calls(s), sample_weight=w),
    "accuracy": lambda y, s, w: sklearn_metrics.accuracy_score(y, calls(s), sample_weight=w),
    "balanced_accuracy": lambda y, s, w: sklearn_metrics.balanced_accuracy_score(
        y, calls(s), sample_weight=w
    ),
    "f1": lambda y, s, w: sklearn_metrics.f1_score(y, calls(s), sample_weight=w),
    "mcc": lambda y, s, w: sklearn_metrics.matthews_corrcoef(y, calls(s), sample_weight=w),
    "ece": lambda y, s, w: ece(y, s, 10, w),
    "sensitivity_at_specificity_0.9": lambda y, s, w: curves.sensitivity_at(y, s, 0.9, w),
    "specificity_at_sensitivity_0.8": lambda y, s, w: curves.specificity_at(y, s, 0.8, w),
    "partial_auroc_0_0.2": lambda y, s, w: curves.partial_auroc(y, s, 0.0, 0.2, w),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("digits", [1, 9])
def test_replicates_are_the_figure_with_the_weights_of_the_draw(name: str, digits: int) -> None:
    given = cohort(digits)
    found = replicated(rankable(name, 0.35), given, replicates=REPLICATES, seed=SEED)
    assert found.shape == (3, REPLICATES)
    weights = resampling.case_weights(given.drawn, replicates=REPLICATES, seed=SEED)
    for place, s in enumerate(given.scores):
        for b in (0, 1, 63, 64, REPLICATES - 1):
            expected = PEERS[name](given.y, s, weights[b].astype(np.float64))
            assert found[place, b] == pytest.approx(expected, abs=2e-6), (place, b)


def test_figures_that_follow_from_two_rates_do() -> None:
    given = cohort(9)

    def of(name: str, prevalence: float = 0.35) -> Scores:
        return replicated(rankable(name, prevalence), given, replicates=REPLICATES, seed=SEED)

    se, sp = of("sensitivity"), of("specificity")
    np.testing.assert_allclose(of("youden_j"), se + sp - 1)
    np.testing.assert_allclose(of("false_positive_rate"), 1 - sp)
    np.testing.assert_allclose(of("false_negative_rate"), 1 - se)
    np.testing.assert_allclose(of("lr_positive"), se / (1 - sp))
    np.testing.assert_allclose(of("lr_negative"), (1 - se) / sp)
    np.testing.assert_allclose(of("ppv_at_prevalence_0.1"), 0.1 * se / (0.1 * se + 0.9 * (1 - sp)))
    np.testing.assert_allclose(of("accuracy_at_prevalence_0.1"), 0.1 * se + 0.9 * sp)
    np.testing.assert_allclose(
        of("ppv_at_cohort_prevalence", 0.2), 0.2 * se / (0.2 * se + 0.8 * (1 - sp))
    )
    share = resampling.case_weights(given.drawn, replicates=REPLICATES, seed=SEED)
    share = share[:, given.y].sum(axis=1) / share.sum(axis=1)
    # at the threshold 0.4 a needless call costs 0.4 / 0.6 of a missed positive
    gain = share * se - (1 - share) * (1 - sp) * 0.4 / 0.6
    np.testing.assert_allclose(of("net_benefit"), gain)


def test_brier_figures_follow_from_the_mean_losses_of_the_classes() -> None:
    given = cohort(9)
    y = given.y
    weights = resampling.case_weights(given.drawn, replicates=REPLICATES, seed=SEED).astype(float)
    loss = (given.scores[0] - y) ** 2
    positive = weights[:, y] @ loss[y] / weights[:, y].sum(axis=1)
    negative = weights[:, ~y] @ loss[~y] / weights[:, ~y].sum(axis=1)
    share = weights[:, y].sum(axis=1) / weights.sum(axis=1)
    brier = share * positive + (1 - share) * negative
    for name, expected in {
        "brier": brier,
        "scaled_brier": 1 - brier / (share * (1 - share)),
        "brier_at_prevalence_0.2": 0.2 * positive + 0.8 * negative,
    }.items():
        found = replicated(rankable(name, 0.35), given, replicates=REPLICATES, seed=SEED)
        np.testing.assert_allclose(found[0], expected, err_msg=name)


@pytest.mark.parametrize("name", ["auroc", "average_precision", "brier", "sensitivity"])
def test_neither_threads_nor_neighbours_change_a_replicate(name: str) -> None:
    given = cohort(2)
    wanted = rankable(name, 0.35)
    whole = replicated(wanted, given, replicates=200, seed=SEED, threads=3)
    one = Scored(given.y, given.scores[:1], given.thresholds[:1], given.drawn)
    alone = replicated(wanted, one, replicates=200, seed=SEED, threads=1)
    np.testing.assert_allclose(alone[0], whole[0], rtol=1e-14)
    fewer = replicated(wanted, given, replicates=90, seed=SEED)
    np.testing.assert_allclose(fewer, whole[:, :90], rtol=1e-14)


def test_a_replicate_without_the_figure_is_not_a_number() -> None:
    y = np.array([True, False, False, False])
    scores = np.array([[0.9, 0.1, 0.1, 0.1]])
    drawn = resampling.units(y, np.arange(4), 4, stratified=False)
    given = Scored(y, scores, np.array([0.5]), drawn)
    weights = resampling.case_weights(drawn, replicates=50, seed=1)
    absent = weights[:, 0] == 0
    assert 0 < absent.sum() < 50
    for name in ("ppv", "sensitivity", "auroc"):
        found = replicated(rankable(name, 0.25), given, replicates=50, seed=1)[0]
        one_class = absent | (weights[:, 1:].sum(axis=1) == 0) if name == "auroc" else absent
        assert np.isnan(found).tolist() == one_class.tolist()
