"""A study that was declared after its cohort was sealed: dated, signed, and marked for ever.

Its statement stands whole in the audit chain, which only grows; one cohort has at most one.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from evaluator.claims import sealed_study
from evaluator.claims.declaration import ClaimsError
from evaluator.claims.sealed_study import SealedStudy
from submissions.ledger.ledger import AuditEntry, Ledger
from submissions.signatures import ADDENDUM, Signed, stated

EVENT = "claims-addendum"
"""The event of an addendum: the subject is the benchmark, the content the signed statement."""


def statement(benchmark: str, cohort_digest: str, study: SealedStudy, file: str) -> dict[str, Any]:
    """What is signed; ``file`` is the text that declares the claims."""
    return {
        "format": ADDENDUM,
        "benchmark": benchmark,
        "cohort_digest": cohort_digest,
        "claims_digest": study.digest,
        "at": study.sealed_at,
        "file": file,
        **sealed_study.as_mapping(study),
    }


def of(ledger: Ledger, benchmark: str) -> SealedStudy | None:
    """The study that was added to a benchmark's sealed cohort; None where none was.

    Raises ClaimsError where it is not the one whose digest was signed.
    """
    addendum = entry(ledger, benchmark)
    if addendum is None:
        return None
    changed = ClaimsError(
        f"the claims that were added to {benchmark!r} are not those that were signed; "
        f"`sequestra audit verify` lists what was changed"
    )
    content = signed(addendum).content
    try:
        study = sealed_study.read(content, sealed_at=content["at"], addendum=True)
        if study.digest == content["claims_digest"]:
            return study
    except (KeyError, TypeError, ValueError) as problem:
        raise changed from problem
    raise changed


def entry(ledger: Ledger, benchmark: str) -> AuditEntry | None:
    """The entry of the audit chain that has the addendum."""
    return next(iter(ledger.chain.entries(subjects=[benchmark], event=EVENT)), None)


def signed(addendum: AuditEntry) -> Signed:
    """The signed statement of an addendum's entry; raise ClaimsError where it holds none."""
    try:
        document = json.loads(addendum.content)
        return Signed(
            statement=stated(document["statement"]),
            key_id=document["key_id"],
            signature=base64.b64decode(document["signature"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise ClaimsError(
            f"audit entry {addendum.number}, claims added to {addendum.subject!r}, holds no signed "
            f"statement: it was changed; restore the ledger from a copy"
        ) from problem
