"""The linearised variance against textbook variances, by hand and by simulation."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from metrics.estimate import UndefinedMetric
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone, part_of
from metrics.intervals import linearised


def group(y: list[int], patient: list[int] | None = None, design: str = SAMPLED) -> Group:
    labels = np.array(y, dtype=np.bool_)
    number = np.arange(labels.size) if patient is None else np.array(patient)
    return everyone(labels, np.zeros(labels.size), number, int(number.max()) + 1, design)


def mean_influence(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.array(values)
    return (array - array.mean()) / array.size


def test_a_mean_has_the_standard_error_of_a_mean() -> None:
    values = [1.0, 4.0, 2.0, 7.0, 3.0]
    found = linearised.error(group([0, 1, 0, 1, 1]), mean_influence(values))
    assert found.standard_error == pytest.approx(math.sqrt(statistics.variance(values) / 5))


def test_by_design_only_the_spread_within_each_class_counts() -> None:
    values = [1.0, 3.0, 10.0, 14.0, 12.0]
    found = linearised.error(
        group([0, 0, 1, 1, 1], design=FIXED_PREVALENCE), mean_influence(values)
    )
    negative, positive = statistics.variance([1.0, 3.0]), statistics.variance([10.0, 14.0, 12.0])
    expected = (2 / 5) ** 2 * negative / 2 + (3 / 5) ** 2 * positive / 3
    assert found.standard_error == pytest.approx(math.sqrt(expected))
    all_positive_alike = [0.0, 0.0, 1.0, 1.0, 1.0]  # the prevalence itself, which the design set
    none = linearised.error(
        group([0, 0, 1, 1, 1], design=FIXED_PREVALENCE), mean_influence(all_positive_alike)
    )
    assert none.standard_error == 0.0


def test_cases_of_a_patient_count_as_one() -> None:
    values = [1.0, 1.0, 5.0, 5.0, 3.0, 3.0]
    pairs = group([0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 2, 2])
    alone = math.sqrt(statistics.variance([1.0, 5.0, 3.0]) / 3)
    # each class is enlarged by its own patients' shares, so the two agree only where one class is
    one_class = group([1] * 6, [0, 0, 1, 1, 2, 2])
    found = linearised.error(one_class, mean_influence(values))
    assert found.standard_error == pytest.approx(alone)
    assert linearised.error(pairs, mean_influence(values)).standard_error > alone


def test_a_group_whose_size_is_chance_is_centred_on_the_whole_stratum() -> None:
    whole = group([1, 1, 1, 1, 0, 0, 0, 0], design=FIXED_PREVALENCE)
    member = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=np.bool_)
    influence = np.array([0.1, 0.1, -0.1, -0.1])
    mine = part_of(whole, member)
    # sum of squares less (sum)^2 / 4 in each stratum, times 2 / (2 - 1)
    assert linearised.error(mine, influence).standard_error ** 2 == pytest.approx(
        2 * 2 * (0.02 - 0.04 / 4)
    )
    fixed = part_of(whole, member, fixed=True)
    assert linearised.error(fixed, influence).standard_error == 0.0


def test_few_patients_with_most_of_the_cases_are_few() -> None:
    equal = np.repeat(np.arange(10), 3)
    assert linearised.effective_patients(equal, 10) == pytest.approx(10.0)
    skewed = np.concatenate([np.zeros(60, np.int64), np.arange(1, 30)])
    assert linearised.effective_patients(skewed, 30) == pytest.approx(1.016, abs=0.001)


def test_quantiles_are_those_of_printed_tables() -> None:
    assert linearised.quantile(0.95, 5.0) == pytest.approx(2.571, abs=5e-4)
    assert linearised.quantile(0.95, math.inf) == pytest.approx(1.95996, abs=1e-5)


def test_one_patient_has_no_interval() -> None:
    with pytest.raises(UndefinedMetric, match="two patients"):
        linearised.error(group([1, 0], [0, 0]), np.array([0.1, -0.1]))


def test_halls_interval_holds_the_mean_of_a_long_tail() -> None:
    generator = np.random.default_rng(4)
    held = {"symmetric": 0, "hall": 0}
    for _ in range(1_500):
        values = generator.exponential(size=25)
        mean = float(values.mean())
        error = linearised.error(group([1] * 25), (values - mean) / 25, skewed=True)
        below, above = error.skewed_reach(0.95)
        held["hall"] += mean - below <= 1.0 <= mean + above
        reach = error.reach(0.95)
        held["symmetric"] += mean - reach <= 1.0 <= mean + reach
    assert held["symmetric"] / 1_500 < 0.935  # published: about 0.92 with 25 exponentials
    assert 0.935 < held["hall"] / 1_500 < 0.97


def test_a_symmetric_figure_has_a_symmetric_interval() -> None:
    error = linearised.error(group([1, 1, 1, 1]), np.array([-0.2, -0.1, 0.1, 0.2]), skewed=True)
    assert error.skewness == pytest.approx(0.0, abs=1e-12)
    below, above = error.skewed_reach(0.95)
    assert below == above == pytest.approx(error.reach(0.95))


def test_correlation_is_one_with_itself_and_none_with_nothing() -> None:
    mine = group([1, 0, 1, 0], [0, 0, 1, 1])
    moved = np.array([0.1, -0.2, -0.1, 0.2])
    assert linearised.correlation(mine, moved, moved) == pytest.approx(1.0)
    assert linearised.correlation(mine, moved, np.zeros(4)) == 0.0
