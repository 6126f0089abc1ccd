"""What names a run and an evaluation: all that they depend on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from submissions.contract import CONTRACT_VERSION
from submissions.submission import Submission


def run_key(submission: Submission, benchmark: Benchmark, cohort: Cohort, shards: int) -> str:
    """Name a run by what its predictions depend on: image, cases and the contract it ran under.

    And, for a model that looks at more than one case, the number of containers that shared them.
    """
    contract = json.dumps(asdict(benchmark.contract), sort_keys=True)
    parts = (submission.image_digest, cohort.digest, str(CONTRACT_VERSION), contract, str(shards))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
