"""What names a run and an evaluation: all that they depend on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from cohort_selection.sealing.cohort import Cohort
from cohort_selection.task.declaration import PROBABILITY
from evaluator.benchmark.specification import Benchmark
from submissions.contract import CONTRACT_VERSION, Contract
from submissions.submission import Submission


def run_key(submission: Submission, benchmark: Benchmark, cohort: Cohort, shards: int) -> str:
    """Name a run by what its predictions depend on: image, cases and the contract it ran under.

    And, for a model that looks at more than one case, the number of containers that shared them.
    """
    contract = contract_text(benchmark.contract)
    parts = (submission.image_digest, cohort.digest, str(CONTRACT_VERSION), contract, str(shards))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def contract_text(contract: Contract) -> str:
    """The contract as the name of a run has it."""
    limits = asdict(contract)
    if contract.form == PROBABILITY:
        del limits["form"]  # a run of a former build is known by what it had
    return json.dumps(limits, sort_keys=True)


def evaluation_key(submission: Submission, cohort: Cohort, plan_digest: str, code: str) -> str:
    """Name an evaluation by everything it depends on: a change in any of them is a new one.

    ``code`` is the version of the code that scores.
    """
    parts = (
        submission.image_digest,
        repr(submission.threshold),
        cohort.digest,
        plan_digest,
        code,
        str(CONTRACT_VERSION),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
