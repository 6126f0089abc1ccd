"""The sentences on verdicts, as the task and the guidances ask for them."""

from __future__ import annotations

import pytest

from evaluator.claims import words
from evaluator.claims.verdict import JudgedPart
from metrics.claims.claim import Part
from metrics.claims.procedures import Verdict
from tests.support.verdicts import DIGEST, MET, NOT_SHOWN, claim, judged, verdict


def sentences(*parts: JudgedPart, met: bool = True, level: float = 0.025 / 3) -> tuple[str, ...]:
    outcome = Verdict.MET if met else Verdict.NOT_SHOWN
    found = words.in_words(verdict(claim("C", outcome, *parts, level=level)))
    return found.claims[0].sentences


def test_a_met_claim_has_figure_bound_goal_count_look_and_level() -> None:
    assert words.in_words(verdict(MET)).claims[0].sentences == (
        "Met: sensitivity 0.912, lower bound 0.874, goal 0.850 (217 positives), "
        "look 1 of 3 at 0.0083.",
    )


def test_a_claim_that_was_not_shown_says_how_many_would_show_it() -> None:
    (told,) = words.in_words(verdict(NOT_SHOWN)).claims[0].sentences
    assert told.startswith(
        "Not shown: AUROC 0.912, lower bound 0.884, goal 0.900 (200 positives, 517 negatives), "
        "look 1 of 3 at 0.0083; about "
    )
    assert told.endswith(" would show it with power 0.8 if the truth is 0.912.")


def test_a_claim_that_was_never_reached_is_not_tested() -> None:
    never = claim("Later", Verdict.NOT_TESTED)
    gated = claim("Gated", Verdict.NOT_TESTED, after=("AUROC above 0.90",))
    told = words.in_words(verdict(NOT_SHOWN, never, gated)).claims
    assert told[1].sentences == ("Not tested: a claim before it was not met.",)
    assert told[2].sentences == ("Not tested: the claims that it stands after were not met.",)
    assert [each.outcome for each in told] == ["not shown", "not tested", "not tested"]


def test_the_worst_level_decides_and_is_named() -> None:
    levels = [
        judged("sensitivity", 0.75, value, bound, positive=n, attribute="race", level=name)
        for name, value, bound, n in (("Asian", 0.84, 0.741, 60), ("White", 0.9, 0.86, 400))
    ]
    (told,) = sentences(*levels, met=False)
    assert told.startswith(
        "Not shown: sensitivity 0.840 in race: Asian (the worst of 2 levels), lower bound "
        "0.741, goal 0.750 (60 positives), look 1 of 3 at 0.0083; "
    )


def test_a_level_without_a_bound_is_worst_whatever_the_others_are() -> None:
    good = judged("sensitivity", 0.75, 0.9, 0.8, attribute="race", level="White")
    none = JudgedPart(
        part=Part(figure="sensitivity", goal=0.75, attribute="race", level="Asian"),
        bound=None,
        undefined="insufficient data",
    )
    assert sentences(good, none, met=False) == (
        "Not shown: sensitivity in race: Asian (the worst of 2 levels): insufficient data, "
        "look 1 of 3 at 0.0083.",
    )


def test_co_primary_parts_have_a_sentence_each_and_each_says_its_own() -> None:
    told = sentences(
        judged("sensitivity", 0.85, 0.91, 0.87),
        judged("specificity", 0.85, 0.86, 0.829, cases=717),
        met=False,
    )
    assert [each.split(":")[0] for each in told] == ["Met", "Not shown"]
    assert "(500 negatives)" in told[1]


def test_an_upper_bound_and_a_comparator_are_named_with_goal_and_margin() -> None:
    (upper,) = sentences(judged("sensitivity", 0.1, 0.05, 0.084, upper=True))
    assert "upper bound 0.084, goal at most 0.100" in upper
    (against,) = sentences(
        judged("auroc", -0.05, 0.012, -0.031, comparator="predicate", margin=0.05)
    )
    assert "AUROC less that of predicate 0.012, lower bound -0.031, margin 0.050" in against
    (superior,) = sentences(judged("auroc", 0.0, 0.04, -0.002, comparator="reader"), met=False)
    assert "lower bound -0.002, goal 0.000" in superior


def test_patients_are_counted_where_they_have_several_cases() -> None:
    assert (
        "(217 positives, 300 patients in all)"
        in sentences(judged("sensitivity", 0.85, 0.912, 0.874, patients=300))[0]
    )


def test_the_notes_tell_when_it_was_declared_for_ever() -> None:
    sealed, added = words.notes(verdict()), words.notes(verdict(addendum=True))
    assert sealed[0] == "Declared before the cohort was sealed, on 2 January 2026."
    assert added[0] == "Declared after the seal, on 2 January 2026."
    own = words.in_words(verdict(self_scored=True))
    assert own.notes[0].startswith("Self-scored")
    assert "look 1" not in own.claims[0].sentences[0]
    assert "final" not in " ".join(own.notes)


@pytest.mark.parametrize(
    ("looks", "spending", "said"),
    [
        (1, "equal", "One-sided level 0.025 for one look;"),
        (3, "equal", "0.025 for 3 looks of a team, at 0.0083 each;"),
        (3, "decreasing", "3 looks of a team, the first at 0.0152, each later one at less;"),
    ],
)
def test_the_level_and_how_it_is_shared_is_told(looks: int, spending: str, said: str) -> None:
    assert said in words.notes(verdict(looks=looks, spending=spending))[1]


def test_tags_of_a_run_have_claims_and_the_declaration() -> None:
    assert words.tags(verdict()) == {
        "verdict": "1 of 2 claims met",
        "claim 1": "Sensitivity above 0.85: met",
        "claim 2": "AUROC above 0.90: not shown",
        "sequestra.claims_digest": DIGEST,
        "sequestra.claims_declared": "2026-01-02T08:00:00+00:00",
    }
