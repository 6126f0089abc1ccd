"""What follows a run: predictions, score, and what disclosure control lets out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cohort_selection.matching.estimand import Estimand
from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.disclosure.control import Release, release
from evaluator.disclosure.probing import set_apart, without
from evaluator.identity import evaluation_key
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.code_version import former_version
from evaluator.scoring.results import Evaluation
from evaluator.scoring.score import score
from evaluator.scoring.target_population import against_target
from evaluator.stores.enclave import Enclave
from submissions.predictions import Predictions
from submissions.submission import Submission


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A release ready for the ledger, with the key that names its inputs.

    ``former_key`` is the key that a former version of Sequestra gave to the same evaluation.
    """

    key: str
    release: Release
    former_key: str | None


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
    target = against_target(
        cases,
        cohort.target,
        case_control=benchmark.cohort.estimand is Estimand.CASE_CONTROL,
    )
    full = score(labels, scores, patients, attributes, plan, submission.threshold, target=target)
    found = set_apart(
        scores,
        submission.threshold,
        {name: attributes[name] for name in plan.subgroups},
        plan.intersections,
        benchmark.disclosure.minimum_cell,
    )
    return full, without(full, found)


def evaluate(
    submission: Submission,
    benchmark: Benchmark,
    cohort: Cohort,
    predictions: Predictions,
    enclave: Enclave,
) -> Evaluated:
    """Score, keep the evaluation in the enclave, and pass it through disclosure control."""
    full, harmless = judge(submission, benchmark, cohort, predictions)
    key = evaluation_key(submission, cohort, full)
    enclave.keep_evaluation(submission.submission_id, key, full)
    released = release(
        harmless,
        submission=submission,
        cohort_digest=cohort.digest,
        rule=benchmark.disclosure,
    )
    enclave.keep_release(submission.submission_id, key, released.to_json())
    former = former_version(full.code_version)
    former_key = None if former is None else evaluation_key(submission, cohort, full, former)
    return Evaluated(key, released, former_key)


def prepare() -> None:
    """Compile or load the kernels of scoring, which takes longer than a score."""
    labels = np.arange(80) % 2 == 1
    plan = AnalysisPlan(replicates=100)
    score(labels, np.linspace(0, 1, 80), plan=plan, threshold=0.5)
