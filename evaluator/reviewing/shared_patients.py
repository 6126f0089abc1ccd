"""Looks that are open at patients of another benchmark's cohort.

Draws of one pool share patients. A figure of an ended draw would steer a team's next look at one
that lives and has claims: results that were held when a draw ended wait for that one's end.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cohort_selection.sealing.cohort import open_cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.closing import is_closed
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger


def looked_at(installation: Installation, ledger: Ledger, benchmark: Benchmark) -> str | None:
    """Another benchmark with claims whose looks at patients of this cohort are open; or None."""
    enclave = installation.enclave()
    today = datetime.now(UTC).date()
    living = []
    for name in installation.names():
        if name == benchmark.name or not ledger.verdicts.are_declared(name):
            continue
        other = installation.benchmark(name)
        over = is_closed(ledger, name, other.period, other.quota, today)
        if not over and enclave.is_sealed(name):
            living.append(name)
    folder = enclave.cohort_folder(benchmark.name)
    return next((name for name in living if _share(folder, enclave.cohort_folder(name))), None)


@lru_cache(maxsize=1024)
def _share(one: Path, other: Path) -> bool:
    """Whether the sealed cohorts of two folders share a patient.

    A queue asks at each look for votes, and a sealed cohort never changes: it is opened once.
    """
    return not open_cohort(one).patients().isdisjoint(open_cohort(other).patients())
