"""What the ledger of exposures keeps of a cohort, as the queue tells it, and when it is spent."""

from __future__ import annotations

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.disclosure.rule import THRESHOLDOUT
from evaluator.feedback.load_factor import load_factor
from evaluator.stores import answers
from evaluator.stores.enclave import Enclave
from submissions.ledger.beside_releases.exposures import Use
from submissions.ledger.beside_releases.retirement import RETIRED
from submissions.ledger.ledger import Ledger


def use_of(enclave: Enclave, benchmark: Benchmark, cohort: Cohort) -> Use:
    """What is kept beside a release: the looks that a team has in all, and the load factor."""
    return Use(benchmark.quota.lifetime, load_factor(enclave, cohort))


def retire_if_spent(ledger: Ledger, enclave: Enclave, benchmark: Benchmark, cohort: Cohort) -> None:
    """Retire a cohort whose budget of noisy answers is spent, or whose cases were used up; once.

    What claims were judged on is used as it is read: no release would tell of it before the cohort
    closes.
    """
    why = _spent(ledger, enclave, benchmark, cohort)
    if why is not None and not ledger.is_recorded(RETIRED, benchmark.name):
        ledger.record(RETIRED, benchmark.name, why)


def _spent(ledger: Ledger, enclave: Enclave, benchmark: Benchmark, cohort: Cohort) -> str | None:
    """Why a cohort is spent; None where it is not."""
    rule, most = benchmark.disclosure, benchmark.quota.load_factor
    if rule.feedback == THRESHOLDOUT:
        if answers.spent(enclave, cohort.digest) >= rule.thresholdout_budget:
            return f"its {rule.thresholdout_budget} answers with noise are given"
    elif most is not None and ledger.verdicts.are_declared(benchmark.name):
        load = load_factor(enclave, cohort)
        if load >= most:
            return f"its load factor is {load:.2f}, and {most:g} is the most"
    return None
