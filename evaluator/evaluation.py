"""The one path of a submission: blinded cases, container, predictions, score, release."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from cohort_selection.cohort import Cohort
from evaluator.determinism import repeat
from evaluator.disclosure import Release, release
from evaluator.enclave import Enclave, Event
from evaluator.engine import Engine, EngineUnavailable
from evaluator.probing import set_apart, without
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

    A run that had ended before, well or through a fault of the team's, is not run again. Raises
    ContractBroken for whatever is the team's; the enclave has the whole story either way.
    """
    name = submission.submission_id
    kept = enclave.predictions(name, cohort.digest)
    if kept is not None:
        return kept
    for attempt in enclave.attempts(name):
        if attempt.failure is not None:
            raise ContractBroken(attempt.failure, attempt.detail, attempt.log)
    if not engine.has(submission.image_digest):
        raise EngineUnavailable(
            f"the engine has no image {submission.image_digest} any more; load it again"
        )
    engine.remove_orphans(name)
    remove_leftovers(enclave.staging_folder())
    key = enclave.blinding_key(name)
    blinded = cohort.blinded(key, benchmark.contract.visible)
    enclave.record(name, cohort.digest, Event.STARTED)
    try:
        with stage(blinded, benchmark.contract, enclave.staging_folder()) as staged:
            outcome = engine.run(
                submission.image_digest, staged, benchmark.contract, submission_id=name
            )
            given = {case.case_id for case in blinded}
            opaque = read_predictions(staged.predictions, given, benchmark.contract)
        repetition = repeat(
            submission.image_digest,
            blinded,
            opaque,
            benchmark.contract,
            engine,
            enclave.staging_folder(),
            submission_id=name,
            seed=int.from_bytes(key[:4], "big"),
        )
    except ContractBroken as broken:
        enclave.record_failure(name, cohort.digest, broken)
        raise
    if repetition.n_cases:
        enclave.record(
            name,
            cohort.digest,
            Event.REPEATED,
            f"{repetition.n_cases} cases run again: largest difference "
            f"{repetition.largest_difference:g}",
        )
    known = cohort.unblind(key)
    predictions = Predictions(
        {known[case_id].case_id: values for case_id, values in opaque.values.items()}
    )
    enclave.record_predictions(
        name,
        cohort.digest,
        predictions,
        log=outcome.log_tail,
        seconds_start=outcome.seconds_start,
        seconds_infer=outcome.seconds_infer,
    )
    return predictions


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
