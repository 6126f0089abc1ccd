"""The document of a comparison, what a reader may choose of it, and what each refusal says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evaluator.comparing.chosen import choose, coverage
from evaluator.comparison import (
    ALIKE,
    ComparedEntry,
    ComparedPair,
    Comparison,
    ComparisonError,
    NotCompared,
)


def entry(name: str, value: float) -> ComparedEntry:
    return ComparedEntry(
        submission_id=name,
        team=f"Team of {name}",
        model=f"Model {name}",
        baseline=False,
        value=value,
        low=value - 0.05,
        high=value + 0.04,
        rank_low=1,
        rank_high=2,
        tier=1,
        first_share=0.6,
        looks=3,
        corrected_low=value - 0.07,
        corrected_high=value + 0.03,
    )


def pair(first: str, second: str, attribute: str = "overall", level: str = "all") -> ComparedPair:
    return ComparedPair(
        first=first,
        second=second,
        attribute=attribute,
        level=level,
        difference=0.02,
        low=-0.01,
        high=0.05,
        adjusted_p=0.2,
    )


COMPARISON = Comparison(
    benchmark="chest",
    cohort_digest="sha256:" + "1" * 64,
    plan_digest="sha256:" + "2" * 64,
    figure="auroc",
    confidence=0.95,
    replicates=2000,
    seed_note="2,000 replicates",
    frozen_at=datetime(2026, 12, 1, tzinfo=UTC),
    code_version="0.1.0+0",
    entries=(entry("a", 0.9), entry("b", 0.88), entry("c", 0.8)),
    pairs=(
        pair("a", "b", "sex", "Male"),
        pair("a", "b", "sex", "Female"),
        pair("a", "b"),
        pair("a", "c"),
        pair("b", "c"),
    ),
    others=(NotCompared(submission_id="d", reason=ALIKE),),
)


def test_a_document_is_read_as_it_was_written() -> None:
    text = COMPARISON.to_json()
    again = Comparison.from_json(text)
    assert again == COMPARISON
    assert again.to_json() == text
    assert again.digest == COMPARISON.digest
    assert again.covered == {"a", "b", "c", "d"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1}'])
def test_another_document_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(ComparisonError, match=r"cannot be read .*restore the ledger"):
        Comparison.from_json(text)


def test_a_pair_is_turned_with_its_bounds() -> None:
    chosen = choose(COMPARISON, "chest", ["b", "a"])
    (overall,) = chosen.overall
    assert (overall.first, overall.second) == ("b", "a")
    assert (overall.difference, overall.low, overall.high) == (-0.02, -0.05, 0.01)
    assert overall.adjusted_p == 0.2
    assert [each.level for each in chosen.by("sex")] == ["Female", "Male"]
    assert chosen.attributes == ("sex",)


def test_three_are_compared_pair_by_pair() -> None:
    chosen = choose(COMPARISON, "chest", ["c", "a", "b", "a"])
    assert [(each.first, each.second) for each in chosen.overall] == [
        ("c", "a"),
        ("c", "b"),
        ("a", "b"),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "1 submission named; name 2 to 8 different ones of one board"),
        (["a", "a"], "1 submission named"),
        (["a", "d"], "submission d takes no part .*in few cases; name another, such as a"),
        (["a", "e"], "submission e is not in the comparison of 1 December 2026, 00:00 UTC, which"),
        (list("abcdefghi"), "9 submissions named"),
    ],
)
def test_what_cannot_be_compared_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(ComparisonError, match=said):
        choose(COMPARISON, "chest", names)


def test_a_board_without_a_comparison_says_when_one_is_made() -> None:
    with pytest.raises(ComparisonError, match=r"not been compared yet: .* under \[board\]"):
        choose(None, "chest", ["a", "b"])


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (0, "none was released since."),
        (1, "1 later one is not in it."),
        (7, "7 later ones are not in it."),
    ],
)
def test_what_a_comparison_covers(later: int, said: str) -> None:
    assert coverage(COMPARISON, later) == (
        f"This comparison covers the 4 submissions released by 1 December 2026, 00:00 UTC; {said}"
    )
