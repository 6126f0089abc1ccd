"""Parts whose counts are tied: what one withholds follows from no other, as an attacker sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from evaluator.disclosure.control import Release, ReleasedPart
from evaluator.disclosure.earlier import Earlier, Shared
from evaluator.scoring.results import OVERALL
from evaluator.scoring.target_population import against_target
from evaluator.tasks.judged import judge
from evaluator.tasks.released import released
from tests.evaluator.tasks.given import (
    FINDINGS,
    PLAN,
    TYPES,
    classes_by_site,
    judged_by,
    rules,
    some_findings,
)

MINIMUM = 10
CLASSES = 3


def shown_of(table: Mapping[str, Sequence[int]], *earlier: Earlier) -> Release:
    given, by = classes_by_site(table), judged_by(TYPES)
    return released(judge(given, by), given, by, rules(*earlier))


def sites_shown(shown: Release | ReleasedPart) -> set[str]:
    """The sites that figures are shown of, and what compares them all."""
    return {r.level for r in shown.results if r.attribute == "site" and " - " not in r.level}


def bounds(shown: Release, sites: Sequence[str]) -> dict[tuple[str, int], tuple[float, float]]:
    """What all parts together bound the cases of each class at each site by.

    Unknown: cases of class c at site s. Told: every part's counts of everyone exactly, those of
    shown sites to the step of rounding, and numbers of cases of sites that keep them.
    """
    column = {pair: i for i, pair in enumerate((s, c) for s in sites for c in range(CLASSES))}
    equal, right, less, most = [], [], [], []

    def row(pairs: Sequence[tuple[str, int]]) -> NDArray[np.float64]:
        found = np.zeros(len(column))
        found[[column[pair] for pair in pairs]] = 1.0
        return found

    def about(pairs: Sequence[tuple[str, int]], count: int) -> None:
        step = shown.rule.count_step
        less.extend([row(pairs), -row(pairs)])
        most.extend([count + (step - 1) // 2, -(count - step // 2)])

    for c, part in enumerate(shown.parts):
        if part.n_positive is not None:
            equal.append(row([(s, c) for s in sites]))
            right.append(part.n_positive)
        for result in part.results:
            if result.attribute == "site" and result.metric == "auroc" and result.level in sites:
                about([(result.level, c)], result.estimate.n_positive)
                about([(result.level, k) for k in range(CLASSES)], result.estimate.n_cases)
        for held in part.withheld:
            if held.attribute == "site" and held.n_cases is not None:
                about([(held.level, k) for k in range(CLASSES)], held.n_cases)
    found = {}
    for pair, place in column.items():
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(column))
            cost[place] = sign
            made = linprog(
                cost,
                A_ub=np.array(less) if less else None,
                b_ub=most or None,
                A_eq=np.array(equal) if equal else None,
                b_eq=right or None,
                bounds=(0, 400),
            )
            assert made.status == 0
            ends.append(sign * made.fun)
        found[pair] = ends[0], ends[1]
    return found


SMALL = {
    "one class at one site": {"A": (60, 40, 30), "B": (50, 30, 40), "C": (45, 25, 3)},
    "two sites, two classes": {
        "A": (60, 40, 30),
        "B": (50, 4, 40),
        "C": (45, 25, 3),
        "D": (30, 30, 30),
    },
    "a class that no site but one has much of": {
        "A": (60, 40, 4),
        "B": (50, 30, 60),
        "C": (45, 25, 12),
    },
}


@pytest.mark.parametrize("table", SMALL.values(), ids=SMALL)
def test_what_one_class_withholds_follows_from_no_other(table: Mapping[str, Sequence[int]]) -> None:
    shown = shown_of(table)
    of_whole = sites_shown(shown)
    small = {(site, c) for site, n in table.items() for c in range(CLASSES) if n[c] < MINIMUM}
    assert small
    for part in shown.parts:
        assert sites_shown(part) == of_whole  # withheld in one, in all
    assert not of_whole & {site for site, _ in small}
    if any(part.n_positive is None for part in shown.parts):
        return  # nothing is told of anyone
    for pair, (low, high) in bounds(shown, list(table)).items():
        if pair in small:
            assert (low <= 1e-6 and high >= MINIMUM) or high - low >= MINIMUM, (pair, low, high)


def test_a_class_that_is_rare_in_all_leaves_nothing_to_show() -> None:
    shown = shown_of({"A": (60, 40, 3), "B": (50, 30, 4)})
    assert not shown.results
    assert shown.n_positive is None
    assert all(not part.results and part.n_positive is None for part in shown.parts)


def test_nothing_more_is_withheld_where_all_classes_are_many() -> None:
    shown = shown_of({"A": (60, 40, 30), "B": (50, 30, 40)})
    assert sites_shown(shown) == {"A", "B"} | ({"max - min"} & sites_shown(shown))
    assert not shown.withheld


def test_a_mean_over_findings_goes_where_one_of_them_is_withheld() -> None:
    given = some_findings(260, 7)
    targets = given.targets.copy()
    at_c = np.flatnonzero(given.attributes["site"] == "C")
    targets[at_c, 2] = 0.0
    targets[at_c[:4], 2] = 1.0
    given.targets[:] = targets
    by = judged_by(FINDINGS)
    full = judge(given, by)
    assert any(r.group == ("site", "C") and r.metric == "macro_auroc" for r in full.results)
    shown = released(full, given, by, rules())
    assert shown.of_part("effusion").find("auroc", "site", "C") is not None
    assert shown.of_part("nodule").find("auroc", "site", "C") is None
    # the mean and two of its three areas would give the third back
    assert shown.find("macro_auroc", "site", "C") is None
    assert shown.find("macro_auroc", *OVERALL) is not None


def test_a_part_is_put_beside_the_same_part_of_another_cohort_by_its_own_label() -> None:
    table = {"A": (60, 40, 30), "B": (50, 30, 40)}
    first = shown_of(table)
    given, by = classes_by_site(table), judged_by(TYPES)
    everybody = frozenset(case.case_id for case in given.cases)
    # all cases but three of one class were in the cohort that the team saw before
    viral = [case.case_id for case in given.cases if case.targets["viral"] == 1.0][:3]
    shared = everybody - set(viral)
    positive = sum(case.label for case in given.cases if case.case_id in shared)
    beside = Earlier(first, Shared(positive, len(shared) - positive, case_ids=frozenset(shared)))
    shown = released(judge(given, by), given, by, rules(beside))
    assert not shown.of_part("viral").results
    assert not shown.results


def test_a_figure_standardised_over_a_level_that_is_small_in_one_part_is_not_shown() -> None:
    # The sites are in the target, and are no groups: their sums are told by no other figure.
    given = classes_by_site({"A": (70, 60, 60), "B": (60, 40, 4)})
    plan = replace(PLAN, subgroups=())
    weights = partial(against_target, margins={"site": {"A": 0.4, "B": 0.6}})
    by = replace(judged_by(TYPES, plan), part_weights=lambda cases: weights(cases.cases))
    full = judge(given, by)
    standardised = "auroc_standardized"
    assert all(
        any(r.metric == standardised for r in part.evaluation.results) for part in full.parts
    )
    shown = released(full, given, by, rules())
    assert shown.of_part("bacterial").find(standardised) is not None
    # 4 viral cases at site B: the plain area and this one would give both sites' away.
    assert shown.of_part("viral").find(standardised) is None
    assert shown.of_part("viral").find("auroc") is not None
