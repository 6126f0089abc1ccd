"""Two attributes are no more associated in what is expected of a cohort than the pool lets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats.contingency import association

from cohort_selection.matching.achievable import Programme, programme
from cohort_selection.matching.draw import allocate, match
from cohort_selection.matching.inclusion_probability import chances
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.sampling.association import Association, cramers_v
from cohort_selection.sampling.joint_table import Cells, tabulate, tabulate_codes
from cohort_selection.sampling.raking import rake
from tests.support.pools import (
    may_occur,
    midrc_pool,
    midrc_target,
    pool,
    two_way,
    weighted_v,
)

NO_LIMIT = Association(excess=1.0)


def test_v_is_scipys_and_a_level_that_nobody_has_does_not_count() -> None:
    rng = np.random.default_rng(2)
    for shape in ((2, 2), (3, 5), (6, 2)):
        table = rng.integers(1, 40, shape)
        wider = np.zeros((shape[0] + 1, shape[1] + 1))
        wider[:-1, 1:] = table
        assert cramers_v(wider) == pytest.approx(association(table, method="cramer"))
    assert cramers_v(np.array([[3.0, 4.0]])) == 0.0


def test_a_soft_total_gives_way_as_in_the_convex_problem_it_stands_for() -> None:
    """Six cells, two margins met, two cells pulled: against scipy's general minimiser."""
    counts = np.array([40, 300, 50, 200, 90, 100])
    hard = two_way(2, 3)
    totals = np.array([100.0, 40.0, 50.0, 20.0])
    soft, aims, give = np.eye(6)[:, [0, 4]], np.array([15.0, 12.0]), np.array([3.0, 8.0])
    raked = rake(
        counts,
        np.hstack([hard, soft]),
        np.append(totals, aims),
        softness=np.append(np.zeros(4), give),
    )

    def cost(x: NDArray[np.float64]) -> float:
        away = x @ soft - aims
        return float(np.sum(x * np.log(x / counts) - x) + np.sum(away**2 / (2.0 * give)))

    found = minimize(
        cost,
        counts * 100.0 / counts.sum(),
        method="SLSQP",
        bounds=[(1e-9, float(n)) for n in counts],
        constraints={"type": "eq", "fun": lambda x: hard.T @ x - totals},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert counts * raked.probability == pytest.approx(found.x, abs=1e-3)


def corner() -> tuple[Cells, Target]:
    """Site B is rare, and there sex and race go together; the target wants half the cohort of B."""
    counts = {
        ("A", "F", "x"): 2000, ("A", "F", "y"): 2000, ("A", "M", "x"): 2000, ("A", "M", "y"): 2000,
        ("B", "F", "x"): 100, ("B", "F", "y"): 10, ("B", "M", "x"): 10, ("B", "M", "y"): 100,
    }  # fmt: skip
    rows = [key for key, n in counts.items() for _ in range(n)]
    columns = dict(zip(("site", "sex", "race"), map(list, zip(*rows, strict=True)), strict=True))
    half = {name: dict.fromkeys(sorted(set(column)), 0.5) for name, column in columns.items()}
    return tabulate(columns), Target(half)


def asked_of(cells: Cells, target: Target) -> Programme:
    return programme(cells, target, Tolerance(), Minimum())


def v_of(cells: Cells, n: NDArray[np.float64], a: int, b: int) -> float:
    table = cells.indicator(a).T @ (n[:, None] * cells.indicator(b))
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    return float(association(np.rint(table * 1e6).astype(np.int64), method="cramer"))


def test_a_corner_of_the_pool_does_not_bring_its_association_with_it() -> None:
    cells, target = corner()
    asked = asked_of(cells, target)
    wanted = asked.wanted(80)
    alone = chances(asked, wanted, 80, NO_LIMIT)
    found = chances(asked, wanted, 80, Association())
    sex, race = cells.attributes.index("sex"), cells.attributes.index("race")
    of_pool = v_of(cells, cells.counts.astype(float), sex, race)
    before = v_of(cells, cells.counts * alone.probability, sex, race)
    after = v_of(cells, cells.counts * found.probability, sex, race)
    # By hand: half of 80 from B, where 100 of 110 are alike, so V is half of 90 / 110.
    assert before == pytest.approx(0.5 * 90 / 110, abs=0.02)
    assert of_pool < 0.03
    assert of_pool + 0.01 < after <= of_pool + 0.02 + 1e-6
    for k, goal in enumerate(wanted):
        assert (cells.counts * found.probability) @ cells.indicator(k) == pytest.approx(
            goal, abs=1e-4
        )
    assert found.probability.min() >= 0.5 * alone.probability.min()
    assert alone.notes == ()
    (told,) = found.notes
    assert f"sex and race: the margins alone would bring a Cramér's V of {before:.3f}" in told
    assert f"the pool has {of_pool:.3f}; {after:.3f} is expected" in told


def test_what_goes_with_the_label_stays_as_in_the_pool() -> None:
    """Half positives: V of label and age rises with the prevalence, the odds ratio stays."""
    target = Target({"label": {"0": 0.5, "1": 0.5}, "age": {"0-59": 0.5, "60+": 0.5}})
    cases = pool(2000)
    matched = match(cases, target, 200, 1)
    n = {
        (label, age): sum(
            matched.inclusion[case.case_id]
            for case in cases
            if case.label == label and case.attributes["age"] == age
        )
        for label in (0, 1)
        for age in ("0-59", "60+")
    }
    counts = {key: sum((case.label, case.attributes["age"]) == key for case in cases) for key in n}

    def odds_ratio(x: dict[tuple[int, str], float] | dict[tuple[int, str], int]) -> float:
        return x[1, "60+"] * x[0, "0-59"] / (x[1, "0-59"] * x[0, "60+"])

    assert odds_ratio(n) == pytest.approx(odds_ratio(counts), rel=1e-4)


def test_a_pair_that_shares_a_part_is_left_alone() -> None:
    codes = [np.array([0, 1, 2, 3, 0]), np.array([0, 1, 0, 1, 1]), np.array([0, 0, 1, 1, 0])]
    cells = tabulate_codes(
        ("race x sex", "sex", "site"), codes, [tuple("abcd"), ("F", "M"), ("1", "2")]
    )
    assert set(Association().limits(cells, 3)) == {(0, 2), (1, 2)}


@pytest.mark.realdata
def test_midrcs_margins_alone_leave_the_association_of_a_prototype(shared_data: Path) -> None:
    cases, target = midrc_pool(shared_data, "CR", "DX"), midrc_target(shared_data)
    columns = {name: [case.attributes[name] for case in cases] for name in target.margins}
    asked = asked_of(tabulate(columns), target)
    found = chances(asked, asked.wanted(300), 300, NO_LIMIT)
    age, race = (asked.cells.attributes.index(name) for name in ("Age Group", "Race"))
    expected = asked.counts * found.probability
    assert v_of(asked.cells, expected, age, race) == pytest.approx(0.056, abs=0.001)


@pytest.mark.realdata
def test_midrcs_smallest_pool_keeps_margins_chances_and_association(shared_data: Path) -> None:
    """CT, 129 patients: all that its tool empties. Pool 0.119; the margins alone bring 0.153.

    Simple random samples of 129 of these 901 have 0.229 on average.
    """
    cases, target = midrc_pool(shared_data, "CT"), midrc_target(shared_data)
    everyone = dict.fromkeys((case.case_id for case in cases), 1.0)
    v = []
    for seed in range(12):
        matched = match(cases, target, 129, seed)
        assert max(abs(m.cohort - m.achievable) * 129 for m in matched.margins) < 1.001
        v.append(weighted_v(matched.cases, everyone))
    assert all(matched.inclusion[c.case_id] > 1e-6 for c in cases if may_occur(c, target))
    assert weighted_v(cases, matched.inclusion) <= weighted_v(cases, everyone) + 0.02
    assert np.mean(v) < 0.19


@pytest.mark.realdata
def test_each_of_midrcs_cells_is_as_often_in_the_cohort_as_expected(shared_data: Path) -> None:
    """All 4,925 adults, 677 patients, 100 seeds: z of the cells' counts has mean 0 and sd 1."""
    cases, target = midrc_pool(shared_data), midrc_target(shared_data)
    columns = {name: [case.attributes[name] for case in cases] for name in target.margins}
    asked = asked_of(tabulate(columns), target)
    n_seeds, counts = 100, asked.counts
    times = np.zeros(len(counts))
    for seed in range(n_seeds):
        found = allocate(asked, 677, np.random.default_rng([seed, 9]))
        times += found.take
        for k, margin in enumerate(found.achievable):
            assert np.abs(found.take @ asked.cells.indicator(k) - margin).max() < 1.001
    expected = counts * found.probability
    part = expected - np.floor(expected + 1e-9)
    free = (part > 1e-6) & (part < 1.0 - 1e-6)
    z = (times - n_seeds * expected)[free] / np.sqrt(n_seeds * part * (1 - part))[free]
    assert abs(z.mean()) < 0.2
    assert 0.8 < z.std() < 1.2
