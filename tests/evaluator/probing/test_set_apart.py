"""Predictions made to read a label off a release get nothing for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluator.probing.set_apart import OVERALL_ATTRIBUTE, depends_on_threshold, set_apart, without
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import Evaluation
from evaluator.scoring.score import score

SEX = np.array(["Female", "Male"] * 100)
LABELS = np.arange(200) % 5 < 2
PLAN = AnalysisPlan(subgroups=("sex",), replicates=100)


def released(scores: np.ndarray, labels: np.ndarray = LABELS) -> Evaluation:
    full = score(labels, scores, None, {"sex": SEX}, PLAN, 0.5)
    found = set_apart(scores, 0.5, {"sex": SEX}, (), 10)
    return without(full, found)


@pytest.mark.parametrize("target", [0, 2, 199])
def test_one_case_scored_unlike_the_rest_brings_no_figure(target: int) -> None:
    scores = np.full(200, 0.1)
    scores[target] = 0.9
    assert released(scores).results == ()
    assert released(scores).curves == ()


def test_what_a_probe_is_told_does_not_depend_on_the_label_it_asks_for() -> None:
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.0, 0.4, 200)  # all different, and one alone above the threshold
    scores[0] = 0.9
    flipped = LABELS.copy()
    flipped[0] = not flipped[0]
    for labels in (LABELS, flipped):
        shown = {result.metric for result in released(scores, labels).results}
        assert "auroc" in shown
        assert not {"sensitivity", "ppv", "specificity", "accuracy", "selection_rate"} & shown


def test_a_case_alone_above_the_threshold_in_one_group_hides_the_whole_attribute() -> None:
    rng = np.random.default_rng(2)
    scores = np.where(SEX == "Male", rng.uniform(0.4, 0.6, 200), rng.uniform(0.0, 0.4, 200))
    scores[0] = 0.9  # the one woman above
    shown = {(result.metric, result.attribute) for result in released(scores).results}
    assert ("sensitivity", OVERALL_ATTRIBUTE) in shown
    assert ("sensitivity", "sex") not in shown
    assert ("auroc", "sex") in shown


def test_levels_that_are_withheld_anyway_do_not_take_the_others_with_them() -> None:
    scores = np.random.default_rng(5).uniform(0, 1, 200)
    race = np.array(["White"] * 120 + ["Black"] * 66 + ["Asian"] * 8 + ["Other"] * 6)
    found = set_apart(scores, 0.5, {"race": race}, (), 10)
    assert found.by_score == frozenset()
    assert found.by_threshold == frozenset()


def test_a_case_set_apart_in_the_levels_that_are_withheld_would_follow_from_the_rest() -> None:
    scores = np.random.default_rng(6).uniform(0, 0.4, 200)
    scores[:60] = 0.9
    scores[195] = 0.9  # alone above among the fourteen of the small levels
    race = np.array(["White"] * 120 + ["Black"] * 66 + ["Asian"] * 8 + ["Other"] * 6)
    assert set_apart(scores, 0.5, {"race": race}, (), 10).by_threshold == {"race"}


def test_a_small_group_of_different_scores_sets_nobody_apart() -> None:
    scores = np.random.default_rng(7).uniform(0, 1, 200)
    group = np.array(["ten"] * 10 + ["rest"] * 190)
    assert set_apart(scores, 0.0, {"group": group}, (), 10).by_score == frozenset()


def test_the_constant_model_and_an_ordinary_one_keep_every_figure() -> None:
    for scores in (np.full(200, 0.4), np.random.default_rng(3).uniform(0, 1, 200)):
        full = score(LABELS, scores, None, {"sex": SEX}, PLAN, 0.5)
        assert replace(released(scores)) == full


def test_every_figure_of_a_report_without_a_threshold_is_known_not_to_need_one() -> None:
    scores = np.random.default_rng(4).uniform(0, 1, 200)
    plan = replace(PLAN, specificities=(0.9,), sensitivities=(0.9,), partial_auroc=(0.0, 0.1))
    without_threshold = score(LABELS, scores, None, {"sex": SEX}, plan, None)
    with_threshold = score(LABELS, scores, None, {"sex": SEX}, plan, 0.5)
    free = {result.figure for result in without_threshold.results}
    assert {name for name in free if depends_on_threshold(name)} == set()
    read_there = {result.figure for result in with_threshold.results} - free
    assert read_there
    assert {name for name in read_there if not depends_on_threshold(name)} == set()


def test_a_case_apart_from_two_shared_scores_brings_no_figure() -> None:
    scores = np.where(np.arange(200) % 3 == 0, 0.6, 0.3)
    assert set_apart(scores, 0.5, {}, (), 10).by_score == frozenset()
    for n_apart, refused in ((1, True), (9, True), (10, False)):
        apart = scores.copy()
        apart[:n_apart] = 0.9
        assert bool(set_apart(apart, 0.5, {}, (), 10).by_score) == refused


def test_a_case_far_from_scores_that_are_nearly_alike_brings_no_figure_that_weighs_it() -> None:
    # (0.9 - y)^2 is 0.01 or 0.81 where every other square is 0.25, whatever its label.
    scores = 0.5 + np.random.default_rng(8).permutation(200) * 1e-6
    scores[0] = 0.9
    shown = {result.metric for result in released(scores).results}
    assert "auroc" in shown
    assert not {"brier", "scaled_brier", "log_loss", "ece", "ici", "calibration_slope"} & shown


def test_two_groups_of_near_scores_on_both_sides_of_the_threshold_hide_no_third() -> None:
    scores = np.where(np.arange(200) % 2 == 0, 0.3, 0.6) + np.arange(200) * 1e-6
    assert set_apart(scores, 0.5, {}, (), 10).by_probability == frozenset()
    scores[1] = 0.9  # how many positives have 0.6 or more, figures at the threshold tell
    assert set_apart(scores, 0.5, {}, (), 10).by_probability == {OVERALL_ATTRIBUTE}


def test_a_probability_near_none_is_far_in_log_odds_alone() -> None:
    scores = np.random.default_rng(9).uniform(0.45, 0.55, 200)
    scores[::2] = np.random.default_rng(10).uniform(0.2, 0.8, 100)
    scores[0] = 0.0
    found = set_apart(scores, 0.5, {}, (), 10)
    assert found.by_probability == frozenset()
    assert found.by_log_odds == {OVERALL_ATTRIBUTE}
    shown = {result.metric for result in released(scores).results}
    assert "brier" in shown
    assert not {"log_loss", "calibration_intercept", "calibration_slope"} & shown
