"""Decisions on made tables of p-values and bounds, and what an undefined part does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from metrics.claims.bounds import outward
from metrics.claims.claim import Bound, Claim, Part, Study
from metrics.claims.procedures import BoundOf, Decided, Verdict, decided, levels_used
from metrics.estimate import UndefinedMetric

ALPHA = 0.025
NAMES = ("auroc", "sens", "spec", "worst")
GOAL = 0.8


@pytest.fixture(scope="module")
def tables(refvals: Path) -> Any:
    return json.loads((refvals / "claims" / "claims.json").read_text())


def part(name: str, goal: float = GOAL) -> Part:
    """A part that ``bound_of`` knows by the level of its group."""
    return Part(figure="auroc", goal=goal, attribute="claim", level=name)


def single(name: str, *after: str) -> Claim:
    return Claim(name=name, parts=(part(name),), after=after)


def printed(bound: float, level: float) -> Bound:
    return Bound(
        figure="auroc",
        value=0.9,
        bound=bound,
        level=level,
        n_cases=100,
        n_positive=50,
        n_patients=100,
        method="made",
    )


def from_p_values(p: Mapping[str, float]) -> BoundOf:
    """A bound that reaches its goal where p is at most the level."""

    def bound_of(part: Part, level: float) -> Bound:
        return printed(GOAL if p[part.level] <= level else GOAL - 0.001, level)

    return bound_of


def met(found: tuple[Decided, ...]) -> dict[str, bool]:
    return {each.claim: each.verdict is Verdict.MET for each in found}


SINGLE = tuple(single(name) for name in NAMES)
BOTH = Claim(name="sens_and_spec", parts=(part("sens"), part("spec")))


def test_tables_of_p_values_are_decided_as_published_procedures_do(tables: Any) -> None:
    for row in tables["e_decisions"]:
        bound_of = from_p_values(row["p"])
        sequence = Study(claims=SINGLE)
        assert met(decided(sequence, bound_of, ALPHA)) == row["fixed_sequence"], row["name"]
        holm = Study(claims=SINGLE, procedure="holm")
        assert met(decided(holm, bound_of, ALPHA)) == row["holm"], row["name"]
        (both,) = decided(Study(claims=(BOTH,)), bound_of, ALPHA)
        assert (both.verdict is Verdict.MET) == row["co_primary_sens_and_spec"], row["name"]
        serial = (
            single("auroc"),
            Claim(name=BOTH.name, parts=BOTH.parts, after=("auroc",)),
            single("worst", "sens_and_spec"),
        )
        for procedure in ("fixed-sequence", "holm"):
            gated = Study(claims=serial, procedure=procedure)
            assert met(decided(gated, bound_of, ALPHA)) == row["serial_gate"], row["name"]


def test_bounds_decide_as_the_p_values_of_the_same_table(tables: Any) -> None:
    table = tables["e_bounds"]
    rows = {row["claim"]: row for row in table["rows"]}
    normal = NormalDist()

    def bound_of(part: Part, level: float) -> Bound:
        row = rows[part.level]
        value, error = row["value"], row["se"]
        odds = value / (1 - value)
        z = normal.inv_cdf(1 - level)
        low = odds * 2.718281828459045 ** (-z * error / (value * (1 - value)))
        return printed(outward(low / (1 + low)), level)

    claims = tuple(Claim(name=name, parts=(part(name, row["goal"]),)) for name, row in rows.items())
    for procedure in ("fixed-sequence", "holm"):
        found = decided(Study(claims=claims, procedure=procedure), bound_of, ALPHA)
        assert met(found) == table[procedure.replace("-", "_")]
    for name, row in rows.items():
        low = bound_of(part(name, row["goal"]), ALPHA).bound
        assert low == pytest.approx(row["low_975"] - 0.0005, abs=0.0005)
    steps = {each.claim: each.level for each in found}
    assert steps == {"auroc": ALPHA / 4, "sens": ALPHA / 3, "spec": ALPHA / 3, "worst": ALPHA / 3}


def test_what_a_sequence_does_not_reach_is_not_tested() -> None:
    p = {"auroc": 0.001, "sens": 0.2, "spec": 0.001, "worst": 0.001}
    found = decided(Study(claims=SINGLE), from_p_values(p), ALPHA)
    assert [each.verdict.value for each in found] == ["met", "not shown", *["not tested"] * 2]
    assert [each.level for each in found] == [ALPHA, ALPHA, None, None]
    assert [len(each.bounds) for each in found] == [1, 1, 0, 0]


def test_a_gate_opens_only_where_all_before_it_was_met() -> None:
    p = {"auroc": 0.001, "sens": 0.026, "spec": 0.001, "worst": 0.001}
    claims = (single("worst", "auroc", "sens"), single("auroc"), single("sens"))
    found = decided(Study(claims=claims, procedure="holm"), from_p_values(p), ALPHA)
    assert [each.verdict.value for each in found] == ["not tested", "met", "not shown"]
    assert [each.level for each in found] == [None, ALPHA / 2, ALPHA]


@pytest.mark.parametrize("procedure", ["fixed-sequence", "holm"])
def test_a_part_without_a_bound_is_not_met_and_keeps_its_reason(procedure: str) -> None:
    reason = UndefinedMetric("insufficient data: 3 positive cases")

    def bound_of(part: Part, level: float) -> Bound | UndefinedMetric:
        return reason if part.level == "spec" else printed(0.9, level)

    claims = (BOTH, single("worst"))
    found = decided(Study(claims=claims, procedure=procedure), bound_of, ALPHA)
    assert found[0].verdict is Verdict.NOT_SHOWN
    assert found[0].bounds[1] is reason
    assert found[1].verdict is (Verdict.MET if procedure == "holm" else Verdict.NOT_TESTED)


@pytest.mark.parametrize(("bound", "verdict"), [(0.8, "met"), (0.801, "not shown")])
def test_an_upper_bound_must_not_exceed_its_goal(bound: float, verdict: str) -> None:
    at_most = Claim(name="a", parts=(Part(figure="auroc", goal=GOAL, upper=True),))

    def bound_of(part: Part, level: float) -> Bound:
        return printed(bound, level)

    (found,) = decided(Study(claims=(at_most,)), bound_of, ALPHA)
    assert found.verdict.value == verdict


def test_every_level_that_was_tested_is_among_those_of_the_study() -> None:
    claims = (*(single(name) for name in NAMES[:3]), single("worst", *NAMES[:3]))
    study = Study(claims=claims, procedure="holm", looks=2, spending="decreasing")
    first = 6 * ALPHA / 3.141592653589793**2
    expected = sorted(first / look / step for look in (1, 4) for step in (1, 2, 3))
    assert levels_used(study) == pytest.approx(expected)
    assert levels_used(Study(claims=SINGLE, looks=5)) == (ALPHA / 5,)
