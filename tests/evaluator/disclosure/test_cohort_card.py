"""The public card of a cohort shows no more than a release would, and no small step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from cohort_selection.cases import Case
from cohort_selection.eligibility.flow_diagram import FlowStep
from evaluator.disclosure.cohort_card import CohortCard, PublicStep, cohort_card, public_flow
from evaluator.disclosure.rule import Disclosure, DisclosureError

FLOW = (
    FlowStep("studies read", 0, 1432, 1198),
    FlowStep("modality CR or DX", 112, 1320, 1103),
    FlowStep("age from 18", 3, 1317, 1101),
    FlowStep("opacity known", 41, 1276, 1062),
)
TARGET = {
    "sex": {"Female": 0.5, "Male": 0.5},
    "age_group": {"75+": 0.2, "under 18": 0.1, "40-74": 0.4, "18-39": 0.3},
}


def cases(ages: Sequence[tuple[str, int]]) -> list[Case]:
    """So many cases of each age, sexes and labels in turn, each of a patient of its own."""
    levels = [age for age, n in ages for _ in range(n)]
    return [
        Case(
            case_id=f"c{place}",
            patient_id=f"p{place}",
            files=(),
            label=place // 2 % 2,
            attributes={"sex": ("Female", "Male")[place % 2], "age_group": age},
        )
        for place, age in enumerate(levels)
    ]


def card(ages: Sequence[tuple[str, int]]) -> CohortCard:
    return cohort_card(
        cases(ages),
        FLOW,
        target=TARGET,
        groups=("sex", "age_group"),
        case_control=False,
        estimand="the target population",
        rule=Disclosure(),
    )


LARGE = (("under 18", 40), ("18-39", 60), ("40-74", 64), ("75+", 36))


def test_counts_and_shares_are_those_of_the_cohort_with_shares_of_rounded_counts() -> None:
    found = card(LARGE)
    assert (found.n_cases, found.n_patients, found.n_positive) == (200, 200, 100)
    shares = {(row.attribute, row.level): (row.target, row.achieved) for row in found.levels}
    assert shares["sex", "Female"] == (0.5, 0.5)
    assert shares["age_group", "40-74"] == (0.4, 0.325)  # 64 is told as 65, of 200
    assert shares["age_group", "75+"] == (0.2, 0.175)  # 36 as 35


def test_ages_rise_whatever_the_order_of_the_file_and_what_is_withheld() -> None:
    rising = ["under 18", "18-39", "40-74", "75+"]
    few = (("under 18", 40), ("18-39", 6), ("40-74", 64), ("75+", 36))
    for ages in (LARGE, few):
        levels = [row.level for row in card(ages).levels if row.attribute == "age_group"]
        assert levels == rising


def test_no_share_of_an_attribute_is_shown_where_a_level_is_small() -> None:
    found = card((("under 18", 40), ("18-39", 6), ("40-74", 64), ("75+", 36)))
    achieved = [(row.attribute, row.achieved) for row in found.levels]
    assert [each for each in achieved if each[0] == "age_group"] == [("age_group", None)] * 4
    assert ("sex", None) not in achieved
    assert '"n_patients": 6' not in found.to_json()


def test_a_level_that_nobody_has_is_shown_as_none() -> None:
    found = card((("18-39", 60), ("40-74", 64), ("75+", 36)))
    assert {row.level: row.achieved for row in found.levels if row.attribute == "age_group"}[
        "under 18"
    ] == 0.0


def test_a_cohort_with_few_positives_hides_their_number() -> None:
    few = [replace(case, label=int(place < 4)) for place, case in enumerate(cases(LARGE))]
    found = cohort_card(
        few,
        FLOW,
        target=TARGET,
        groups=("sex",),
        case_control=False,
        estimand="",
        rule=Disclosure(),
    )
    assert found.n_positive is None
    assert found.levels == ()


def test_rules_that_excluded_few_are_told_with_the_next_and_all_is_rounded() -> None:
    assert public_flow(FLOW, Disclosure()) == (
        PublicStep(("studies read",), 0, 1430, 1200),
        PublicStep(("modality CR or DX",), 110, 1320, 1105),
        PublicStep(("age from 18", "opacity known"), 45, 1275, 1060),
    )


def test_a_last_rule_that_excluded_few_is_told_with_the_one_before() -> None:
    flow = (*FLOW[:2], FlowStep("age from 18", 3, 1317, 1101), FlowStep("a rule", 2, 1315, 1100))
    assert public_flow(flow, Disclosure())[1:] == (
        PublicStep(("modality CR or DX", "age from 18", "a rule"), 115, 1315, 1100),
    )


@pytest.mark.parametrize("step", [1, 5, 20])
def test_no_difference_of_a_flow_tells_a_small_number(step: int) -> None:
    found = public_flow(FLOW, Disclosure(count_step=step))
    for before, after in pairwise(found):
        assert (before.remaining - after.remaining) % 5 == 0
        assert after.excluded >= 10


def test_a_card_is_read_as_it_was_written() -> None:
    found = card(LARGE)
    assert CohortCard.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"flow": 1}', '{"flow": [], "levels": [1]}'])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(DisclosureError, match="a cohort's card cannot be read"):
        CohortCard.from_json(text)
