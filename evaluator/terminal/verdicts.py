"""Prints the verdict on declared claims: the whole one, where it may be told."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType

from evaluator.claims.words import VerdictWords
from evaluator.screen import styled

_COLOURS = {"met": "green", "not shown": "yellow"}


def verdict(told: VerdictWords) -> RenderableType:
    """The summary, each claim with its sentences, and what is to be known of the verdict."""
    return Group(*lines(told))


def lines(told: VerdictWords) -> Iterator[RenderableType]:
    """The same, line by line."""
    yield styled((f"Verdict: {told.summary}", "bold"))
    for claim in told.claims:
        outcome = (claim.outcome, _COLOURS.get(claim.outcome, ""))
        yield styled(f"Claim {claim.number}, {claim.name}: ", outcome)
        for sentence in claim.sentences:
            yield styled(f"  {sentence}")
    for note in told.notes:
        yield styled(note)
