"""The test that a mean of cases is equal in every level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metrics.estimate import UndefinedMetric
from metrics.gaps.means import mean_gap_test
from metrics.gaps.tests import refuse_undeclarable
from metrics.group import SAMPLED, Group, everyone


def group_of(y: np.ndarray, patient: np.ndarray | None = None) -> Group:
    patient = np.arange(y.size) if patient is None else patient
    return everyone(y, np.zeros(y.size), patient, int(patient.max()) + 1, SAMPLED)


def test_a_share_of_one_class_is_tested_as_fisher_does() -> None:
    level = np.repeat([0, 1], [20, 400])
    missed = np.zeros(420)
    missed[20:40] = 1.0  # 0 of 20 against 20 of 400
    y = np.ones(420, dtype=bool)
    p = mean_gap_test("missed_masks", missed, group_of(y), level, permutations=4000).p_value
    expected = stats.fisher_exact([[0, 20], [20, 380]]).pvalue
    assert p == pytest.approx(float(expected), abs=0.05)


def test_levels_that_differ_are_found_and_the_order_of_levels_does_not_matter() -> None:
    random = np.random.default_rng(4)
    y = np.arange(160) % 2 == 0
    level = np.repeat([0, 1], 80)
    dice = random.beta(6, 2, 160) - 0.25 * (level == 0)
    one = mean_gap_test("mean_dice", dice, group_of(y), level)
    other = mean_gap_test("mean_dice", dice, group_of(y), 1 - level)
    assert one.p_value == pytest.approx(1 / 2001)
    assert one.statistic == pytest.approx(other.statistic)
    assert "each class weighing as in all" in one.method


def test_levels_in_which_prevalence_alone_differs_are_not_told_apart() -> None:
    """Normal cases count 1, others 0.7: the plain means differ by 0.12 for sure."""
    level = np.repeat([0, 1], 100)
    y = np.concatenate([np.arange(100) < 30, np.arange(100) < 70])
    random = np.random.default_rng(5)
    dice = np.where(y, 0.7 + 0.01 * random.normal(size=200), 1.0 + 0.01 * random.normal(size=200))
    assert dice[:100].mean() - dice[100:].mean() > 0.1
    assert mean_gap_test("mean_dice", dice, group_of(y), level).p_value > 0.05


@pytest.mark.parametrize(
    ("figure", "sizes"), [("mean_dice", (40, 160)), ("mean_iou", (30, 30, 60))]
)
def test_it_keeps_its_level_with_unequal_spreads_and_repeated_patients(
    figure: str, sizes: tuple[int, ...]
) -> None:
    runs, found = 400, 0
    of_patient = np.repeat(np.arange(len(sizes)), sizes)
    for run in range(runs):
        random = np.random.default_rng([11, run])
        patient = np.repeat(np.arange(of_patient.size), random.integers(1, 4, of_patient.size))
        level = of_patient[patient]
        y = (random.random(of_patient.size) < np.where(of_patient == 0, 0.4, 0.6))[patient]
        shared = random.normal(size=of_patient.size)[patient]
        spread = np.where(level == 0, 2.0, 1.0)
        values = 0.3 * y + spread * (shared + random.normal(size=y.size))
        test = mean_gap_test(figure, values, group_of(y, patient), level, permutations=199)
        found += test.p_value <= 0.05
    assert 0.02 < found / runs < 0.09  # binomial: three errors of 0.011 about 0.05


def test_it_is_one_coin_of_the_seed_however_many_threads() -> None:
    random = np.random.default_rng(6)
    y, level = np.arange(90) % 3 == 0, np.arange(90) % 2
    values = random.normal(size=90)
    both = [
        mean_gap_test("mean_difference", values, group_of(y), level, threads=threads).p_value
        for threads in (1, 3)
    ]
    assert both[0] == both[1]


def test_what_cannot_be_tested_says_why() -> None:
    y = np.arange(40) % 2 == 0
    group, level = group_of(y), np.repeat([0, 1], 20)
    with pytest.raises(UndefinedMetric, match="two levels"):
        mean_gap_test("mean_dice", np.arange(40.0), group, np.zeros(40, dtype=int))
    with pytest.raises(UndefinedMetric, match="nothing can differ"):
        mean_gap_test("mean_dice", np.ones(40), group, level)
    one = np.where(y & (level == 0), np.nan, np.arange(40.0))
    one[0] = 1.0
    with pytest.raises(UndefinedMetric, match="1 patients with a positive case"):
        mean_gap_test("mean_dice", one, group, level)


def test_a_level_without_a_case_of_a_share_is_not_left_out_in_silence() -> None:
    level, y = np.repeat([0, 1, 2], 20), np.arange(60) % 2 == 0
    missed = np.where(y & (level < 2), np.arange(60.0) % 4 == 0, np.nan)
    with pytest.raises(UndefinedMetric, match="no case that counts in missed_masks"):
        mean_gap_test("missed_masks", missed, group_of(y), level)


def test_distances_and_agreement_cannot_be_declared() -> None:
    refuse_undeclarable("mean_nsd_at_tolerance_5")
    with pytest.raises(UndefinedMetric, match="long tail"):
        refuse_undeclarable("mean_hd95")
    with pytest.raises(UndefinedMetric, match="of grades mean_absolute_error or mean_difference"):
        refuse_undeclarable("quadratic_weighted_kappa")
