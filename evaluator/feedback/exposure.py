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
    """Retire a cohort whose budget of noisy answers is spent; once."""
    budget = benchmark.disclosure.thresholdout_budget
    if benchmark.disclosure.feedback != THRESHOLDOUT:
        return
    if answers.spent(enclave, cohort.digest) < budget:
        return
    if not ledger.is_recorded(RETIRED, benchmark.name):
        ledger.record(RETIRED, benchmark.name, f"its {budget} answers with noise are given")
