"""Matching: bounds, margins, unbiased draws, and sentences where the pool is too small."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Case
from cohort_selection.matching.draw import MatchingError, largest, match, would_help
from cohort_selection.matching.feasibility import prospect
from cohort_selection.matching.target import Target, TargetError, read_target, tie_to_label
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.plan.target_tables import read_target_table
from tests.support.pools import (
    HALF,
    margins_of,
    may_occur,
    midrc_pool,
    midrc_target,
    pool,
    weighted_v,
)


def test_margins_equal_the_target_where_the_pool_allows() -> None:
    matched = match(pool(), HALF, 100, seed=1)
    assert len(matched.cases) == len({case.patient_id for case in matched.cases}) == 100
    assert margins_of(matched, "sex") == {"Female": 50, "Male": 50}
    assert margins_of(matched, "label") == {"0": 50, "1": 50}
    assert Counter(case.label for case in matched.cases) == {0: 50, 1: 50}
    assert matched.binding == ()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("modalities", "tolerance", "optimum"),
    [
        (("CT",), 0.10, 325), (("CT",), 0.05, 228), (("CT",), 0.02, 156), (("CT",), 0.01, 129),
        (("CR", "DX"), 0.10, 2268), (("CR", "DX"), 0.05, 1440), (("CR", "DX"), 0.02, 773),
        (("CR", "DX"), 0.01, 645), ((), 0.10, 2456), ((), 0.05, 1600), ((), 0.02, 878),
        ((), 0.01, 733), ((), 0.005, 677),
    ],
)  # fmt: skip
def test_the_bound_is_never_below_the_integer_optimum(
    shared_data: Path, modalities: tuple[str, ...], tolerance: float, optimum: int
) -> None:
    """Optima by integer programming on MIDRC's example; its own tool empties CT at 1 %."""
    found = largest(midrc_pool(shared_data, *modalities), midrc_target(shared_data), tolerance)
    assert optimum <= found.bound <= 1.05 * optimum
    assert found.binding


@pytest.mark.realdata
def test_midrcs_pool_is_matched_without_destroying_its_joint_distribution(
    shared_data: Path,
) -> None:
    """Cramér's V of age and race: 0.09 in the pool; 0.38 in the least-deviation optimum."""
    cases = midrc_pool(shared_data, "CR", "DX")
    matched = match(cases, midrc_target(shared_data), 300, seed=1)
    worst = max(abs(m.cohort - m.achievable) for m in matched.margins)
    assert worst <= 1.0001 / 300
    eligible = {case.case_id for case in cases if may_occur(case, midrc_target(shared_data))}
    assert all(matched.inclusion[case_id] > 0 for case_id in eligible)
    assert matched.excluded_share == pytest.approx(1 - len(eligible) / len(cases))
    # Raking to these margins alone leaves a V of 0.056 (a prototype's figure), and other pairs
    # more associated than the pool; one drawn cohort of 300 adds the noise of its size.
    assert weighted_v(cases, matched.inclusion) < 0.057
    everyone = dict.fromkeys(matched.inclusion, 1.0)
    assert weighted_v(cases, everyone) == pytest.approx(0.09, abs=0.002)
    draws = [match(cases, midrc_target(shared_data), 300, seed=seed).cases for seed in range(8)]
    v = [weighted_v(draw, everyone) for draw in draws]
    assert np.mean(v) <= weighted_v(cases, everyone) + 0.02


def test_each_case_is_drawn_as_often_as_its_recorded_probability_says() -> None:
    cases = pool(150)
    n_seeds = 300
    times: Counter[str] = Counter()
    for seed in range(n_seeds):
        matched = match(cases, HALF, 40, seed=seed)
        times.update(case.case_id for case in matched.cases)
    chance = np.array([matched.inclusion[case.case_id] for case in cases])
    count = np.array([times[case.case_id] for case in cases])
    assert np.array_equal(count[chance >= 1.0], np.full(int((chance >= 1.0).sum()), n_seeds))
    count, chance = count[chance < 1.0], chance[chance < 1.0]
    z = (count - n_seeds * chance) / np.sqrt(n_seeds * chance * (1 - chance))
    assert sum(matched.inclusion.values()) == pytest.approx(40, abs=1e-6)
    assert abs(z.mean()) < 0.1
    assert 0.8 < z.std() < 1.2
    assert np.abs(z).max() < 4.0


def test_the_order_of_the_pool_does_not_matter_and_the_seed_does() -> None:
    cases = pool()
    shuffled = list(cases)
    random.Random(3).shuffle(shuffled)
    assert match(shuffled, HALF, 80, seed=4).cases == match(cases, HALF, 80, seed=4).cases
    assert match(cases, HALF, 80, seed=5).cases != match(cases, HALF, 80, seed=4).cases


def test_one_case_of_a_patient_is_drawn_or_all_of_them() -> None:
    cases = pool(300)
    twice = [
        *cases,
        *(Case(c.case_id + "b", c.patient_id, (), c.label, c.attributes) for c in cases),
    ]
    one = match(twice, HALF, 60, seed=1)
    assert len(one.cases) == len({case.patient_id for case in one.cases}) == 60
    assert 0 < sum(case.case_id.endswith("b") for case in one.cases) < 60
    every = match(twice, HALF, 60, seed=1, cases_per_patient="all")
    assert len(every.cases) == 120
    assert len({case.patient_id for case in every.cases}) == 60


def test_a_joint_target_is_met_cell_by_cell() -> None:
    target = Target(
        {
            "sex x age": {
                "Female x 0-59": 0.25, "Female x 60+": 0.25, "Male x 0-59": 0.25, "Male x 60+": 0.25
            }
        }
    )  # fmt: skip
    matched = match(pool(), target, 80, seed=0)
    cells = Counter((c.attributes["sex"], c.attributes["age"]) for c in matched.cases)
    assert set(cells.values()) == {20}


def test_what_cannot_be_reached_is_explained() -> None:
    cases = pool(600)
    positives = sum(case.label for case in cases)
    with pytest.raises(
        MatchingError, match=rf"label 1 takes 200 patients and the pool has {positives}"
    ):
        match(cases, HALF, 400, seed=1)
    allowed = match(cases, HALF, 400, seed=1, tolerance=0.5)
    assert len(allowed.cases) == 400
    assert any(
        sentence.startswith("label 1: 200 of 400 are wanted") for sentence in allowed.binding
    )


def test_a_target_level_that_nobody_has_is_named_with_those_that_exist() -> None:
    target = Target({"sex": {"F": 0.5, "Male": 0.5}})
    with pytest.raises(
        MatchingError, match=r"sex 'F' and the pool has none; its levels are Female, Male"
    ):
        match(pool(), target, 50, seed=0)


def test_a_pool_that_is_too_small_is_refused() -> None:
    with pytest.raises(MatchingError, match="needs 500 patients but only 100 of the pool's 100"):
        match(pool(100), HALF, 500, seed=0)


def test_shares_that_nearly_sum_to_one_are_normalised_and_others_refused(tmp_path: Path) -> None:
    near = read_target({"sex": {"Female": 0.531, "Male": 0.471}}, tmp_path / "b.toml")
    assert sum(near.margins["sex"].values()) == pytest.approx(1.0)
    assert near.notes == ("the shares of sex summed to 1.002 and were normalised",)
    with pytest.raises(TargetError, match=r"b\.toml: the shares of sex sum to 1\.2; they must sum"):
        read_target({"sex": {"Female": 0.6, "Male": 0.6}}, tmp_path / "b.toml")
    with pytest.raises(TargetError, match="the target of sex Female is 53; give a share"):
        read_target({"sex": {"Female": 53, "Male": 47}}, tmp_path / "b.toml")


def test_a_target_table_is_read_and_its_faults_have_a_line(tmp_path: Path) -> None:
    table = tmp_path / "target.csv"
    table.write_text("attribute,level,share\nsex,Female,0.5\nsex,Male,0.5\n")
    assert read_target_table(table).margins == {"sex": {"Female": 0.5, "Male": 0.5}}
    table.write_text("attribute,level,share\nsex,Female,half\n")
    with pytest.raises(TargetError, match=r"target\.csv line 2: share is 'half'"):
        read_target_table(table)
    table.write_text("attribute,level\nsex,Female\n")
    with pytest.raises(TargetError, match=r"target\.csv has no column share"):
        read_target_table(table)


def test_a_target_is_in_the_words_of_the_pool_and_a_table_may_have_semicolons(
    tmp_path: Path,
) -> None:
    table = tmp_path / "target.csv"
    table.write_text(
        "Attribute;Level;Share\nsex;F;0,25\nsex;male;0,75\nrace x sex;white x M;0,5\n"
        "race x sex;? x f;0,5\n"
    )
    assert read_target_table(table).margins == {
        "sex": {"Female": 0.25, "Male": 0.75},
        "race x sex": {"White x Male": 0.5, "Not Reported x Female": 0.5},
    }
    with pytest.raises(TargetError, match="the target of sex names Male twice, once as 'M'"):
        read_target({"sex": {"Male": 0.5, "M": 0.5}}, tmp_path / "b.toml")
    table.write_text("attribute,level,share\nsex,F,1_0\n")
    with pytest.raises(TargetError, match=r"target\.csv line 2: share is '1_0'"):
        read_target_table(table)


def test_the_largest_cohort_is_drawn_at_its_bound_and_within_the_tolerance() -> None:
    cases = pool(600)
    positives = sum(case.label for case in cases)
    matched = match(cases, HALF, 0, seed=2, tolerance=0.1)
    # Positives may be 40 %: all of them and half as many negatives again.
    assert len(matched.cases) == pytest.approx(positives / 0.4, abs=1.0)
    assert all(abs(m.cohort - m.target) <= 0.1 + 1.5 / len(matched.cases) for m in matched.margins)


def test_cases_and_controls_are_balanced_on_every_attribute_at_once() -> None:
    target = Target({**HALF.margins, "age": {"60+": 0.4, "0-59": 0.6}})
    matched = match(pool(900), tie_to_label(target, ["sex", "age"]), 100, seed=3)
    counts = Counter((c.label, c.attributes["sex"]) for c in matched.cases)
    assert all(abs(n - 25) <= 1 for n in counts.values())
    ages = Counter((c.label, c.attributes["age"]) for c in matched.cases)
    assert abs(ages[0, "60+"] - ages[1, "60+"]) <= 2
    with pytest.raises(TargetError, match="cannot be balanced on race: the target gives it no"):
        tie_to_label(target, ["race"])


def test_what_would_help_is_counted_and_helps() -> None:
    """70 of each sex and label are wanted of 140, and there are 30 positives, 15 of each sex."""
    cases = [
        Case(f"s{i}", f"p{i}", (), int(i < 30), {"sex": ("Female", "Male")[i % 2]})
        for i in range(200)
    ]
    told = would_help(cases, HALF, 140)
    assert sum(int(sentence.split(" ")[0]) for sentence in told) == 40
    assert all("label 1" in sentence for sentence in told)
    more = [Case(f"n{i}", f"q{i}", (), 1, {"sex": ("Female", "Male")[i % 2]}) for i in range(40)]
    assert would_help([*cases, *more], HALF, 140) == ()
    assert match([*cases, *more], HALF, 140, seed=0).binding == ()


@pytest.mark.parametrize("problem", [*range(25), 69])  # 69: a walk that once stood still
def test_any_pool_and_target_give_a_cohort_of_the_size_asked_for(problem: int) -> None:
    """Random pools, attributes, targets and sizes, feasible or not; the tolerance allows all."""
    rng = np.random.default_rng(problem)
    n = int(rng.integers(20, 800))
    sizes = [int(rng.integers(2, 7)) for _ in range(int(rng.integers(1, 5)))]
    shares = [rng.dirichlet(np.full(size, rng.choice([0.3, 1.0, 3.0]))) for size in sizes]
    columns = [rng.choice(size, n, p=p) for size, p in zip(sizes, shares, strict=True)]
    cases = [
        Case(f"s{i}", f"p{i}", (), int(rng.random() < 0.3), {
            f"a{k}": str(column[i]) for k, column in enumerate(columns)
        })
        for i in range(n)
    ]  # fmt: skip
    margins = {
        f"a{k}": {str(j): float(p) for j, p in enumerate(rng.dirichlet(np.full(size, 2.0)))}
        for k, size in enumerate(sizes)
    }
    size = int(rng.integers(1, n))
    target = Target({**margins, "label": {"0": 0.5, "1": 0.5}})
    matched = match(cases, target, size, seed=problem, tolerance=1.0)
    assert len(matched.cases) == size
    assert sum(matched.inclusion.values()) == pytest.approx(size, abs=0.01)
    assert max(abs(m.cohort - m.achievable) * size for m in matched.margins) < 1.001


@pytest.mark.parametrize("size", [100, 0])
def test_levels_that_nobody_has_are_named_with_those_there_are(size: int) -> None:
    target = Target({"sex": {"F": 0.5, "M": 0.5}})
    told = (
        "nobody in the pool has sex 'F' and 'M', 100 % of the target, where the pool has "
        "'Female', 'Male': write the levels in [cohort.target] as the catalog has them"
    )
    with pytest.raises(MatchingError) as refused:
        match(pool(), target, size, 1)
    assert told in str(refused.value)
    assert "widen the criteria" not in str(refused.value)
    assert told in prospect(pool(), target, size, 1, tolerance=Tolerance()).refusal


def test_a_level_that_nobody_has_is_named_beside_those_that_some_have() -> None:
    target = Target({"race": {"White": 0.5, "Black": 0.2, "Martian": 0.3}})
    with pytest.raises(MatchingError, match=r"race 'Martian', 30 % of the target, .*'Asian'"):
        match(pool(), target, 0, 1, tolerance=0.05)


def test_an_exemption_of_a_level_that_nobody_has_is_told() -> None:
    minimum = Minimum(("race",), 5, 0, exempt=("Asian", "white"))
    told = "[cohort.minimum] exempt names 'white', which nobody in the pool has"
    matched = match(pool(), HALF, 100, 1, minimum=minimum)
    assert [note for note in matched.notes if told in note]
    planned = prospect(pool(), HALF, 100, 1, tolerance=Tolerance(), minimum=minimum)
    assert [note for note in planned.notes if told in note]
