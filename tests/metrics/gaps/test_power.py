"""Planned gaps: against textbook sample sizes, and against the tests that they plan."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from metrics.estimate import UndefinedMetric
from metrics.gaps.power import detectable_gaps
from metrics.gaps.tests import gap_test
from metrics.group import everyone


def differences(figure: str, positives: list[int], negatives: list[int], assumed: float):  # type: ignore[no-untyped-def]
    return [found.difference for found in detectable_gaps(figure, positives, negatives, assumed)]


def test_two_rates_need_the_textbook_number() -> None:
    """0.8 against 0.6 at two-sided 0.05, power 0.8: 82 a group uncorrected, 91 by Fisher's exact.

    The permutation test lies between the two (Fleiss, Levin & Paik 2003, chapter 4).
    """
    for found in detectable_gaps("sensitivity", [82, 82], [10, 10], 0.8):
        assert found.difference is not None
        assert found.difference >= 0.195
    for found in detectable_gaps("sensitivity", [91, 91], [10, 10], 0.8):
        assert found.difference is not None
        assert found.difference <= 0.205


def test_each_rate_is_planned_on_its_own_class() -> None:
    called = differences("sensitivity", [82, 200], [10, 40], 0.8)
    assert differences("specificity", [10, 40], [82, 200], 0.8) == called
    assert differences("false_positive_rate", [10, 40], [82, 200], 0.2) == pytest.approx(called)
    assert differences("false_negative_rate", [82, 200], [10, 40], 0.2) == pytest.approx(called)


def test_smaller_levels_and_smaller_shares_of_the_level_find_less() -> None:
    for figure in ("auroc", "sensitivity"):
        half = [20, 50, 150]
        found = differences(figure, half, half, 0.85)
        assert found == sorted(found, reverse=True)
        stricter = detectable_gaps(figure, half, half, 0.85, alpha=0.0125)
        for loose, strict in zip(found, stricter, strict=True):
            assert strict.difference is not None
            assert strict.difference > loose


@pytest.mark.parametrize(("figure", "assumed"), [("auroc", 0.85), ("sensitivity", 0.8)])
def test_the_declared_test_finds_the_planned_gap_with_the_stated_power(
    figure: str, assumed: float
) -> None:
    sizes = [20, 50, 150]
    found = detectable_gaps(figure, sizes, sizes, assumed)[0].difference
    assert found is not None
    level = np.tile(np.repeat([0, 1, 2], sizes), 2)
    y = np.arange(level.size) < level.size // 2
    value = np.where(level == 0, assumed - found, assumed)
    rng, runs, called = np.random.default_rng(2), 500, 0
    for seed in range(runs):
        if figure == "auroc":
            s = rng.standard_normal(y.size) + y * math.sqrt(2.0) * stats.norm.ppf(value)
        else:
            s = np.where(rng.random(y.size) < value, 0.9, 0.1)
        whole = everyone(y, s, np.arange(y.size), y.size)
        test = gap_test(figure, whole, level, threshold=0.5, permutations=399, seed=seed)
        called += test.p_value <= 0.05
    assert called / runs == pytest.approx(0.8, abs=0.03 + 2.5 * 0.018)


def test_where_no_gap_is_found_it_says_so() -> None:
    few = detectable_gaps("auroc", [3, 400], [3, 400], 0.7)
    assert few[0].difference is None
    assert few[0].reason == "an AUROC of 0.5 in this level would be found with less than 80%"


@pytest.mark.parametrize(
    ("figure", "counts", "assumed", "reason"),
    [
        ("calibration_slope", [50, 50], 0.8, "cannot be planned from counts; plan one of auroc"),
        ("auroc", [50], 0.8, "two levels with data enough; got 1"),
        ("auroc", [50, 1], 0.8, "fewer than two patients of a class"),
        ("auroc", [50, 50], 0.4, "lies above 0.5; got 0.4"),
        ("sensitivity", [50, 50], 1.0, "lie between 0 and 1; got 1.0"),
    ],
)
def test_what_cannot_be_planned_says_why(
    figure: str, counts: list[int], assumed: float, reason: str
) -> None:
    with pytest.raises(UndefinedMetric, match=reason):
        detectable_gaps(figure, counts, counts, assumed)
