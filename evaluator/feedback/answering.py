"""Turns a whole release into the one answer that the ladder or Thresholdout gives.

An answer is stored in the enclave before it is published, with the key of its evaluation. A run
that is cut off between the two, and a later version of the scoring code, find it and give the same
document: nothing is tested or drawn twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluator.disclosure.control import Release
from evaluator.disclosure.rounding import INSUFFICIENT, decimals, plain
from evaluator.disclosure.rule import LADDER
from evaluator.feedback import ladder, thresholdout
from evaluator.feedback_choice import AUROC, NO_IMPROVEMENT
from evaluator.scoring.results import OVERALL, Result
from evaluator.stores import answers
from evaluator.stores.answers import Answer
from evaluator.stores.enclave import Enclave
from metrics.arrays import Bools, Floats
from metrics.estimate import Estimate

BUDGET_SPENT = "the cohort's budget of answers is spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One submission's look at a cohort.

    ``labels`` (n,), ``scores`` (n,) and ``patients`` (n,) in the order of the cohort's cases;
    ``auroc`` unrounded, None where it is undefined; ``practice`` the AUROC on practice cases;
    ``lifetime`` the looks of the team in all. ``scores_of`` gives the scores of an earlier
    submission on the same cases.
    """

    labels: Bools
    scores: Floats
    patients: NDArray[np.str_]
    auroc: float | None
    practice: float | None
    lifetime: int | None
    scores_of: Callable[[str], Floats]


@dataclass(frozen=True, slots=True)
class _Told:
    estimate: Estimate
    step: bool = False
    spends: bool = False


def given(enclave: Enclave, submission_id: str, cohort_digest: str) -> tuple[str, Release] | None:
    """The key and the release of an answer that was given before, or None."""
    earlier = answers.given(enclave, submission_id, cohort_digest)
    return (
        None if earlier is None else (earlier.evaluation_key, Release.from_json(earlier.document))
    )


def answer(enclave: Enclave, key: str, whole: Release, look: Look) -> tuple[str, Release]:
    """Give the answer to one look and store it; an answer that is stored already stands.

    ``whole`` is what an open benchmark would release, ``key`` that of its evaluation.
    """
    before = given(enclave, whole.submission_id, whole.cohort_digest)
    if before is not None:
        return before
    step = _climb if whole.rule.feedback == LADDER else _threshold
    reply = step(enclave, whole, look)
    released = _alone(whole, reply.estimate)
    answered = answers.keep(
        enclave,
        Answer(
            submission_id=whole.submission_id,
            cohort_digest=whole.cohort_digest,
            team=whole.team,
            evaluation_key=key,
            step=reply.step,
            spends=reply.spends,
            document=released.to_json(),
        ),
    )
    return answered.evaluation_key, Release.from_json(answered.document)


def _climb(enclave: Enclave, whole: Release, look: Look) -> _Told:
    """The ladder: the released AUROC where it is a step, else that of the last step."""
    new = _primary(whole)
    if new.value is None:
        return _Told(new)
    best = answers.last_step(enclave, whole.team, whole.cohort_digest)
    if best is None:
        return _Told(replace(new, method=f"{new.method}; first step of the ladder"), step=True)
    assert look.lifetime is not None
    if ladder.is_step(
        look.labels,
        look.scores,
        look.scores_of(best.submission_id),
        look.patients,
        looks=look.lifetime,
    ):
        return _Told(replace(new, method=f"{new.method}; a step of the ladder"), step=True)
    former = _primary(Release.from_json(best.document))
    return _Told(
        replace(
            former, method=f"{NO_IMPROVEMENT}; the value is that of submission {best.submission_id}"
        )
    )


def _threshold(enclave: Enclave, whole: Release, look: Look) -> _Told:
    """Thresholdout: the AUROC on practice cases, or the sequestered one with noise."""
    new, rule = _primary(whole), whole.rule
    if new.value is None or look.auroc is None:
        return _Told(new)
    if answers.spent(enclave, whole.cohort_digest) >= rule.thresholdout_budget:
        return _Told(replace(new, value=None, low=None, high=None, undefined=BUDGET_SPENT))
    ranks = hashlib.sha256(thresholdout.ranking(look.scores)).hexdigest()
    noisy = thresholdout.told(
        look.auroc,
        look.practice,
        difference=rule.thresholdout_difference,
        noise=rule.thresholdout_noise,
        seed=enclave.seed(0, f"thresholdout {whole.cohort_digest} {ranks}"),
    )
    digits = decimals(
        None, None, whole.n_cases, confidence=whole.confidence, most=rule.maximum_digits
    )
    value = plain(round(noisy.value, digits))
    return _Told(
        replace(new, value=value, low=None, high=None, method="Thresholdout, no interval"),
        spends=noisy.spends,
    )


def _primary(release: Release) -> Estimate:
    """The overall AUROC of a release, with no count but the cohort's size."""
    estimate = release.find(AUROC)
    if estimate is not None:
        return replace(
            estimate, n_cases=release.n_cases, n_patients=release.n_patients, n_positive=0
        )
    return Estimate(
        value=None,
        low=None,
        high=None,
        n_cases=release.n_cases,
        n_patients=release.n_patients,
        n_positive=0,
        method="",
        undefined=INSUFFICIENT,
    )


def _alone(whole: Release, estimate: Estimate) -> Release:
    """The release of one figure: no groups, curves, gaps, target or count but the cohort's size."""
    return replace(
        whole,
        n_positive=None,
        results=(Result.named(AUROC, *OVERALL, estimate),),
        curves=(),
        withheld=(),
        effective_patients=None,
        declared_gaps=(),
        target=None,
    )
