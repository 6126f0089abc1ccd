"""The one path of a submission: blinded cases, container, predictions, score, release."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from cohort_selection.cohort import Cohort
from evaluator.disclosure import Release, release
from evaluator.enclave import Enclave
from evaluator.engine import Engine
from evaluator.results import Evaluation
from evaluator.scoring import score
from evaluator.specification import Benchmark
from evaluator.staging import remove_leftovers, stage
from submissions.contract import CONTRACT_VERSION, Predictions, read_predictions
from submissions.submission import ContractBroken, Submission


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A release ready for the ledger, with the key that names its inputs."""

    key: str
    release: Release


def predict(
    submission: Submission, benchmark: Benchmark, cohort: Cohort, engine: Engine, enclave: Enclave
) -> Predictions:
    """Run the submission's container on the blinded cohort and keep what it predicted.

    A run that had finished before is not run again. Raises ContractBroken for whatever is the
    team's; the enclave has the whole story either way.
    """
    kept = enclave.predictions(submission.submission_id, cohort.digest)
    if kept is not None:
        return kept
    engine.remove_orphans(submission.submission_id)
    remove_leftovers(enclave.staging_folder())
    key = enclave.blinding_key(submission.submission_id)
    blinded = cohort.blinded(key, benchmark.contract.visible)
    try:
        with stage(blinded, benchmark.contract, enclave.staging_folder()) as staged:
            outcome = engine.run(
                submission.image_digest,
                staged,
                benchmark.contract,
                submission_id=submission.submission_id,
            )
            given = {case.case_id for case in blinded}
            opaque = read_predictions(staged.predictions, given, benchmark.contract)
    except ContractBroken as broken:
        enclave.record_attempt(
            submission.submission_id,
            cohort.digest,
            failure=broken.failure.value,
            detail=broken.detail,
            log=broken.log_tail,
            seconds_start=None,
            seconds_infer=None,
        )
        raise
    known = cohort.unblind(key)
    predictions = Predictions(
        {known[case_id].case_id: values for case_id, values in opaque.values.items()}
    )
    enclave.record_attempt(
        submission.submission_id,
        cohort.digest,
        failure=None,
        detail="",
        log=outcome.log_tail,
        seconds_start=outcome.seconds_start,
        seconds_infer=outcome.seconds_infer,
    )
    enclave.keep_predictions(submission.submission_id, cohort.digest, predictions)
    return predictions


def judge(
    submission: Submission, benchmark: Benchmark, cohort: Cohort, predictions: Predictions
) -> Evaluation:
    """Score predictions against the reference standard of the cohort."""
    cases = cohort.cases()
    names = sorted({name for case in cases for name in case.attributes})
    return score(
        np.array([case.label == 1 for case in cases], dtype=np.bool_),
        np.array([predictions.values[case.case_id][0] for case in cases], dtype=np.float64),
        np.array([case.patient_id for case in cases]),
        {name: np.array([case.attributes.get(name, "") for case in cases]) for name in names},
        benchmark.analysis,
        submission.threshold,
    )


def evaluate(
    submission: Submission, benchmark: Benchmark, predictions: Predictions, enclave: Enclave
) -> Evaluated:
    """Score, keep the evaluation in the enclave, and pass it through disclosure control."""
    cohort = enclave.cohort(benchmark.name)
    evaluation = judge(submission, benchmark, cohort, predictions)
    key = evaluation_key(submission, cohort, evaluation)
    enclave.keep_evaluation(submission.submission_id, key, evaluation)
    released = release(
        evaluation,
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
