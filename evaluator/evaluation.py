"""What follows a run: predictions, score, and what disclosure control lets out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import LABEL
from cohort_selection.matching.estimand import Estimand
from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.verdict import StudyVerdict
from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import ONE_FIGURE
from evaluator.feedback import answering
from evaluator.identity import evaluation_key
from evaluator.panel_figures import with_panels
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.code_version import code_version, former_version
from evaluator.scoring.results import JOINT, OVERALL, Evaluation, read_evaluation
from evaluator.scoring.score import score
from evaluator.scoring.target_population import against_target
from evaluator.stores import decided
from evaluator.stores.enclave import Enclave, EnclaveError
from evaluator.tasks.judged import Judged, judge
from evaluator.tasks.released import Rules, released
from evaluator.tasks.scored_cases import ScoredCases, read_cases
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


JudgeClaims = Callable[[Submission, Benchmark, Cohort, ScoredCases, Release], StudyVerdict | None]
"""Gives what a release tells of declared claims; see ``evaluator/feedback/claims_judged.py``."""


def judged_by(submission: Submission, benchmark: Benchmark, cohort: Cohort) -> Judged:
    """What the predictions of a submission are scored by."""
    case_control = benchmark.cohort.estimand is Estimand.CASE_CONTROL
    of_part = {name: row for name, row in cohort.target.items() if LABEL not in name.split(JOINT)}
    return Judged(
        task=benchmark.task,
        plan=benchmark.analysis,
        plan_digest=benchmark.plan_digest,
        threshold=submission.threshold,
        weights=lambda cases: against_target(cases.cases, cohort.target, case_control=case_control),
        minimum=benchmark.disclosure.minimum_cell,
        part_weights=lambda cases: against_target(cases.cases, of_part, case_control=case_control),
    )


def evaluate(
    submission: Submission,
    benchmark: Benchmark,
    cohort: Cohort,
    predictions: Predictions,
    enclave: Enclave,
    *,
    practice: float | None = None,
    judge_claims: JudgeClaims | None = None,
) -> Evaluated:
    """Score, keep the evaluation in the enclave, and pass it through disclosure control.

    Where the benchmark tells one figure alone, that answer is given once: a second call, by a later
    version of the scoring code too, gives the same. ``practice`` is the AUROC on practice cases.

    An evaluation that the enclave holds under the same key, of a run that was cut off or a result
    that was held, is the one that is released: it is not scored again. ``judge_claims`` gives what
    the release tells of the claims that were sealed with the cohort.
    """
    code = code_version()
    key = evaluation_key(submission, cohort, benchmark.plan_digest, code)
    cases = read_cases(cohort, predictions, benchmark.outputs)
    stored = enclave.evaluation(submission.submission_id, key)
    by = judged_by(submission, benchmark, cohort)
    if stored is None:
        full = judge(cases, by)
        enclave.keep_evaluation(submission.submission_id, key, full)
    else:
        full = read_evaluation(stored)
    rules = Rules(
        submission=submission,
        cohort_digest=cohort.digest,
        disclosure=benchmark.disclosure,
        earlier=decided.before(enclave, submission, key, cohort),
    )
    shown = released(full, cases, by, rules)
    if benchmark.disclosure.feedback in ONE_FIGURE:
        look = _look(benchmark, cohort, cases, full, enclave, practice)
        key, shown = answering.answer(enclave, key, shown, look)
    shown = with_panels(shown, benchmark.panels, cases)
    if judge_claims is not None:
        verdict = judge_claims(submission, benchmark, cohort, cases, shown)
        shown = replace(shown, verdict=verdict)
    decided.keep(enclave, key, cohort, shown)
    enclave.keep_release(submission.submission_id, key, shown.to_json())
    former = former_version(code)
    former_key = None
    if former is not None:
        former_key = evaluation_key(submission, cohort, benchmark.plan_digest, former)
    return Evaluated(key, shown, former_key)


def _look(
    benchmark: Benchmark,
    cohort: Cohort,
    scored: ScoredCases,
    full: Evaluation,
    enclave: Enclave,
    practice: float | None,
) -> answering.Look:
    """A look as the ladder and Thresholdout need it."""

    def scores_of(submission_id: str) -> NDArray[np.float64]:
        stored = enclave.predictions(submission_id, cohort.digest)
        if stored is None:
            raise EnclaveError(f"submission {submission_id} has an answer and no predictions")
        return np.array([stored.values[case.case_id][0] for case in scored.cases], dtype=np.float64)

    values = [r.estimate.value for r in full.results if r.group == OVERALL and r.metric == "auroc"]
    return answering.Look(
        labels=scored.labels,
        scores=scored.scores,
        patients=scored.patients,
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
