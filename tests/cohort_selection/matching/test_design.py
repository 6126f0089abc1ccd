"""Tolerances for each margin, minima for each subgroup, cases balanced with controls."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Case
from cohort_selection.matching.achievable import largest, smallest
from cohort_selection.matching.draw import MatchingError, match
from cohort_selection.matching.estimand import Estimand
from cohort_selection.matching.feasibility import PlannedGap, prospect
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.plan.cohort_plan import read_cohort_plan
from cohort_selection.plan.target_tables import read_wide
from tests.support.planned_widths import share_within
from tests.support.pools import LABEL, SEX, pool, small


@pytest.mark.parametrize("seed", range(30))
def test_the_bounds_hold_every_cohort_of_a_small_pool(seed: int) -> None:
    """Each of the at most 7^4 cohorts is tried: none within what was asked is out of the bounds."""
    rng = np.random.default_rng(seed)
    counts = tuple(int(n) for n in rng.integers(1, 7, 4))
    sex, label = (float(x) for x in rng.choice([0.0, 0.05, 0.1, 0.3], 2))
    minimum = Minimum(("sex",), int(rng.integers(0, 4)), int(rng.integers(0, 3)))
    asked = small(counts, Tolerance(label, {"sex": sex}), minimum)  # type: ignore[arg-type]
    sizes = []
    for f0, f1, m0, m1 in product(*(range(n + 1) for n in counts)):
        n = f0 + f1 + m0 + m1
        if (
            n
            and abs((f0 + f1) / n - 0.5) <= sex + 1e-9
            and abs((f1 + m1) / n - 0.5) <= label + 1e-9
            and min(f0 + f1, m0 + m1) >= minimum.cases
            and min(f0, f1, m0, m1) >= minimum.per_class
        ):
            sizes.append(n)
    if sizes:
        assert largest(asked).bound >= max(sizes)
        assert (smallest(asked) or 0) <= min(sizes)
        # No looser than rounding to whole patients can make it: four cells, under one each.
        assert largest(asked).bound <= max(sizes) + 4
    else:
        assert largest(asked).bound <= 4


def test_each_margin_keeps_its_own_tolerance() -> None:
    """40 positives: a share of 30 % of the cohort lets it grow beyond the 81 that 49 % allow."""
    target = Target({"sex": SEX, "label": LABEL})
    cases = [
        Case(f"s{i}", f"p{i}", (), int(i < 40), {"sex": "Male" if i < 60 else "Female"})
        for i in range(200)
    ]
    for tight, loose in (("sex", "label"), ("label", "sex")):
        found = match(cases, target, 0, 1, tolerance=Tolerance(0.2, {tight: 0.01}))
        off = {
            name: max(abs(m.cohort - m.target) for m in found.margins if m.attribute == name)
            for name in ("sex", "label")
        }
        assert off[tight] <= 0.01 + 1e-9
        assert off[loose] <= 0.2 + 1e-9
        assert (len(found.cases) > 81) == (loose == "label")


def test_every_level_has_its_minimum_in_every_draw() -> None:
    """Asian patients are a tenth of the pool and would be about 8 of 80, 2 of them positive."""
    target = Target({"sex": SEX, "label": {"0": 0.7, "1": 0.3}})
    minimum = Minimum(("race",), cases=18, per_class=6)
    without = match(pool(900), target, 80, 0)
    assert sum(case.attributes["race"] == "Asian" for case in without.cases) < 18
    for seed in range(40):
        drawn = match(pool(900), target, 80, seed, minimum=minimum).cases
        counts = Counter((case.attributes["race"], case.label) for case in drawn)
        for race in ("White", "Black", "Asian"):
            assert counts[race, 0] + counts[race, 1] >= 18
            assert min(counts[race, 0], counts[race, 1]) >= 6
        sexes = Counter(case.attributes["sex"] for case in drawn)
        assert abs(sexes["Female"] - 40) <= 1


def test_chances_stay_as_recorded_where_a_minimum_binds() -> None:
    cases, n_seeds = pool(200), 300
    target = Target({"label": {"0": 0.7, "1": 0.3}})
    minimum = Minimum(("race",), cases=12, per_class=4, exempt=("White",))
    times: Counter[str] = Counter()
    for seed in range(n_seeds):
        matched = match(cases, target, 60, seed, minimum=minimum)
        times.update(case.case_id for case in matched.cases)
    chance = np.array([matched.inclusion[case.case_id] for case in cases])
    count = np.array([times[case.case_id] for case in cases])
    open_ = (chance > 1e-9) & (chance < 1 - 1e-9)
    spread = np.sqrt(n_seeds * chance[open_] * (1 - chance[open_]))
    z = (count[open_] - n_seeds * chance[open_]) / spread
    assert abs(z.mean()) < 0.15
    assert 0.8 < z.std() < 1.2


def test_a_minimum_out_of_reach_names_the_level_and_what_it_lacks() -> None:
    target = Target({"sex": SEX, "label": LABEL})
    cases = pool(600)
    asian = [case for case in cases if case.attributes["race"] == "Asian"]
    positive = sum(case.label for case in asian)
    with pytest.raises(
        MatchingError,
        match=rf"race Asian: positives needed 50, within reach {positive}, in the pool {positive}",
    ):
        match(cases, target, 200, 0, minimum=Minimum(("race",), per_class=50))
    # 4 levels of at least 40 need 160 patients; with half of them male that is also enough.
    with pytest.raises(MatchingError, match=r"all are met from a size of 80 on"):
        match(cases, target, 60, 0, minimum=Minimum(("sex",), cases=40))


def test_a_planned_minimum_gives_the_precision_that_was_asked_for() -> None:
    """The interval of a drawn cohort is as narrow in four of five studies."""
    minimum = Minimum(("sex",), auroc=0.85, half_width=0.08)
    target = Target({"label": {"0": 0.6, "1": 0.4}})
    cases = match(pool(2000), target, 500, 3, minimum=minimum).cases
    for sex in SEX:
        counts = Counter(case.label for case in cases if case.attributes["sex"] == sex)
        assert share_within(0.85, counts[1], counts[0], 0.08, runs=200) >= 0.72


def test_the_prospect_draws_nobody_and_agrees_with_the_draw() -> None:
    target = Target({"sex": SEX, "label": LABEL})
    cases = pool(600)
    told = prospect(cases, target, 100, 4, subgroups=["race"], tolerance=Tolerance())
    drawn = match(cases, target, 100, 4)
    assert told.refusal == ""
    assert [m.n_cohort for m in told.margins] == [m.n_cohort for m in drawn.margins]
    everybody, *races = told.subgroups
    assert everybody.name == "all patients"
    assert (everybody.positives, everybody.negatives) == pytest.approx((50, 50), abs=1e-3)
    expected = sum(group.positives + group.negatives for group in races)
    assert expected == pytest.approx(100, abs=1e-3)
    far = prospect(cases, target, 500, 4, tolerance=Tolerance())
    assert "label 1 takes 250" in far.refusal
    assert any("label 1" in sentence for sentence in far.helped)


def test_a_declared_gap_is_planned_on_the_levels_that_are_expected() -> None:
    target = Target({"sex": SEX, "label": LABEL})
    cases = pool(600)
    gaps = [
        PlannedGap("sensitivity", "sex", 0.025, 0.8),
        PlannedGap("auroc", "race", 0.025, 0.85),
        PlannedGap("calibration_slope", "sex", 0.025, None),
        PlannedGap("sensitivity", "race x sex", 0.025, 0.8),
    ]
    told = prospect(
        cases, target, 100, 4, subgroups=["race", "sex"], tolerance=Tolerance(), gaps=gaps
    )
    by_sex, by_race, slope, joined = told.gaps
    groups = {group.name: group for group in told.subgroups}
    for level in by_sex.levels:
        assert level.positives == groups[f"sex {level.level}"].positives
        assert level.difference is not None
        assert 0.2 < level.difference < 0.6
    assert {level.level for level in by_race.levels} == {
        name.removeprefix("race ") for name in groups if name.startswith("race ")
    }
    for level in by_race.levels:
        if min(level.positives, level.negatives) < 10:
            assert (level.difference, level.reason) == (None, "insufficient data")
    assert all("spread of the predictions" in level.reason for level in slope.levels)
    men = [level.positives for level in joined.levels if level.level.endswith(" x Male")]
    assert sum(men) == pytest.approx(groups["sex Male"].positives)


def test_what_would_help_is_told_of_the_cases_that_the_draw_would_use() -> None:
    """Each patient has a positive and a negative case: about half are drawn as positives."""
    cases = [
        Case(f"s{i}-{label}", f"p{i}", (), label, {"sex": "Female"})
        for i in range(100)
        for label in (0, 1)
    ]
    target = Target({"label": {"0": 0.01, "1": 0.99}})
    with pytest.raises(MatchingError) as refused:
        match(cases, target, 90, 0)
    helped = int(str(refused.value).split("what would help: ")[1].split(" ")[0])
    assert 25 <= helped <= 55


def table(**keys: object) -> dict[str, object]:
    return {
        "label": "opacity",
        "target": {"sex": dict(SEX), "label": dict(LABEL)},
        **keys,
    }


def test_case_control_ties_every_attribute_of_the_target(tmp_path: Path) -> None:
    plan = read_cohort_plan(table(balance="case-control"), tmp_path / "b.toml")
    assert set(plan.drawn_target.margins) == {"label x sex"}
    assert plan.drawn_target.margins["label x sex"]["1 x Female"] == pytest.approx(0.25)
    drawn = match(pool(600), plan.drawn_target, 120, 2).cases
    counts = Counter((case.label, case.attributes["sex"]) for case in drawn)
    assert set(counts.values()) == {30}


def test_the_plan_says_which_population_its_figures_are_of(tmp_path: Path) -> None:
    said = "the figures need not be those of the target population: positives and negatives were"
    tied = read_cohort_plan(table(balance="case-control"), tmp_path / "b.toml")
    assert tied.estimand is Estimand.CASE_CONTROL
    assert any(note.startswith(said) for note in match(pool(600), tied.drawn_target, 60, 2).notes)
    met = read_cohort_plan(table(), tmp_path / "b.toml")
    assert met.estimand == "target"
    assert match(pool(600), met.drawn_target, 60, 2).notes == ()
    assert read_cohort_plan({"label": "opacity"}, tmp_path / "b.toml").estimand == "pool"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"balance": "controls"}, r"\[cohort\] balance is 'controls'; give \"case-control\""),
        (
            {"balance": "case-control", "target": {"sex": dict(SEX)}},
            r"the target has sex; give \[cohort\.target\.label\]",
        ),
        ({"tolerance": {"race": 0.1}}, r"\[cohort\.tolerance\] has 'race', which has no shares"),
        ({"tolerance": {"sex": 3}}, r"\[cohort\] tolerance is \{'sex': 3\}; give the largest dev"),
        ({"minimum": {"cases": 5}}, r"\[cohort\] minimum has no attributes; give those whose"),
        ({"minimum": {"attributes": ["sex"]}}, r"at least one of cases, per_class, or auroc"),
        (
            {"minimum": {"attributes": ["sex"], "size": 1}},
            r"\[cohort\.minimum\] has 'size', which is no key; its keys are att",
        ),
        (
            {"minimum": {"attributes": ["sex"], "auroc": 0.8}},
            r"\[cohort\] minimum cannot be met: an AUROC of 0\.8 \+- 0\.0.*give",
        ),
        (
            {"minimum": {"attributes": ["race"], "cases": 5}},
            r"minimum names 'race', which is neither label nor",
        ),
        ({"target_file": 3}, r"target_file is 3; give the name of a CSV"),
        ({"target_file": "none.csv"}, r"no target table .*none\.csv"),
    ],
)
def test_a_wrong_key_is_refused_in_one_sentence(
    tmp_path: Path, keys: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_cohort_plan(table(**keys), tmp_path / "b.toml")


def test_shares_come_from_a_table_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "pop.csv").write_text(
        "attribute,level,share\nage_group,0-39,0.25\nage_group,40+,0.75\n"
    )
    plan = read_cohort_plan(table(target_file="pop.csv"), tmp_path / "b.toml")
    assert plan.target.margins["age_group"] == {"0-39": 0.25, "40+": 0.75}
    (tmp_path / "pop.csv").write_text("attribute,level,share\nsex,Female,0.5\nsex,Male,0.5\n")
    with pytest.raises(ValueError, match="the target of sex stands in"):
        read_cohort_plan(table(target_file="pop.csv"), tmp_path / "b.toml")


@pytest.mark.realdata
def test_the_census_and_the_cdc_s_tables_are_read_as_published(shared_data: Path) -> None:
    folder = shared_data / "demographics"
    census = read_wide(folder / "us_census_sex.csv", "sex").margins["sex"]
    assert census == {"Female": 0.5075, "Male": 0.4925, "Not Reported": 0.0}
    ages = read_wide(folder / "us_census_age_at_index.csv", "age_group").margins["age_group"]
    assert ages["18-29"] == pytest.approx(16.4 / 100.2)
    assert "85+" in ages
    cdc = read_wide(folder / "cdc_covid_cases_cumulative_sex.csv", "sex").margins["sex"]
    line = (folder / "cdc_covid_cases_cumulative_sex.csv").read_text().splitlines()[-1].split(",")
    counts = [float(text) for text in line[1:4]]
    assert list(cdc.values()) == pytest.approx([count / sum(counts) for count in counts])
