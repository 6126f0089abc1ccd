"""Exact power of rates and of paired rates, over the saw-tooth.

Expected numbers are sums over the binomial and the trinomial, made apart from this code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from metrics.arrays import Floats, Ints
from metrics.claims.bounds import bound
from metrics.claims.claim import CaseData, Claim, Part, Study, reaches
from metrics.planning import exact, paired_shares, proportions, sizes
from metrics.planning.joint import nominal
from metrics.planning.saw_tooth import first_always
from metrics.planning.truth import PlannedCohort, Shape, Stratum, Truth

LEVEL = 0.025
Power = Callable[[Ints, float, float, float], Floats]


@pytest.fixture(scope="module")
def known(refvals: Path) -> Any:
    return json.loads((refvals / "claims" / "claims.json").read_text())


def rate(figure: str, goal: float, **more: Any) -> Part:
    return Part(figure=figure, goal=goal, **more)


def study(*parts: Part, **more: Any) -> Study:
    return Study(claims=(Claim(name="claim", parts=parts),), **more)


def truths(*values: Truth) -> dict[tuple[str, int], Truth]:
    return {("claim", place): value for place, value in enumerate(values)}


def wilson_power(n: Ints, goal: float, true: float, level: float) -> Floats:
    """Chance that Wilson's bound reaches the goal: from n g + z sqrt(n g (1 - g)) hits on."""
    least = n * goal + NormalDist().inv_cdf(1.0 - level) * np.sqrt(n * goal * (1.0 - goal))
    return np.asarray(binom.sf(np.ceil(least - 1e-9) - 1, n, true))


def test_one_rate_needs_the_reference_number_to_the_case(known: Any) -> None:
    """Wilson's rows test the figure, Clopper-Pearson's the verdict."""
    for row in known["b_single_proportion"][::2]:
        power = wilson_power if row["rule"] == "wilson" else proportions.power

        def of_sizes(n: Ints, row: Any = row, power: Power = power) -> Floats:
            return power(n, row["goal"], row["true"], LEVEL)

        found = first_always(of_sizes, row["power_wanted"], least_looked=1500)
        assert found is not None
        assert found.n == row["n_always"], row
        assert found.power == pytest.approx(row["power_at_always"], abs=1e-6)
        (below,) = power(np.array([found.n - 1]), row["goal"], row["true"], LEVEL)
        assert below == pytest.approx(row["power_one_below_always"], abs=1e-6)
        (error,) = power(np.array([found.n]), row["goal"], row["goal"], LEVEL)
        assert error == pytest.approx(row["type1_at_always"], abs=1e-6)


def test_co_primary_rates_need_the_reference_number_to_the_case(known: Any) -> None:
    for row in known["c_co_primary"]:
        if row["rule"] == "wilson":
            continue
        both = study(rate("sensitivity", row["se_goal"]), rate("specificity", row["sp_goal"]))
        found = sizes.for_claim(
            both,
            both.claims[0],
            truths(Truth(value=row["se_true"]), Truth(value=row["sp_true"])),
            Shape(ratio=row["negatives_per_positive"]),
            powers=(0.8,),
        )[0.8]
        assert found is not None
        assert (found.positives, found.negatives) == (row["positives_always"], row["negatives"])
        assert found.power == pytest.approx(row["power"], abs=1e-6)
        assert found.error == 0.0


def test_positives_that_are_left_to_chance(known: Any) -> None:
    for row in known["c_positives_left_to_chance"]:

        def of(goal: str, true: str, row: Any = row) -> proportions.OfCounts:
            return lambda n: wilson_power(n, row[goal], row[true], LEVEL)

        power = proportions.left_to_chance(
            row["N"], row["prevalence"], of("se_goal", "se_true"), of("sp_goal", "sp_true")
        )
        assert power == pytest.approx(row["power_positives_left_to_chance"], abs=1e-6)


def test_paired_rates_need_the_reference_number_to_the_case(known: Any) -> None:
    for row in known["d_tango_exact"][:2]:
        part = rate("sensitivity", -row["margin"], margin=row["margin"], comparator="reader")
        paired = study(part)
        truth = Truth(value=0.85, discordance=row["discordant"])
        found = sizes.for_claim(paired, paired.claims[0], truths(truth), Shape(), powers=(0.8,))[
            0.8
        ]
        assert found is not None
        assert found.positives == row["n_always"]
        assert found.power == pytest.approx(row["power"], abs=1e-5)
        error = paired_shares.power(
            [found.positives],
            -row["margin"],
            row["type1_at_margin_only_A"],
            row["type1_at_margin_only_B"],
            LEVEL,
        )
        assert error[0] == pytest.approx(row["type1"], abs=1e-5)


def test_the_tooth_is_looked_over() -> None:
    """By hand: sizes 1 to 7 have 0, 0, 1, 0, 1, 1, 1; from 5 on every larger one has it."""
    has = np.array([0.0, 0, 0, 1, 0, 1, 1, 1])
    found = first_always(lambda n: has[np.minimum(n, 7)], 0.8)
    assert found is not None
    assert found.n == 5
    assert found.looked_to > 100
    assert first_always(lambda n: np.zeros(n.size), 0.8) is None


@pytest.mark.parametrize("upper", [False, True])
def test_the_printed_bound_decides_as_the_plan_says(upper: bool) -> None:
    """Every number of hits among 12, 37 and 113 cases through the bound that is released."""
    part = rate("sensitivity", 0.3 if upper else 0.8, upper=upper, threshold=0.5)
    for n in (12, 37, 113):
        met = []
        for hits in range(n + 1):
            scores = np.repeat([1.0, 0.0], [hits, n - hits])
            data = CaseData(labels=np.ones(n, dtype=bool), scores=scores)
            met.append(reaches(part, bound(part, data, LEVEL)))
        true = 0.2 if upper else 0.9
        expected = float(binom.pmf(np.arange(n + 1), n, true) @ np.array(met))
        (power,) = proportions.power([n], part.goal, true, LEVEL, upper=upper)
        assert power == pytest.approx(expected, abs=1e-12)


def test_the_bound_of_pairs_decides_as_the_plan_says() -> None:
    """All outcomes of 40 pairs through the bound that is released, weighed by their chance."""
    n, alone, other = 40, 0.12, 0.05
    part = rate("sensitivity", -0.1, margin=0.1, comparator="reader", threshold=0.5)
    power = 0.0
    for apart in range(n + 1):
        for first in range(apart + 1):
            ours = np.repeat([1.0, 0.0, 1.0], [first, apart - first, n - apart])
            theirs = np.repeat([0.0, 1.0, 1.0], [first, apart - first, n - apart])
            data = CaseData(labels=np.ones(n, dtype=bool), scores=ours, comparator=theirs)
            chance = binom.pmf(apart, n, alone + other) * binom.pmf(
                first, apart, alone / (alone + other)
            )
            if chance > 1e-9 and reaches(part, bound(part, data, LEVEL)):
                power += float(chance)
    (planned,) = paired_shares.power([n], -0.1, alone, other, LEVEL)
    assert planned == pytest.approx(power, abs=1e-6)


def test_disjoint_groups_multiply() -> None:
    groups = [("race", "A"), ("race", "B")]
    parts = tuple(rate("sensitivity", 0.7, attribute=a, level=b) for a, b in groups)
    each = study(*parts)
    cohort = PlannedCohort(
        strata=tuple(Stratum(positives=60, negatives=9, groups=frozenset([g])) for g in groups)
    )
    given = truths(Truth(value=0.85), Truth(value=0.85))
    one = float(proportions.power([60], 0.7, 0.85, LEVEL)[0])
    assert exact.is_exact(each.claims[0], cohort)
    assert exact.of_cohort(each.claims[0], given, cohort, LEVEL, nominal) == pytest.approx(one**2)
    whole = study(parts[0], rate("sensitivity", 0.7))
    assert not exact.is_exact(whole.claims[0], cohort)


def test_impossible_pairs_are_refused() -> None:
    part = rate("sensitivity", -0.05, margin=0.05, comparator="reader")
    with pytest.raises(ValueError, match=r"give one from 0\.1 to"):
        Truth(value=0.85, difference=0.1, discordance=0.05).refuse_impossible(part)


def test_sizes_left_to_chance_have_the_power_and_one_less_lacks_it() -> None:
    """Summed here over the binomial number of positives, without leaving any out."""
    claim = study(rate("sensitivity", 0.75))
    shape = Shape(ratio=4.0, sampled=True)
    given = truths(Truth(value=0.92))
    found = sizes.for_claim(claim, claim.claims[0], given, shape, powers=(0.8,))[0.8]
    assert found is not None

    def by_hand(positives: int) -> float:
        cases = 5 * positives
        counts = np.arange(cases + 1)
        shown = proportions.power(counts, 0.75, 0.92, LEVEL)
        return float(binom.pmf(counts, cases, 0.2) @ shown)

    assert by_hand(found.positives) == pytest.approx(found.power, abs=1e-9)
    assert found.power >= 0.8 > by_hand(found.positives - 1)


def test_a_rate_of_a_group_without_cases_of_the_other_class_is_planned() -> None:
    """113 is the first number from which every larger one has the power, by exact sums."""
    part = Part(figure="sensitivity", goal=0.8, attribute="stage", level="early")
    claim = Claim(name="early", parts=(part,))
    shape = Shape(
        positives=(1.0, 0.0),
        negatives=(0.0, 1.0),
        groups=(frozenset({("stage", "early")}), frozenset({("stage", "none")})),
    )
    truths = {("early", 0): Truth(value=0.9)}
    found = sizes.for_claim(Study(claims=(claim,)), claim, truths, shape)[0.8]
    assert found is not None
    assert found.positives == 113
