"""What a team is told of its claims while looks are open: met, not shown or not tested, no figure.

The document that the ledger keeps has no figure, bound or number of cases. Whatever else is known
of a verdict stays in the enclave until the cohort closes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from submissions.addresses.database import aware

WORDS = ("met", "not shown", "not tested")
"""What may become of a claim."""


@dataclass(frozen=True, slots=True)
class ToldClaim:
    """A claim by its name, and one of ``WORDS``."""

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
