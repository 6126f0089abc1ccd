"""A further draw: patients who were never drawn come first, and no more others than asked."""

from __future__ import annotations

import pytest

from cohort_selection.cases import Case
from cohort_selection.matching.draw import MatchingError
from cohort_selection.matching.next_draw import draw_next
from cohort_selection.matching.target import Target

HALVES = Target({"sex": {"Female": 0.5, "Male": 0.5}})


def pool(women: int, men: int) -> list[Case]:
    sexes = ["Female"] * women + ["Male"] * men
    return [Case(f"c{i}", f"p{i}", (), i % 2, {"sex": sex}) for i, sex in enumerate(sexes)]


def patients(cases: object) -> set[str]:
    return {case.patient_id for case in cases}  # type: ignore[attr-defined]


def test_a_pool_with_enough_fresh_patients_shares_none() -> None:
    cases = pool(100, 100)
    read = {f"p{i}": 3 for i in [*range(40), *range(100, 140)]}
    found = draw_next(cases, read, HALVES, 60, 5)
    assert (len(patients(found.matched.cases)), found.n_shared) == (60, 0)
    assert not patients(found.matched.cases) & read.keys()
    assert draw_next(cases[::-1], read, HALVES, 60, 5).matched.cases == found.matched.cases


def test_no_more_are_shared_than_the_pool_needs_and_the_least_read_come_first() -> None:
    # 10 men were never drawn and 30 are wanted: at least 20 of the 40 read ones, of 90 read in all
    cases = pool(100, 50)
    read = {f"p{i}": 9 for i in range(50)} | {f"p{i}": 1 for i in range(100, 140)}
    found = draw_next(cases, read, HALVES, 60, 5)
    shared = patients(found.matched.cases) & read.keys()
    assert found.n_shared == len(shared)
    men = [case for case in found.matched.cases if case.attributes["sex"] == "Male"]
    assert len(men) == 30
    assert 20 <= found.n_shared <= 30
    assert all(read[patient] == 1 for patient in shared)


def test_a_declared_share_is_the_most() -> None:
    cases = pool(100, 100)
    read = {f"p{i}": 1 for i in [*range(60), *range(100, 160)]}
    found = draw_next(cases, read, HALVES, 60, 5, share=0.25)
    assert 0 < found.n_shared <= 15
    with pytest.raises(MatchingError, match=r"the overlap is 1\.5; give a share of the cohort"):
        draw_next(cases, read, HALVES, 60, 5, share=1.5)
    with pytest.raises(MatchingError):
        draw_next(cases, {case.patient_id: 1 for case in cases[10:]}, HALVES, 60, 5, share=0.0)
