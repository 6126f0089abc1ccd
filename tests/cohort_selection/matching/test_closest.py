"""What a draw comes to where the target cannot be met: shared out, told and named as it is."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from cohort_selection.cases import Case
from cohort_selection.matching.draw import Matched, MatchingError, match
from cohort_selection.matching.feasibility import prospect
from cohort_selection.matching.shortage import would_help
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from tests.support.pools import HALF, margins_of, pool, small

RACES = {"White": 0.60, "Black": 0.20, "Asian": 0.15, "Native": 0.05}


def of_races(*counts: int) -> list[Case]:
    races = [race for race, n in zip(RACES, counts, strict=False) for _ in range(n)]
    return [
        Case(f"s{i}", f"p{i}", (), i % 2, {"race": race, "sex": ("Female", "Male")[i // 2 % 2]})
        for i, race in enumerate(races)
    ]


def reached(matched: Matched, attribute: str) -> dict[str, float]:
    return {m.level: m.achievable for m in matched.margins if m.attribute == attribute}


def test_the_share_of_a_level_that_nobody_has_goes_to_all_others_in_proportion() -> None:
    """60, 20 and 15 of 95 are 63.2, 21.1 and 15.8 %: of 100 patients 63, 21 and 16."""
    matched = match(of_races(400, 200, 200), Target({"race": RACES}), 100, seed=1)
    assert margins_of(matched, "race") == {"White": 63, "Black": 21, "Asian": 16, "Native": 0}
    many = match(of_races(4000, 2000, 2000), Target({"race": RACES}), 1900, seed=1)
    assert margins_of(many, "race") == {"White": 1200, "Black": 400, "Asian": 300, "Native": 0}


def test_a_level_with_too_few_is_shared_out_beside_another_attribute_that_is_met() -> None:
    """15 Asian patients of the 30 wanted of 200: 15 more are shared 120 : 40 : 10."""
    target = Target({"race": RACES, "sex": {"Female": 0.5, "Male": 0.5}})
    matched = match(of_races(400, 200, 15, 60), target, 200, seed=3, tolerance=0.1)
    expected = {"White": 130.6, "Black": 43.5, "Asian": 15.0, "Native": 10.9}
    for level, share in reached(matched, "race").items():
        assert share * 200 == pytest.approx(expected[level], abs=0.6)
    assert margins_of(matched, "sex") == {"Female": 100, "Male": 100}


def test_where_another_level_has_no_room_the_rest_takes_it() -> None:
    """Nobody is Native and just 61 are White: of the 5, 1 goes there, 4 are shared 20 : 15."""
    matched = match(of_races(61, 200, 200), Target({"race": RACES}), 100, seed=1)
    found = margins_of(matched, "race")
    assert found["White"] == 61
    assert found["Black"] - 20 == pytest.approx(4 * 20 / 35, abs=1.0)
    assert found["Asian"] - 15 == pytest.approx(4 * 15 / 35, abs=1.0)


def named(refusal: str) -> float:
    found = re.search(r"or allow (\d\.\d+)", refusal)
    assert found, refusal
    return float(found[1])


def test_the_tolerance_that_a_refusal_names_is_the_smallest_that_draws() -> None:
    """39 positives where 50 of 100 are wanted: 11 off, one of them the rounding to whole ones."""
    cases = [
        Case(f"s{i}", f"p{i}", (), int(i < 39), {"sex": ("Female", "Male")[i % 2]})
        for i in range(400)
    ]
    with pytest.raises(MatchingError, match="takes 50 patients and the pool has 39") as refused:
        match(cases, HALF, 100, seed=1)
    assert named(str(refused.value)) == 0.1
    assert len(match(cases, HALF, 100, seed=1, tolerance=0.1).cases) == 100
    with pytest.raises(MatchingError):
        match(cases, HALF, 100, seed=1, tolerance=0.099)


@pytest.mark.parametrize("problem", range(6))
def test_any_refusal_names_what_draws_and_nothing_larger(problem: int) -> None:
    """Random pools and targets, one tolerance for all or one for each margin."""
    rng = np.random.default_rng([11, problem])
    n = int(rng.integers(60, 300))
    sizes = [int(rng.integers(2, 5)) for _ in range(2)]
    columns = [rng.choice(size, n, p=rng.dirichlet(np.full(size, 0.7))) for size in sizes]
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
    target = Target({**margins, "label": {"0": 0.5, "1": 0.5}})
    size = int(rng.integers(7 * n // 10, 9 * n // 10))
    asked = Tolerance(0.01, {"a0": 0.03} if problem % 2 else {})
    with pytest.raises(MatchingError) as refused:
        match(cases, target, size, 0, tolerance=asked)
    least = named(str(refused.value))

    def allowed(share: float) -> Tolerance:
        return Tolerance(0.0, {name: max(asked.of(name), share) for name in target.margins})

    assert len(match(cases, target, size, 0, tolerance=allowed(least)).cases) == size
    with pytest.raises(MatchingError):
        match(cases, target, size, 0, tolerance=allowed(least - 0.001))


def test_a_refusal_names_the_margins_that_need_more() -> None:
    cases = [
        Case(f"s{i}", f"p{i}", (), int(i < 30), {"sex": ("Female", "Male")[i % 2]})
        for i in range(300)
    ]
    with pytest.raises(MatchingError, match=r"or allow 0\.19 for label; what would help"):
        match(cases, HALF, 100, 0, tolerance=Tolerance(0.05, {"sex": 0.5}))


def test_a_level_that_nobody_has_is_refused_with_what_to_allow() -> None:
    with pytest.raises(MatchingError, match=r"levels are Asian, Black, White; .* or allow 0\.04$"):
        match(of_races(400, 200, 200), Target({"race": RACES}), 100, 0, tolerance=0.01)


def test_patients_left_out_for_want_of_a_share_are_counted() -> None:
    """30 not reported and 8 of another race: 38 of 838, some of them twice."""
    cases = of_races(400, 200, 200)
    cases += [
        Case(f"n{i}", f"q{i}", (), i % 2, {
            "race": "Not Reported" if i < 30 else "Other", "sex": "Unknown" if i < 5 else "Female"
        })
        for i in range(38)
    ]  # fmt: skip
    three = {"White": 0.6, "Black": 0.2, "Asian": 0.2}
    target = Target({"race": three, "sex": {"Female": 0.5, "Male": 0.5}})
    said = (
        "38 of the pool's 838 patients could not be drawn: the target gives their level no share "
        "(race Not Reported 30, race Other 8, sex Unknown 5)"
    )
    assert said in match(cases, target, 100, 0).notes
    assert said in prospect(cases, target, 100, 0, tolerance=Tolerance()).notes
    without = match(of_races(400, 200, 200), target, 100, 0).notes
    assert not any("could not be drawn" in note for note in without)


def test_nobody_helps_where_nobody_is_lacking() -> None:
    assert would_help(small((9, 9, 9, 9), Tolerance(), Minimum()), 20) == ()


def test_margins_of_whole_patients_stay_where_the_target_can_be_met() -> None:
    matched = match(pool(600), HALF, 101, 0)
    assert Counter(m.n_cohort for m in matched.margins) == {50: 2, 51: 2}
    assert matched.binding == ()
