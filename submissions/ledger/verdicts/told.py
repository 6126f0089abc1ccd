"""What a team is told of its claims while looks are open: met, not shown or not tested, no figure.

The document that the ledger keeps has no figure, bound or number of cases. Whatever else is known
of a verdict stays in the enclave until the cohort closes.

Levels of looks add up to alpha (Bonferroni) only where a team's models are the same whatever the
cases: what it was told before must not depend on them. One claim is not shown, look after look,
until it is met. With several claims the words on a true one would choose the next model, and break
the level of a false one (``perf/claims_account.py``). So a look of several claims tells whether all
are met; which ones, it tells with the last look of the allowance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from submissions.addresses.database import aware

MET = "met"
WORDS = (MET, "not shown", "not tested")
"""What may become of a claim."""

LATER = "told later"
"""What a team reads in the place of a word that could steer its next look."""


@dataclass(frozen=True, slots=True)
class ToldClaim:
    """A claim by its name, and one of ``WORDS``, or ``LATER``."""

    name: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldVerdict:
    """A verdict as its team may read it.

    ``look`` of ``looks`` is the number of the look, ``level`` its one-sided level, ``at`` the hour.
    ``repeated``: the same look was made before, so that this one cost nothing.
    """

    claims: tuple[ToldClaim, ...]
    look: int
    looks: int
    level: float
    claims_digest: str
    at: datetime
    repeated: bool
    document: str

    @property
    def all_told(self) -> bool:
        """Whether each claim has its word; else not every claim is met."""
        return all(claim.verdict != LATER for claim in self.claims)

    def masked(self) -> ToldVerdict:
        """What may be told while the allowance has looks left."""
        words = {claim.verdict for claim in self.claims}
        if len(self.claims) == 1 or words == {MET}:
            return self
        claims = tuple(ToldClaim(claim.name, LATER) for claim in self.claims)
        return replace(self, claims=claims, document="")


def document_of(
    claims: Sequence[tuple[str, str]], *, look: int, looks: int, level: float, claims_digest: str
) -> str:
    """The document of a verdict, canonical JSON; ``claims`` has names and ``WORDS``.

    ValueError for any other word: nothing else may leave here.
    """
    if unknown := [word for _, word in claims if word not in WORDS]:
        raise ValueError(f"a verdict is {unknown[0]!r}; it can be {', '.join(WORDS)}")
    document = {
        "claims": [{"name": name, "verdict": word} for name, word in claims],
        "look": look,
        "looks": looks,
        "level": level,
        "claims_digest": claims_digest,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_told(row: Row[Any]) -> ToldVerdict:
    """A row of the table as its reader gets it."""
    document: Mapping[str, Any] = json.loads(row.document)
    return ToldVerdict(
        claims=tuple(ToldClaim(each["name"], each["verdict"]) for each in document["claims"]),
        look=row.look,
        looks=row.looks,
        level=row.level,
        claims_digest=row.claims_digest,
        at=aware(row.at),
        repeated=row.repeats is not None,
        document=row.document,
    )
