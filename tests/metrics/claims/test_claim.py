"""Claims that no procedure can decide are refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from metrics.claims.claim import Claim, Part, Study, families, thousandths


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"figure": "ppv", "goal": 0.5}, "figure is 'ppv'"),
        ({"figure": "auroc", "goal": 1.0}, "goal of auroc is 1"),
        ({"figure": "sensitivity", "goal": 0.0}, "goal of sensitivity is 0"),
        ({"figure": "auroc", "goal": 0.8005}, "more than three decimals"),
        ({"figure": "auroc", "goal": 0.8, "margin": 0.05}, "margin is given without"),
        ({"figure": "auroc", "goal": 0.0, "comparator": "a", "margin": 0.0}, "margin is 0"),
        ({"figure": "auroc", "goal": -1.5, "comparator": "a", "margin": 1.5}, "margin is 1.5"),
        ({"figure": "auroc", "goal": 0.05, "comparator": "a"}, "goal of a difference is 0.05"),
        ({"figure": "auroc", "goal": 0.0, "comparator": "a", "upper": True}, "leave 'at_most' out"),
    ],
)
def test_a_part_out_of_its_range_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Part(**keys)


def claim(name: str, *after: str) -> Claim:
    return Claim(name=name, parts=(Part(figure="auroc", goal=0.8),), after=after)


@pytest.mark.parametrize(
    ("procedure", "claims", "said"),
    [
        ("holm", [claim("a"), claim("a")], "two claims are named 'a'"),
        ("holm", [claim("a", "b")], "after 'b', which no claim is named"),
        ("fixed-sequence", [claim("a", "b"), claim("b")], "put 'b' before it"),
        ("holm", [claim("a", "b"), claim("b", "a")], "wait for each other"),
        ("holm", [claim("a"), claim("b"), claim("c", "a")], "name 'b' in its 'after' too"),
        ("hochberg", [claim("a")], "procedure is 'hochberg'"),
        ("holm", [], "no claim"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(
    procedure: str, claims: list[Claim], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Study(claims=tuple(claims), procedure=procedure)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"alpha": 0.0}, "alpha is 0"),
        ({"alpha": 0.5}, "alpha is 0.5"),
        ({"looks": 0}, "0 looks"),
        ({"spending": "x"}, "spending is 'x'"),
    ],
)
def test_levels_and_looks_out_of_range_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Study(claims=(claim("a"),), **keys)


def test_a_claim_has_a_part() -> None:
    with pytest.raises(ValueError, match="has no part"):
        Claim(name="a", parts=())


def names(study: Study) -> list[list[str]]:
    return [[each.name for each in family] for family in families(study)]


def test_families_follow_the_gates_whatever_the_order_of_the_file() -> None:
    claims = (claim("c", "a", "b"), claim("a"), claim("d", "c"), claim("b"))
    assert names(Study(claims=claims, procedure="holm")) == [["a", "b"], ["c"], ["d"]]


def test_a_fixed_sequence_is_the_order_of_the_file() -> None:
    claims = (claim("b"), claim("a", "b"), claim("c"))
    assert names(Study(claims=claims)) == [["b"], ["a"], ["c"]]


def test_goals_count_in_thousandths() -> None:
    assert [thousandths(x) for x in (0.57, 0.85, -0.05, 0.001)] == [570, 850, -50, 1]
