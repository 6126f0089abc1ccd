"""The declared claims on a benchmark's page: what must hold, since when, who tried."""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.benchmark.specification import Benchmark
from evaluator.claims import words
from evaluator.disclosure.cohort_card import CohortCard


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One claim: its name, what it claims, and its planned power in words or nothing."""

    name: str
    text: str
    planned: str


@dataclass(frozen=True, slots=True)
class ClaimsShown:
    """The study of a benchmark; ``digest`` and ``declared`` are empty before the seal."""

    claims: tuple[ClaimLine, ...]
    rules: tuple[str, ...]
    digest: str
    declared: str
    tried: str


def claims_shown(
    benchmark: Benchmark | None, card: CohortCard | None, tried: int | None
) -> ClaimsShown | None:
    """What the page tells of the claims; None where the benchmark declares none.

    ``tried`` is the number of teams whose claims were judged, None where nobody knows it.
    """
    study = None if benchmark is None else benchmark.study
    if study is None:
        return None
    sealed = {} if card is None or card.claims is None else card.claims
    table = study.table
    rules = [words.shared(table.alpha, table.procedure, table.looks, table.spending)]
    if sealed:
        rules.insert(0, words.declared(str(sealed["declared"]), bool(sealed.get("addendum"))))
    planned = sealed.get("planned", {})
    return ClaimsShown(
        claims=tuple(
            ClaimLine(name, text, words.planned(planned.get(name)))
            for name, text in words.declared_claims(study)
        ),
        rules=(*rules, words.READ_OFF, words.WHEN_TOLD),
        digest=str(sealed.get("digest", "")),
        declared=str(sealed.get("declared", "")),
        tried="" if tried is None else words.tried(tried),
    )
