"""What a held result would be released as now, and whether it waits for looks of others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.closing import is_closed
from evaluator.reviewing.shared_patients import looked_at
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from submissions.submission import Submission

if TYPE_CHECKING:
    from evaluator.evaluation import Evaluated


class HeldError(ValueError):
    """A held result that cannot be released."""


def waits_for_others(installation: Installation, ledger: Ledger, benchmark: Benchmark) -> bool:
    """Whether results of a benchmark stay held whatever reviewers decided.

    Nothing of a result is told while any team has a look left at claims on its cases: at those of
    this benchmark, or of another draw that shares patients with it.
    """
    if ledger.verdicts.are_declared(benchmark.name):
        today = datetime.now(UTC).date()
        if not is_closed(ledger, benchmark.name, benchmark.period, benchmark.quota, today):
            return True
    return looked_at(installation, ledger, benchmark) is not None


def prepared(
    submission: Submission,
    benchmark: Benchmark,
    cohort: Cohort,
    enclave: Enclave,
    ledger: Ledger,
) -> Evaluated:
    """What a held result would be released as; the enclave keeps it for the reviewers.

    A verdict on claims is the one that was told; it is judged once and never here. Raises HeldError
    where the enclave has lost what was predicted.
    """
    # Slow to import, and few queues need them here.
    from evaluator.evaluation import evaluate
    from evaluator.feedback.claims_judged import StudyJudge

    predictions = enclave.predictions(submission.submission_id, cohort.digest)
    if predictions is None:
        raise HeldError(
            f"submission {submission.submission_id} is held but has no stored predictions; restore "
            f"the enclave from a copy that has them"
        )
    judge = StudyJudge(ledger, enclave)
    evaluated = evaluate(submission, benchmark, cohort, predictions, enclave, judge_claims=judge)
    enclave.hold(submission.submission_id, evaluated.key, evaluated.release.to_json())
    return evaluated
