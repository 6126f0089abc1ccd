"""How many cases would show it: by exact power, and by the sizes that simulated DeLong needs."""

from __future__ import annotations

import re

import pytest
from scipy.stats import binom

from evaluator.claims.needed import needed
from tests.support.verdicts import judged


def of(figure: str, goal: float, value: float, found: float, **more: object) -> str:
    made = judged(figure, goal, value, found, at=0.025, **more)  # type: ignore[arg-type]
    assert made.bound is not None
    return needed(made.part, made.bound)


def number(told: str) -> int:
    return int(re.sub(r"\D", "", told.split(" would")[0].split("positives")[0]))


def test_a_proportions_number_has_the_power_and_every_larger_one_too() -> None:
    """At a goal of 0.85 and a truth of 0.90, by the binomial and Clopper and Pearson's test."""
    told = of("sensitivity", 0.85, 0.9, 0.81)
    assert "positives would show it with power 0.8 if the truth is 0.900" in told

    def has(n: int) -> bool:
        hits = next(k for k in range(n + 2) if binom.sf(k - 1, n, 0.85) <= 0.025)
        return bool(binom.sf(hits - 1, n, 0.9) >= 0.8)

    n = number(told)
    assert not has(n - 1)
    assert all(has(each) for each in range(n, n + 60))


@pytest.mark.parametrize(
    ("auroc", "goal", "ratio", "expected"), [(0.85, 0.8, 1, 265), (0.9, 0.85, 4, 118)]
)
def test_an_aurocs_number_is_near_that_of_simulated_delong(
    auroc: float, goal: float, ratio: int, expected: int
) -> None:
    """Sizes at which 0.8 of 10,000 simulated studies with equal spread have the logit bound."""
    cases = 100 * (1 + ratio)
    told = of("auroc", goal, auroc, goal - 0.02, positive=100, cases=cases)
    assert f"with {ratio} negatives for each" in told
    assert told.startswith("about ")
    assert number(told) == pytest.approx(expected, rel=0.1)


def test_what_lies_beyond_the_goal_on_the_wrong_side_is_never_shown() -> None:
    told = of("auroc", 0.9, 0.85, 0.8)
    assert told == "no number of cases would show it if the truth is 0.850"
    assert "more than 100,000 positives" in of("sensitivity", 0.85, 0.8501, 0.8)


def test_nothing_is_said_of_pairs_and_of_clustered_cases() -> None:
    assert of("auroc", -0.05, 0.0, -0.06, comparator="reader", margin=0.05) == ""
    assert of("sensitivity", 0.85, 0.9, 0.84, patients=300) == ""
