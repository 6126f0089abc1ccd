"""A look is judged by released bounds: what is hidden, undefined or set apart is not shown."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.stats import binom

from evaluator.claims.judging import Asked, crowded, judge_study, thresholds
from evaluator.claims.sealed_study import SealedStudy, UsedLevel
from evaluator.claims.verdict import CasesApart, StudyVerdict
from metrics.claims.claim import Claim, Part, Study
from metrics.claims.procedures import Verdict, levels_used
from submissions.ledger.verdicts.told import WORDS

N = 200
LABELS = np.arange(N) < 100


@dataclass
class Cases:
    """A hundred positives and a hundred negatives of as many patients; ninety of each are right."""

    labels: np.ndarray = field(default_factory=LABELS.copy)
    scores: np.ndarray = field(
        default_factory=lambda: (
            np.where((np.arange(N) % 100 < 90) == LABELS, 0.7, 0.3) + 1e-6 * np.arange(N)
        )
    )
    patients: np.ndarray = field(default_factory=lambda: np.arange(N).astype(str))
    attributes: dict[str, np.ndarray] = field(
        default_factory=lambda: {"sex": np.where(np.arange(N) % 2 == 0, "F", "M")}
    )
    comparators: dict[str, np.ndarray] = field(default_factory=dict)


def sealed(*claims: Claim, looks: int = 1) -> SealedStudy:
    study = Study(claims=claims, looks=looks)
    parts = [part for claim in claims for part in claim.parts]
    levels = tuple(
        UsedLevel(part, nominal, nominal, nominal, 0.0)
        for part in parts
        for nominal in levels_used(study)
    )
    return SealedStudy(study=study, levels=levels, declaration="d", sealed_at="2026-01-02")


def least(k: int, n: int, level: float) -> float:
    """The bound of k of n by its definition, in thousandths rounded down."""
    goals = np.arange(1000) / 1000
    reached = binom.sf(k - 1, n, goals) <= level
    return float(goals[reached].max())


SENSITIVITY = Part(figure="sensitivity", goal=0.8)
FEMALE = Part(figure="sensitivity", goal=0.75, attribute="sex", level="F")
FIRST = Claim(name="all", parts=(SENSITIVITY,))
SECOND = Claim(name="women", parts=(FEMALE,))


def words(found: StudyVerdict) -> list[str]:
    return [claim.verdict.value for claim in found.claims]


def test_a_claim_is_met_where_the_bound_of_its_group_reaches_the_goal() -> None:
    found = judge_study(sealed(FIRST, SECOND), Cases(), Asked(threshold=0.5, look=1))
    assert words(found) == ["met", "met"]
    bounds = [claim.parts[0].bound for claim in found.claims]
    assert [each.bound for each in bounds if each] == [least(90, 100, 0.025), least(45, 50, 0.025)]
    assert [each.n_positive for each in bounds if each] == [100, 50]


def test_a_group_that_disclosure_hides_is_not_shown_and_has_no_bound() -> None:
    asked = Asked(threshold=0.5, look=1, hidden={("sex", "F")})
    found = judge_study(sealed(FIRST, SECOND), Cases(), asked)
    assert words(found) == ["met", "not shown"]
    assert found.claims[1].parts[0].bound is None
    assert found.claims[1].parts[0].undefined == "insufficient data"
    everyone = Asked(threshold=0.5, look=1, hidden={("overall", "all")})
    assert words(judge_study(sealed(FIRST, SECOND), Cases(), everyone)) == [
        "not shown",
        "not tested",
    ]


def test_a_part_that_is_undefined_leaves_its_claim_not_shown() -> None:
    """No positive case in the group: the figure has no value, and the claim is not left out."""
    cases = Cases()
    cases.attributes["sex"] = np.where(LABELS, "M", "F")
    both = Claim(name="both", parts=(SENSITIVITY, FEMALE))
    found = judge_study(sealed(both), cases, Asked(threshold=0.5, look=1))
    assert words(found) == ["not shown"]
    assert [part.bound is None for part in found.claims[0].parts] == [False, True]
    assert found.claims[0].parts[1].undefined


def test_predictions_that_set_cases_apart_show_nothing_of_any_claim() -> None:
    asked = Asked(threshold=0.5, look=1, set_apart=True)
    found = judge_study(sealed(FIRST, SECOND), Cases(), asked)
    assert words(found) == ["not shown", "not shown"]
    assert all(part.bound is None for claim in found.claims for part in claim.parts)


def test_a_look_beyond_the_last_has_no_level_and_tests_nothing() -> None:
    found = judge_study(sealed(FIRST, looks=2), Cases(), Asked(threshold=0.5, look=3))
    assert words(found) == ["not tested"]
    assert found.level == 0.0


def test_each_look_has_its_share_of_alpha() -> None:
    study = sealed(FIRST, looks=3)
    for look in (1, 2, 3):
        found = judge_study(study, Cases(), Asked(threshold=0.5, look=look))
        bound = found.claims[0].parts[0].bound
        assert bound is not None
        assert bound.bound == least(90, 100, 0.025 / 3)


def test_few_cases_between_two_thresholds_are_seen_before_labels_and_after() -> None:
    fixed = Part(figure="sensitivity", goal=0.5, threshold=0.30005)
    study = sealed(FIRST, Claim(name="fixed", parts=(fixed,)))
    assert thresholds(study, 0.5) == (0.5, 0.30005)
    scores = Cases().scores
    assert not crowded(scores, (0.5, 0.30019), 10)  # no score lies between
    assert crowded(scores, (0.5, 0.300185), 10)
    assert not crowded(scores, (0.5, 0.30005), 10)
    # Between them lie ten positives that were missed, and ninety negatives.
    asked = Asked(threshold=0.5, look=1, minimum=10)
    shown = judge_study(study, Cases(), asked)
    assert [claim.parts[0].few for claim in shown.claims] == [False, False]
    more = replace(asked, minimum=11)
    assert [c.parts[0].few for c in judge_study(study, Cases(), more).claims] == [False, True]


def test_few_cases_between_two_declared_thresholds_keep_both_bounds_in() -> None:
    """Twelve cases lie between, one of them positive: two sensitivities would tell it."""
    scores = np.where(LABELS, 0.9, 0.1)
    scores[[0, *range(100, 111)]] = 0.7
    at = [Part(figure="sensitivity", goal=0.5, threshold=each) for each in (0.6, 0.8)]
    study = sealed(Claim(name="both", parts=tuple(at)), FIRST)
    asked = Asked(threshold=0.5, look=1, minimum=10)
    found = judge_study(study, Cases(scores=scores), asked)
    assert words(found) == ["met", "met"]
    assert [[part.few for part in claim.parts] for claim in found.claims] == [[True, True], [False]]
    one = sealed(Claim(name="one", parts=(at[0],)))  # nothing lies between it and 0.5
    assert not judge_study(one, Cases(scores=scores), asked).claims[0].parts[0].few


def test_the_spread_of_the_classes_stands_beside_an_auroc() -> None:
    cases = Cases(scores=np.where(LABELS, 0.5, 0.3) + np.tile(np.linspace(-0.2, 0.2, 100), 2))
    cases.scores[~LABELS] = 0.3 + np.linspace(-0.1, 0.1, 100)
    area = Part(figure="auroc", goal=0.6)
    found = judge_study(sealed(Claim(name="a", parts=(area,))), cases, Asked(threshold=0.5, look=1))
    assert found.claims[0].parts[0].spread == 0.5
    bound = found.claims[0].parts[0].bound
    assert bound is not None
    assert bound.bound == math.floor(1000 * bound.bound + 1e-9) / 1000


def test_a_verdict_is_read_as_it_was_written_and_its_short_form_has_no_figure() -> None:
    found = judge_study(sealed(FIRST, SECOND), Cases(), Asked(threshold=0.5, look=1))
    apart = CasesApart(figure="auroc", cases="met before", value=0.9, n_cases=40, n_positive=20)
    found = replace(found, apart=(apart,), addendum=True)
    assert StudyVerdict.from_json(found.to_json()) == found
    assert StudyVerdict.from_json(found.to_json()).to_json() == found.to_json()
    for text in ("bound", "n_cases", "n_positive", "auroc", "sensitivity"):
        assert text not in found.told_document()
    assert [each["verdict"] for each in json.loads(found.told_document())["claims"]] == [
        "met",
        "met",
    ]
    with pytest.raises(ValueError, match="the schema of a verdict is 2"):
        StudyVerdict.from_document(found.as_document() | {"schema": 2})


def test_a_level_that_was_not_sealed_decides_nothing() -> None:
    study = replace(sealed(FIRST), levels=())
    with pytest.raises(KeyError, match="no level was sealed"):
        judge_study(study, Cases(), Asked(threshold=0.5, look=1))


def test_a_team_can_be_told_every_outcome_and_nothing_else() -> None:
    assert [each.value for each in Verdict] == list(WORDS)
