"""Differences from few cases, without variance, over patients: by hand, by law, by counting out."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from metrics.comparison import pairs
from metrics.discrimination import delong
from metrics.estimate import UndefinedMetric

FOUR = np.array([True, True, False, False])
PERFECT = [0.9, 0.8, 0.2, 0.1]
REVERSED = [0.1, 0.2, 0.8, 0.9]
Z2 = 1.959963984540054**2


def test_four_cases_tell_perfect_from_reversed_no_surer_than_two_coins() -> None:
    found = pairs.paired_delong(FOUR, PERFECT, REVERSED)
    assert found.value == 1.0
    assert found.p_value == 0.5  # two pairs, both for the first: 2 x 1/4
    # Wilson for 2 of 2 ends at 2 / (2 + z^2), 0 of 2 at its mirror image
    assert found.low == pytest.approx(1 - 2 * Z2 / (2 + Z2))
    assert found.high == 1.0
    assert "MOVER" in found.method


@pytest.mark.parametrize("per_class", [2, 5, 20, 100])
def test_a_perfect_and_a_constant_score_differ_as_surely_as_wilson_says(per_class: int) -> None:
    y = np.arange(2 * per_class) < per_class
    found = pairs.paired_delong(y, y.astype(float), np.full(y.size, 0.5))
    # k of k excludes 1/2 up to z^2 = k: P(|Z| > sqrt(k)), but not below 2^(1 - k)
    tail = max(math.erfc(7 / math.sqrt(2)), math.erfc(math.sqrt(per_class / 2)))
    assert found.p_value == pytest.approx(max(tail, 2.0 ** (1 - per_class)), rel=1e-6)
    end = per_class / (per_class + Z2) - 0.5
    assert found.low == pytest.approx(min(end, 0.0) if found.p_value > 0.05 else end)
    assert (found.value, found.high) == (0.5, 0.5)


def test_a_variance_of_almost_nothing_gives_no_certainty_from_four_cases() -> None:
    # placements of the second 0, 1/4, 0, 1/4: DeLong's z is about 5
    found = pairs.paired_delong(FOUR, PERFECT, [0.1, 0.8, 0.8, 0.9])
    assert found.value == 0.875
    assert found.p_value == 0.5
    assert found.low <= 0.0
    assert found.high == 1.0


def test_two_perfect_scores_that_rank_otherwise_may_differ() -> None:
    found = pairs.paired_delong(FOUR, PERFECT, [0.8, 0.9, 0.2, 0.1])
    assert (found.value, found.p_value) == (0.0, 1.0)
    assert found.high == pytest.approx(Z2 / (2 + Z2))
    assert found.low == -found.high
    alike = pairs.paired_delong(FOUR, PERFECT, np.array(PERFECT) ** 2)
    assert (alike.low, alike.high, alike.p_value) == (0.0, 0.0, 1.0)


def test_an_unpaired_side_without_variance_keeps_its_own_uncertainty() -> None:
    y = np.arange(40) < 20
    generator = np.random.default_rng(4)
    y_b = np.arange(400) < 200
    s_b = generator.standard_normal(400) + 2.5 * y_b
    value, variance = delong.auroc_and_variance(y_b, s_b)
    centre, error = math.log(value / (1 - value)), math.sqrt(variance) / (value * (1 - value))
    high = 1 / (1 + math.exp(-centre - math.sqrt(Z2) * error))
    found = pairs.unpaired_delong(y, y.astype(float), y_b, s_b)
    # MOVER by hand: the lower end of 20 of 20 by Wilson, the upper end of the other by DeLong
    reach = math.hypot(Z2 / (20 + Z2), high - value)
    assert found.value == 1.0 - value
    assert found.low == pytest.approx(found.value - reach)
    assert found.low < 0.0 < found.p_value
    assert found.p_value > 0.05  # pROC takes 20 of 20 for certain: p = 8e-6
    four = pairs.unpaired_delong(FOUR, PERFECT, FOUR, REVERSED)
    assert (four.value, four.p_value) == (1.0, 0.5)
    assert four.low <= 0.0


def cases(n: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    y = generator.random(n) < 0.4
    return y, generator.standard_normal(n) + y


def test_patients_of_one_case_change_no_unpaired_test() -> None:
    (y_a, a), (y_b, b) = cases(150, 1), cases(90, 2)
    plain = pairs.unpaired_delong(y_a, a, y_b, b)
    named = pairs.unpaired_delong(
        y_a, a, y_b, b, patients_a=np.arange(150), patients_b=np.arange(200, 290)
    )
    for field in ("value", "low", "high", "p_value"):
        assert getattr(named, field) == pytest.approx(getattr(plain, field), abs=1e-12)


def test_each_case_twice_is_no_more_than_the_case() -> None:
    (y_a, a), (y_b, b) = cases(60, 3), cases(40, 4)
    once = pairs.unpaired_delong(y_a, a, y_b, b)
    twice = pairs.unpaired_delong(
        np.repeat(y_a, 2),
        np.repeat(a, 2),
        np.repeat(y_b, 2),
        np.repeat(b, 2),
        patients_a=np.repeat(np.arange(60), 2),
        patients_b=np.repeat(np.arange(100, 140), 2),
    )
    for field in ("value", "low", "high", "p_value"):
        assert getattr(twice, field) == pytest.approx(getattr(once, field), abs=1e-12)
    assert "Obuchowski" in twice.method


def test_patients_on_both_sides_count_as_in_the_paired_test() -> None:
    y, a = cases(400, 5)
    b = a + np.random.default_rng(6).standard_normal(400)
    patients = np.arange(400) // 2
    paired = pairs.paired_delong(y, a, b, patients)
    found = pairs.unpaired_delong(y, a, y, b, patients_a=patients, patients_b=patients)
    assert found.value == paired.value
    # the same variance but for the factors k / (k - 1), and t in place of z
    assert found.high - found.low == pytest.approx(paired.high - paired.low, rel=0.03)
    apart = pairs.unpaired_delong(y, a, y, b)
    assert apart.high - apart.low > 1.2 * (found.high - found.low)


def test_shared_patients_keep_the_level_of_the_unpaired_test() -> None:
    generator = np.random.default_rng(7)
    rejected = 0
    for _ in range(800):
        y = generator.random(100) < 0.5
        own = generator.standard_normal(100)
        a, b = (own + 0.7 * generator.standard_normal(100) + y for _ in range(2))
        ids = np.arange(100)
        found = pairs.unpaired_delong(y, a, y, b, patients_a=ids, patients_b=ids)
        rejected += found.p_value < 0.05
    assert 0.03 < rejected / 800 < 0.075  # 0.05 and 3 Monte Carlo errors; 0.003 without patients


def test_a_bootstrap_difference_without_spread_has_no_p_value() -> None:
    one, half = np.ones(500), np.full(500, 0.5)
    with pytest.raises(UndefinedMetric, match=r"the difference is 0\.5 in each of 500 replicates"):
        pairs.paired_bootstrap(1.0, 0.5, one, half)
    with pytest.raises(UndefinedMetric, match="more cases are needed"):
        pairs.paired_bootstrap(1.0, 1.0, one, one)
    varied = np.random.default_rng(1).normal(0.8, 0.02, 500)
    found = pairs.paired_bootstrap(0.8, 0.8, varied, varied)
    assert (found.low, found.high, found.p_value) == (0.0, 0.0, 1.0)


def test_tiers_need_the_number_of_patients() -> None:
    # without the number of patients nothing is known of a difference that never changes
    alone = pairs.rank_stability([1.0, 0.0], np.array([[1.0] * 200, [0.0] * 200]))
    assert [stable.tier for stable in alone] == [1, 1]


def test_ten_thousand_discordant_pairs_take_a_blink() -> None:
    right = np.arange(10_000) < 4_900
    started = time.perf_counter()
    found = pairs.mcnemar(right, ~right)
    assert time.perf_counter() - started < 2.0  # 79 s by whole numbers
    assert (found.only_a, found.only_b) == (4_900, 5_100)
    assert found.exact_p_value == pytest.approx(binomtest(4_900, 10_000).pvalue, rel=1e-9)
    assert found.chi_square == 4.0


def test_mcnemar_over_patients_by_hand() -> None:
    # patients with d = 2, 1, -1 and 0: sum 2, squares 6, so 3/4 x 4/6; of the eight signs of
    # 2, 1, 1 six leave a sum of at least 2
    patients = np.array(["p", "p", "q", "r", "s"])
    a = [True, True, True, False, True]
    b = [False, False, False, True, True]
    found = pairs.mcnemar(a, b, patients)
    assert (found.only_a, found.only_b) == (3, 1)
    assert found.chi_square == pytest.approx(0.5)
    assert found.p_value == pytest.approx(math.erfc(0.5))
    assert found.exact_p_value == pytest.approx(0.75)


def test_mcnemar_over_patients_is_obuchowskis_difference_of_proportions() -> None:
    generator = np.random.default_rng(9)
    patient = np.sort(generator.integers(0, 40, 200))
    a, b = generator.random(200) < 0.7, generator.random(200) < 0.6
    # Obuchowski 1998: residuals of both from the pooled share, summed over each patient
    pooled = (a.mean() + b.mean()) / 2
    _, number, size = np.unique(patient, return_inverse=True, return_counts=True)
    k = size.size
    residual_a = np.bincount(number, a) - size * pooled
    residual_b = np.bincount(number, b) - size * pooled
    scale = k / (k - 1) / 200**2
    variance = scale * (residual_a @ residual_a + residual_b @ residual_b)
    variance -= 2 * scale * (residual_a @ residual_b)
    expected = (a.mean() - b.mean()) ** 2 / variance
    assert pairs.mcnemar(a, b, patient).chi_square == pytest.approx(expected)
    assert pairs.mcnemar(a, b, np.arange(200)) == pairs.mcnemar(a, b)


def test_the_exact_p_value_over_patients_is_that_of_every_sign() -> None:
    generator = np.random.default_rng(10)
    for _ in range(20):
        n = int(generator.integers(4, 40))
        patient = generator.integers(0, 9, n)
        a, b = generator.random(n) < 0.6, generator.random(n) < 0.5
        balance = np.bincount(patient, a.astype(float) - b)
        seen = abs(balance.sum())
        signs = itertools.product((-1, 1), repeat=balance.size)
        sums = [abs(float(balance @ np.array(sign))) for sign in signs]
        expected = float(np.mean([total >= seen for total in sums]))
        found = pairs.mcnemar(a, b, patient).exact_p_value
        assert found == pytest.approx(expected, abs=1e-12)


def test_a_patient_with_many_images_is_one_voice() -> None:
    # one patient has 100 discordant images for the first, 20 others one each, half for either
    a = np.concatenate([np.ones(100, dtype=bool), np.arange(20) < 10])
    patients = np.concatenate([np.zeros(100, dtype=int), 1 + np.arange(20)])
    assert pairs.mcnemar(a, ~a).exact_p_value < 1e-15
    found = pairs.mcnemar(a, ~a, patients)
    # |100 + the others' sum| of at least 100: the others' sum is 0 or more, as the patient's sign
    none_left = math.comb(20, 10) / 2**20
    assert found.exact_p_value == pytest.approx((1 + none_left) / 2)
    assert found.p_value == pytest.approx(
        math.erfc(math.sqrt(20 / 21 * 100**2 / (100**2 + 20) / 2))
    )


def test_hundred_thousand_patients_are_counted_by_transforms() -> None:
    generator = np.random.default_rng(11)
    patient = generator.integers(0, 60_000, 200_000)
    a, b = generator.random(200_000) < 0.702, generator.random(200_000) < 0.7
    balance = np.bincount(patient, a.astype(float) - b)
    # the normal limit, with half a step of 2 for the steps between sums
    z = (abs(balance.sum()) - 1) / math.sqrt(balance @ balance)
    found = pairs.mcnemar(a, b, patient)
    assert found.exact_p_value == pytest.approx(math.erfc(z / math.sqrt(2)), abs=2e-5)
