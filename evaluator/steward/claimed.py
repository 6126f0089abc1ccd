"""Patients whom no other benchmark draws while claims on them are open.

A figure that another benchmark told of the same cases would steer a team between its looks. A
benchmark with claims leaves out the patients of every other living cohort, and every benchmark
leaves out those of a living cohort with claims. A cohort lives until no look at it is open.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cohort_selection.cases import Case
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import addendum, sealed_study
from evaluator.claims.closing import is_closed
from evaluator.steward.pool import StewardError
from evaluator.stores.installation import Installation


@dataclass(frozen=True, slots=True)
class Claimed:
    """Patients, by the source's id, of other benchmarks' living cohorts, by benchmark."""

    patients: dict[str, frozenset[str]]

    def free(self, cases: Sequence[Case]) -> list[Case]:
        """The cases that may be drawn."""
        taken = frozenset[str]().union(*self.patients.values())
        return [case for case in cases if case.patient_id not in taken]

    def said(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """A sentence for each benchmark whose patients are left out of these cases."""
        here = {case.patient_id for case in cases}
        return tuple(
            f"{len(mine & here)} patients are left out of the pool: they are in the cohort of "
            f"{name!r}, which still takes submissions, and claims allow no case in two"
            for name, mine in self.patients.items()
            if mine & here
        )


def claimed(
    installation: Installation, benchmark: Benchmark, ending: Collection[str] = ()
) -> Claimed:
    """Who may not be drawn for ``benchmark``; ``ending`` names those that it takes the place of."""
    enclave, ledger = installation.enclave(), installation.ledger()
    found: dict[str, frozenset[str]] = {}
    for name in installation.names():
        if name == benchmark.name or name in ending or not enclave.is_sealed(name):
            continue
        cohort = enclave.cohort(name)
        has_claims = sealed_study.of(cohort) is not None or addendum.of(ledger, name) is not None
        if benchmark.study is None and not has_claims:
            continue
        other = installation.benchmark(name)
        if not is_closed(ledger, name, other.period, other.quota, datetime.now(UTC).date()):
            found[name] = cohort.patients()
    return Claimed(found)


def refuse_claimed(
    installation: Installation,
    benchmark: Benchmark,
    cases: Sequence[Case],
    ending: Collection[str] = (),
) -> None:
    """Raise StewardError where a drawn case was sealed by another benchmark since the draw."""
    for name, patients in claimed(installation, benchmark, ending).patients.items():
        shared = patients & {case.patient_id for case in cases}
        if shared:
            raise StewardError(
                f"{len(shared)} drawn patients are in the cohort of {name!r} too, which was sealed "
                f"since and still takes submissions, and claims allow no case in two; run "
                f"`sequestra match {benchmark.name}` again"
            )
