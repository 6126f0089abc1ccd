"""What the ledger of exposures keeps of a cohort, and what pages tell of it."""

from __future__ import annotations

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.disclosure.rule import THRESHOLDOUT
from evaluator.feedback.load_factor import load_factor
from evaluator.stores import answers
from evaluator.stores.enclave import Enclave
from submissions.ledger import exposures
from submissions.ledger.exposures import Exposure, Use
from submissions.ledger.ledger import Ledger
from submissions.ledger.retirement import RETIRED


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


def look_of(ledger: Ledger, submission_id: str) -> tuple[int, int | None] | None:
    """Which look of its team a released submission was, and of how many in all.

    The second is None where the benchmark sets no limit; the whole is None where no look was
    counted, as for a release of a former build.
    """
    found = _shown(ledger, submission_id)
    if found is None or found.look is None:
        return None
    return found.look, found.lifetime


def in_words(ledger: Ledger, submission_id: str) -> tuple[str, ...]:
    """Sentences for a report: 'look n of m', and the load factor of the cohort at that time."""
    found = _shown(ledger, submission_id)
    if found is None or found.look is None:
        return ()
    of_all = f" of {found.lifetime}" if found.lifetime is not None else ""
    told = [f"Look {found.look}{of_all} of the team at this cohort."]
    if found.load_factor is not None:
        told.append(
            f"Load factor of the cohort: {found.load_factor:g}. So many looks of all teams had "
            f"read each case, as a mean."
        )
    return tuple(told)


def _shown(ledger: Ledger, submission_id: str) -> Exposure | None:
    return ledger.read(lambda connection: exposures.of_submission(connection, submission_id))
