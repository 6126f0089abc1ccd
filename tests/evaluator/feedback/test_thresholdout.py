"""Thresholdout: practice cases answer where they are near, noise has its spread and no other."""

from __future__ import annotations

import numpy as np
import pytest

from evaluator.feedback import thresholdout


def test_practice_answers_where_it_is_near_and_the_sequestered_cases_with_noise_where_not() -> None:
    near = [
        thresholdout.told(0.80, 0.81, difference=0.2, noise=0.01, seed=seed) for seed in range(400)
    ]
    assert {(each.value, each.spends) for each in near} == {(0.81, False)}
    far = [
        thresholdout.told(0.80, 0.55, difference=0.05, noise=0.01, seed=seed) for seed in range(400)
    ]
    assert all(each.spends for each in far)
    values = np.array([each.value for each in far])
    assert len(set(values)) == 400
    # mean and standard deviation of 400 normal draws: 0.8 and 0.01, within four standard errors
    assert values.mean() == pytest.approx(0.80, abs=4 * 0.01 / 20)
    assert values.std() == pytest.approx(0.01, abs=4 * 0.01 / np.sqrt(800))


def test_the_comparison_has_four_times_the_noise_of_an_answer() -> None:
    # at the threshold itself the sign of the noise decides: half of the answers
    spent = [
        thresholdout.told(0.80, 0.75, difference=0.05, noise=0.005, seed=seed).spends
        for seed in range(400)
    ]
    assert 160 < sum(spent) < 240
    # one standard deviation of 4 x 0.005 beyond it: the normal law's 84 %
    spent = [
        thresholdout.told(0.80, 0.73, difference=0.05, noise=0.005, seed=seed).spends
        for seed in range(400)
    ]
    assert 307 < sum(spent) < 365


def test_the_same_seed_gives_the_same_answer() -> None:
    first = thresholdout.told(0.9, 0.5, difference=0.04, noise=0.01, seed=5)
    assert thresholdout.told(0.9, 0.5, difference=0.04, noise=0.01, seed=5) == first


def test_an_answer_is_an_auroc_and_needs_no_practice() -> None:
    found = [
        thresholdout.told(0.999, None, difference=0.04, noise=0.1, seed=seed) for seed in range(50)
    ]
    assert all(each.spends and 0.0 <= each.value <= 1.0 for each in found)


def test_scores_that_rank_the_cases_alike_have_one_ranking() -> None:
    scores = np.array([0.2, 0.9, 0.2, 0.5])
    assert thresholdout.ranking(scores) == thresholdout.ranking(np.exp(scores))
    assert thresholdout.ranking(scores) != thresholdout.ranking(-scores)
    assert thresholdout.ranking(scores) != thresholdout.ranking(np.array([0.2, 0.9, 0.21, 0.5]))
