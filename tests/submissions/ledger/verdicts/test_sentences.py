"""What a team reads of its verdict while looks are open: no figure, no bound, no count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from submissions.ledger.verdicts.sentences import LATER, REPEATED, level_text, sentences
from submissions.ledger.verdicts.told import ToldClaim, ToldVerdict

TOLD = ToldVerdict(
    claims=(ToldClaim("AUROC above 0.80", "met"), ToldClaim("Women", "not tested")),
    look=1,
    looks=3,
    level=0.025 / 3,
    claims_digest="sha256:c1",
    at=datetime(2026, 1, 3, 9, tzinfo=UTC),
    repeated=False,
    document="{}",
)


def test_each_claim_is_told_with_its_look_and_level() -> None:
    assert sentences(TOLD) == (
        "Claim 1, AUROC above 0.80: met (look 1 of 3, at 0.0083)",
        "Claim 2, Women: not tested (look 1 of 3, at 0.0083)",
    )


def test_a_look_that_was_made_before_says_that_it_cost_nothing() -> None:
    assert sentences(replace(TOLD, repeated=True))[-1] == REPEATED


def test_which_claims_are_met_may_be_told_later() -> None:
    masked = replace(
        TOLD, claims=tuple(replace(each, verdict="told later") for each in TOLD.claims)
    )
    assert sentences(masked) == ("Not every claim is met (look 1 of 3, at 0.0083).", LATER)


@pytest.mark.parametrize(
    ("level", "text"),
    [(0.025, "0.025"), (0.0125, "0.0125"), (0.025 / 3, "0.0083"), (0.00038, "0.00038")],
)
def test_levels_are_short(level: float, text: str) -> None:
    assert level_text(level) == text
