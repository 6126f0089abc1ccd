"""What follows a run: predictions, score, and what disclosure control lets out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.matching.estimand import Estimand
from cohort_selection.sealing.cohort import Cohort
from evaluator.attacker.nesting import nesting
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.verdict import StudyVerdict
from evaluator.disclosure.control import Release, release
from evaluator.disclosure.probing import SetApart, set_apart, without
from evaluator.disclosure.rule import ONE_FIGURE
from evaluator.feedback import answering
from evaluator.identity import evaluation_key
from evaluator.panel_figures import with_panels
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.code_version import code_version, former_version
from evaluator.scoring.results import OVERALL, Evaluation, read_evaluation
from evaluator.scoring.score import score
from evaluator.scoring.target_population import against_target
from evaluator.stores import decided
from evaluator.stores.enclave import Enclave, EnclaveError
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


@dataclass(frozen=True, slots=True)
class ScoredCases:
    """The cases of a cohort beside what was predicted of them, in the order of the cohort.

    ``labels`` (n,) bool, ``scores`` (n,), ``patients`` (n,) ids, ``attributes`` and what sealed
    ``comparators`` said, each (n,).
    """

    cases: tuple[Case, ...]
    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    patients: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.str_]]
    comparators: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


Judge = Callable[[Submission, Benchmark, Cohort, ScoredCases, Release], StudyVerdict | None]
"""Gives what a release tells of declared claims; see ``evaluator/feedback/claims_judged.py``."""


def read_cases(cohort: Cohort, predictions: Predictions) -> ScoredCases:
    """Open the labels of a cohort, and put the first output of the predictions beside them."""
    cases = cohort.cases()
    return ScoredCases(
        cases=cases,
        labels=np.array([case.label == 1 for case in cases], dtype=np.bool_),
        scores=np.array([predictions.values[c.case_id][0] for c in cases], dtype=np.float64),
        patients=np.array([case.patient_id for case in cases]),
        attributes={
            name: np.array([case.attributes[name] for case in cases])
            for name in cases[0].attributes
        },
        comparators={
            name: np.array([said[case.case_id] for case in cases], dtype=np.float64)
            for name, said in cohort.comparators().items()
        },
    )


def judge(
    submission: Submission, benchmark: Benchmark, cohort: Cohort, given: ScoredCases
) -> Evaluation:
    """Score predictions against the reference standard: everything, whatever may be released."""
    target = against_target(
        given.cases,
        cohort.target,
        case_control=benchmark.cohort.estimand is Estimand.CASE_CONTROL,
    )
    return score(
        given.labels,
        given.scores,
        given.patients,
        given.attributes,
        benchmark.analysis,
        submission.threshold,
        target=target,
    )


def told_apart(submission: Submission, benchmark: Benchmark, given: ScoredCases) -> SetApart:
    """Find where predictions set a few cases apart, so that figures would read their labels."""
    plan = benchmark.analysis
    return set_apart(
        given.scores,
        submission.threshold,
        {name: given.attributes[name] for name in plan.subgroups},
        plan.intersections,
        benchmark.disclosure.minimum_cell,
    )


def evaluate(
    submission: Submission,
    benchmark: Benchmark,
    cohort: Cohort,
    predictions: Predictions,
    enclave: Enclave,
    *,
    practice: float | None = None,
    judge_claims: Judge | None = None,
) -> Evaluated:
    """Score, keep the evaluation in the enclave, and pass it through disclosure control.

    Where the benchmark tells one figure alone, that answer is given once: a second call, by a later
    version of the scoring code too, gives the same. ``practice`` is the AUROC on practice cases.

    An evaluation that the enclave holds under the same key, of a run that was cut off or a result
    that was held, is the one that is released: it is not scored again. ``judge_claims`` gives what
    the release tells of the claims that were sealed with the cohort.
    """
    plan, code = benchmark.analysis, code_version()
    key = evaluation_key(submission, cohort, plan.digest, code)
    cases = read_cases(cohort, predictions)
    kept = enclave.evaluation(submission.submission_id, key)
    if kept is None:
        full = judge(submission, benchmark, cohort, cases)
        enclave.keep_evaluation(submission.submission_id, key, full)
    else:
        full = read_evaluation(kept)
    nested = benchmark.disclosure.nested
    released = release(
        without(full, told_apart(submission, benchmark, cases)),
        submission=submission,
        cohort_digest=cohort.digest,
        rule=benchmark.disclosure,
        everything=full,
        nesting=nesting(nested, cases.labels, cases.patients, cases.attributes),
        earlier=decided.before(enclave, submission, key, cohort),
    )
    if benchmark.disclosure.feedback in ONE_FIGURE:
        look = _look(benchmark, cohort, cases, full, enclave, practice)
        key, released = answering.answer(enclave, key, released, look)
    released = with_panels(released, benchmark.panels, cases)
    if judge_claims is not None:
        verdict = judge_claims(submission, benchmark, cohort, cases, released)
        released = replace(released, verdict=verdict)
    decided.keep(enclave, key, cohort, released)
    enclave.keep_release(submission.submission_id, key, released.to_json())
    former = former_version(code)
    former_key = None
    if former is not None:
        former_key = evaluation_key(submission, cohort, plan.digest, former)
    return Evaluated(key, released, former_key)


def _look(
    benchmark: Benchmark,
    cohort: Cohort,
    given: ScoredCases,
    full: Evaluation,
    enclave: Enclave,
    practice: float | None,
) -> answering.Look:
    """A look as the ladder and Thresholdout need it."""

    def scores_of(submission_id: str) -> NDArray[np.float64]:
        kept = enclave.predictions(submission_id, cohort.digest)
        if kept is None:
            raise EnclaveError(f"submission {submission_id} has an answer and no predictions")
        return np.array([kept.values[case.case_id][0] for case in given.cases], dtype=np.float64)

    values = [r.estimate.value for r in full.results if r.group == OVERALL and r.metric == "auroc"]
    return answering.Look(
        labels=given.labels,
        scores=given.scores,
        patients=given.patients,
        auroc=values[0] if values else None,
        practice=practice,
        lifetime=benchmark.quota.lifetime,
        scores_of=scores_of,
    )


def prepare() -> None:
    """Compile or load the kernels of scoring, which takes longer than a score."""
    labels = np.arange(80) % 2 == 1
    plan = AnalysisPlan(replicates=100)
    score(labels, np.linspace(0, 1, 80), plan=plan, threshold=0.5)
