"""What of a verdict may leave: no bound of a hidden group, no count finer than elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluator.claims.verdict import MET_BEFORE, NEVER_MET, StudyVerdict
from evaluator.disclosure.control import Release, Withheld
from evaluator.feedback.claims_shown import shown
from evaluator.feedback.met_cases import EVERY_CASE, figures
from evaluator.tasks.scored_cases import ScoredCases
from metrics.claims.procedures import Verdict
from tests.support.hand_made import released
from tests.support.verdicts import claim, judged, verdict


def judged_of(*, few: bool = False) -> StudyVerdict:
    """A bound of everyone and one of women, with counts to the case."""
    everyone = judged("sensitivity", 0.85, 0.91234, 0.874)
    women = judged(
        "sensitivity",
        0.75,
        0.9012,
        0.812,
        positive=103,
        cases=318,
        patients=317,
        attribute="sex",
        level="F",
    )
    return verdict(
        claim("all", Verdict.MET, everyone), claim("women", Verdict.MET, replace(women, few=few))
    )


def test_counts_of_groups_are_rounded_and_those_of_the_cohort_are_not() -> None:
    release = released()
    assert release.rule.count_step == 5
    everyone, women = (each.parts[0].bound for each in shown(judged_of(), release).claims)
    assert everyone is not None
    assert women is not None
    assert (everyone.n_cases, everyone.n_positive) == (717, 217)
    assert (women.n_cases, women.n_positive, women.n_patients) == (320, 105, 315)
    assert (everyone.value, women.value) == (0.912, 0.901)
    assert (everyone.bound, women.bound) == (0.874, 0.812)


@pytest.mark.parametrize("hidden", [("sex", "F"), ("overall", "all")])
def test_a_bound_of_a_hidden_group_does_not_leave_and_its_word_does(
    hidden: tuple[str, str],
) -> None:
    release = replace(released(), withheld=(Withheld(*hidden, "withheld", None),))
    found = shown(judged_of(), release)
    parts = [each.parts[0] for each in found.claims]
    assert [part.bound is None for part in parts] == [hidden == ("overall", "all"), True]
    assert [each.verdict for each in found.claims] == [Verdict.MET, Verdict.MET]
    text = replace(release, verdict=found).to_json()
    assert "0.812" not in text
    assert "103" not in text


def test_a_bound_that_few_cases_separate_from_another_does_not_leave() -> None:
    found = shown(judged_of(few=True), released())
    assert [each.parts[0].bound is None for each in found.claims] == [False, True]
    assert found.claims[1].parts[0].undefined == "withheld"


def test_a_release_has_a_verdict_only_where_it_has_one() -> None:
    without = released()
    assert "verdict" not in without.to_json()
    whole = replace(without, verdict=shown(judged_of(), without))
    assert Release.from_json(whole.to_json()) == whole
    assert Release.from_json(whole.to_json()).to_json() == whole.to_json()


LABELS = np.arange(120) % 2 == 0
CASES = ScoredCases(
    cases=(),
    labels=LABELS,
    scores=np.random.default_rng(5).uniform(0.1, 0.9, 120),
    patients=np.arange(120).astype(str),
    attributes={},
)


def test_cases_met_before_and_never_have_figures_apart() -> None:
    met = np.arange(120) < 40
    found = figures(CASES, met, 0.5, 10)
    areas = {each.cases: each for each in found if each.figure == "auroc"}
    for name, here in ((MET_BEFORE, met), (NEVER_MET, ~met)):
        assert areas[name].value == pytest.approx(roc_auc_score(LABELS[here], CASES.scores[here]))
        assert (areas[name].n_cases, areas[name].n_positive) == (here.sum(), here.sum() // 2)
    assert {each.figure for each in found} == {"auroc", "sensitivity", "specificity"}
    left = shown(replace(judged_of(), apart=found), released()).apart
    assert all(each.n_cases % 5 == 0 and each.n_positive % 5 == 0 for each in left)


def test_neither_part_has_a_figure_where_one_is_too_small() -> None:
    """Ten cases were met, five of each class: the others' figures would tell theirs."""
    found = figures(CASES, np.arange(120) < 10, 0.5, 10)
    assert {(each.value, each.n_cases, each.undefined) for each in found} == {
        (None, 0, "insufficient data")
    }


def test_where_no_case_was_met_nothing_is_apart_and_where_each_was_it_is_said() -> None:
    assert figures(CASES, np.zeros(120, dtype=np.bool_), 0.5, 10) == ()
    every = figures(CASES, np.ones(120, dtype=np.bool_), 0.5, 10)
    assert [each.figure for each in every] == ["auroc", "sensitivity", "specificity"]
    assert {(each.cases, each.value, each.undefined) for each in every} == {
        (MET_BEFORE, None, EVERY_CASE)
    }
