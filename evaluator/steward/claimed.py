"""Patients of other benchmarks whom a benchmark may not draw.

A figure that another benchmark told of the same cases would steer a team between its looks. A
benchmark with claims leaves out the patients of every other living cohort, and every benchmark
leaves out those of a living cohort with claims. A cohort lives until no look at it is open.

A benchmark can name others in ``[cohort] apart_from``, as a test draw names the validation draw of
which teams are told every figure. It leaves their patients out for good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import addendum, sealed_study
from evaluator.claims.closing import is_closed
from evaluator.steward.pool import StewardError
from evaluator.stores.installation import Installation


@dataclass(frozen=True, slots=True)
class Claimed:
    """Patients, by the source's id, of other benchmarks' cohorts, by benchmark.

    ``named`` are those that the benchmark names itself.
    """

    patients: dict[str, frozenset[str]]
    named: frozenset[str] = frozenset()

    def free(self, cases: CaseTable) -> CaseTable:
        """The cases that may be drawn."""
        return cases.of_patients(~_among(cases, frozenset().union(*self.patients.values())))

    def said(self, cases: CaseTable) -> tuple[str, ...]:
        """A sentence for each benchmark whose patients are left out of these cases."""
        shared = {
            name: int(_among(cases, patients).sum()) for name, patients in self.patients.items()
        }
        return tuple(
            f"{n} patients are left out of the pool: they are in the cohort of {name!r}, "
            f"{self.because(name)}"
            for name, n in shared.items()
            if n
        )

    def because(self, name: str) -> str:
        """Why the patients of a benchmark are not drawn."""
        if name in self.named:
            return "which [cohort] apart_from names"
        return "which still takes submissions, and claims allow no case in two"


def claimed(
    installation: Installation, benchmark: Benchmark, ending: Collection[str] = ()
) -> Claimed:
    """Who may not be drawn for ``benchmark``; ``ending`` names those that it takes the place of.

    Raises StewardError where it names a benchmark that is not sealed.
    """
    enclave, ledger = installation.enclave(), installation.ledger()
    named = benchmark.cohort.apart_from
    for name in named:
        if name == benchmark.name or not enclave.is_sealed(name):
            known = [each for each in installation.names() if enclave.is_sealed(each)]
            raise StewardError(
                f"[cohort] apart_from names {name!r}, which has no sealed cohort here"
                f"{did_you_mean(name, known)}; seal it first, or leave it out"
            )
    patients = {name: enclave.cohort(name).patients() for name in named}
    for name in installation.names():
        if name in {benchmark.name, *named, *ending} or not enclave.is_sealed(name):
            continue
        cohort = enclave.cohort(name)
        has_claims = sealed_study.of(cohort) is not None or addendum.of(ledger, name) is not None
        if benchmark.study is None and not has_claims:
            continue
        other = installation.benchmark(name)
        if not is_closed(ledger, name, other.period, other.quota, datetime.now(UTC).date()):
            patients[name] = cohort.patients()
    return Claimed(patients, frozenset(named))


def refuse_claimed(
    installation: Installation,
    benchmark: Benchmark,
    cases: Sequence[Case],
    ending: Collection[str] = (),
) -> None:
    """Raise StewardError where a drawn case was sealed by another benchmark since the draw."""
    barred, drawn = claimed(installation, benchmark, ending), CaseTable.of(cases)
    for name, patients in barred.patients.items():
        shared = int(_among(drawn, patients).sum())
        if shared:
            raise StewardError(
                f"{shared} drawn patients are in the cohort of {name!r} too, which was sealed "
                f"since, {barred.because(name)}; run `sequestra match {benchmark.name}` again"
            )


def _among(cases: CaseTable, patients: Collection[str]) -> NDArray[np.bool_]:
    """Which of the cases' patients are among others."""
    is_among = pc.is_in(cases.patients, value_set=pa.array(patients, pa.large_string()))
    return np.asarray(is_among.to_numpy(zero_copy_only=False), np.bool_)
