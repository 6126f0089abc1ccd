"""What follows a run: predictions, score, and what disclosure control lets out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np

from cohort_selection.cohort import Cohort
from evaluator.disclosure import Release, release
from evaluator.enclave import Enclave
from evaluator.probing import set_apart, without
from evaluator.results import Evaluation
from evaluator.scoring import score
from evaluator.specification import Benchmark
from submissions.contract import CONTRACT_VERSION, Predictions
from submissions.submission import Submission


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A release ready for the ledger, with the key that names its inputs."""

    key: str
    release: Release


def run_key(submission: Submission, benchmark: Benchmark, cohort: Cohort) -> str:
    """Name a run by what its predictions depend on: image, cases and the contract it ran under."""
    contract = json.dumps(asdict(benchmark.contract), sort_keys=True)
    parts = (submission.image_digest, cohort.digest, str(CONTRACT_VERSION), contract)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def judge(
    submission: Submission, benchmark: Benchmark, cohort: Cohort, predictions: Predictions
) -> tuple[Evaluation, Evaluation]:
    """Score predictions against the reference standard: everything, and what may be released.

    The second lacks the figures by which predictions that set a few cases apart would read their
    labels; disclosure control proper comes after it.
    """
    cases = cohort.cases()
    labels = np.array([case.label == 1 for case in cases], dtype=np.bool_)
    scores = np.array([predictions.values[case.case_id][0] for case in cases], dtype=np.float64)
    patients = np.array([case.patient_id for case in cases])
    attributes = {
        name: np.array([case.attributes[name] for case in cases]) for name in cases[0].attributes
    }
    plan = benchmark.analysis
    full = score(labels, scores, patients, attributes, plan, submission.threshold)
    found = set_apart(
        scores,
        submission.threshold,
        {name: attributes[name] for name in plan.subgroups},
        plan.intersections,
        benchmark.disclosure.minimum_cell,
    )
    return full, without(full, found)


def evaluate(
    submission: Submission, benchmark: Benchmark, predictions: Predictions, enclave: Enclave
) -> Evaluated:
    """Score, keep the evaluation in the enclave, and pass it through disclosure control."""
    cohort = enclave.cohort(benchmark.name)
    full, harmless = judge(submission, benchmark, cohort, predictions)
    key = evaluation_key(submission, cohort, full)
    enclave.keep_evaluation(submission.submission_id, key, full)
    released = release(
        harmless,
        submission=submission,
        cohort_digest=cohort.digest,
        rule=benchmark.disclosure,
    )
    return Evaluated(key, released)


def evaluation_key(submission: Submission, cohort: Cohort, evaluation: Evaluation) -> str:
    """Name an evaluation by everything it depends on: a change in any of them is a new one."""
    parts = (
        submission.image_digest,
        repr(submission.threshold),
        cohort.digest,
        evaluation.plan_digest,
        evaluation.code_version,
        str(CONTRACT_VERSION),
        version("sequestra"),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
