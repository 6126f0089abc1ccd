"""What a held result would be released as now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.stores.enclave import Enclave
from submissions.submission import Submission

if TYPE_CHECKING:
    from evaluator.evaluation import Evaluated


class HeldError(ValueError):
    """A held result that cannot be released."""


def prepared(
    submission: Submission, benchmark: Benchmark, cohort: Cohort, enclave: Enclave
) -> Evaluated:
    """What a held result would be released as; the enclave keeps it for the reviewers.

    Raises HeldError where the enclave has lost what was predicted.
    """
    from evaluator.evaluation import evaluate  # slow to import, and few queues need it here

    predictions = enclave.predictions(submission.submission_id, cohort.digest)
    if predictions is None:
        raise HeldError(
            f"submission {submission.submission_id} is held but has no stored predictions; restore "
            f"the enclave from a copy that has them"
        )
    evaluated = evaluate(submission, benchmark, cohort, predictions, enclave)
    enclave.hold(submission.submission_id, evaluated.key, evaluated.release.to_json())
    return evaluated
