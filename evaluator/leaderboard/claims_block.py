"""The declared claims on a benchmark's page: what must hold, since when, and who tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.benchmark.specification import Benchmark
from evaluator.claims import words
from evaluator.disclosure.cohort_card import CohortCard
from evaluator.leaderboard.board.kept import Declaration, Kept

TOGETHER = ""
"""The name under which a plan has all claims together."""


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One claim: its name, what it claims, and its planned power in words or nothing."""

    name: str
    text: str
    planned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsShown:
    """The study of a benchmark; ``digest`` and ``declared`` are empty before the seal.

    ``together`` is the planned power of all claims at once.
    """

    claims: tuple[ClaimLine, ...]
    rules: tuple[str, ...]
    digest: str
    declared: str
    together: str
    tried: str


def claims_shown(
    benchmark: Benchmark | None, card: CohortCard | None, kept: Kept
) -> ClaimsShown | None:
    """What the page tells of the claims; None where neither file nor addendum declares any."""
    if benchmark is None:
        return None
    stands = kept.declaration(benchmark.name)
    if benchmark.study is not None:
        table = benchmark.study.table
        claims = words.declared_claims(benchmark.study)
        shared = words.shared(table.alpha, table.procedure, table.looks, table.spending)
    elif stands is not None and stands.added is not None:
        study = stands.added.study
        claims = words.sealed_claims(study)
        shared = words.shared(study.alpha, study.procedure, study.looks, study.spending)
    else:
        return None
    tried = kept.tried(benchmark.name)
    planned = _planned(card)
    return ClaimsShown(
        claims=tuple(
            ClaimLine(name, text, words.planned(planned.get(name))) for name, text in claims
        ),
        rules=(*_declared(stands), shared, words.READ_OFF, words.WHEN_TOLD),
        digest="" if stands is None else stands.digest,
        declared="" if stands is None else stands.at,
        together=words.planned(planned.get(TOGETHER)),
        tried="" if tried is None else words.tried(tried),
    )


def _declared(stands: Declaration | None) -> tuple[str, ...]:
    if stands is None:
        return ()
    return (words.declared(stands.at, stands.added is not None),)


def _planned(card: CohortCard | None) -> Mapping[str, Mapping[str, Any]]:
    """Rows of the plan that was published with the cohort, by claim."""
    of_claims: Mapping[str, Any] = {} if card is None or card.claims is None else card.claims
    return {str(row["claim"]): row for row in of_claims.get("planned", ())}
