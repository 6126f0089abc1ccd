"""Looks that are open at patients of another benchmark's cohort.

Draws of one pool share patients. A figure of an ended draw would steer a team's next look at one
that lives and has claims: results that were held when a draw ended wait for that one's end.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cohort_selection.sealing.cohort import Cohort
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
    if not living:
        return None
    mine = _patients(enclave.cohort(benchmark.name))
    return next((name for name in living if mine & _patients(enclave.cohort(name))), None)


def _patients(cohort: Cohort) -> frozenset[str]:
    return frozenset(patient for _, patient in cohort.sources().values())
