"""Patients whom no other benchmark draws while claims on them are open.

A figure that another benchmark told of the same cases would steer a team between its looks. A
benchmark with claims leaves out the patients of every other living cohort, and every benchmark
leaves out those of a living cohort with claims.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cohort_selection.cases import Case
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import addendum, sealed_study
from evaluator.steward.pool import StewardError
from evaluator.stores.installation import Installation
from submissions.ledger.beside_releases import retirement
from submissions.ledger.ledger import Ledger
from submissions.submission import ENDED, State


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
        if is_living(ledger, installation.benchmark(name)):
            found[name] = frozenset(patient for _, patient in cohort.sources().values())
    return Claimed(found)


def is_living(ledger: Ledger, benchmark: Benchmark) -> bool:
    """Whether a sealed cohort may still be read: its period is not over and it is not spent."""
    closes = benchmark.period.closes
    if closes is not None and datetime.now(UTC).date() > closes:
        return _is_under_way(ledger, benchmark.name)
    why = ledger.read(
        lambda connection: retirement.spent(connection, benchmark.name, benchmark.quota)
    )
    return why is None or _is_under_way(ledger, benchmark.name)


def _is_under_way(ledger: Ledger, name: str) -> bool:
    """Whether a submission to the benchmark may still read its cases."""
    done = {State.HELD, *ENDED}
    return any(each.benchmark == name and each.state not in done for each in ledger.submissions())


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
