"""Gathers what a comparison is made of: releases that are covered, predictions, labels, looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.comparing.answers import OfKind, OneScore
from evaluator.comparing.compared import Candidate, Cases, Terms, compared
from evaluator.comparing.due import Due
from evaluator.comparing.looks import looks
from evaluator.comparison import (
    ANOTHER_PLAN,
    OTHER_OF_MODEL,
    Comparison,
    NotCompared,
)
from evaluator.disclosure.control import Release
from evaluator.evaluation import judged_by
from evaluator.glossary import figure
from evaluator.leaderboard.board.ranking import Entrant, placed
from evaluator.scoring.code_version import code_version
from evaluator.scoring.score import choices_of
from evaluator.stores.enclave import Enclave
from evaluator.tasks.judged import KINDS
from evaluator.tasks.scored_cases import ScoredCases, read_cases
from metrics.figure_name import FigureName
from submissions.ledger.ledger import Ledger

REPLICATES = 2_000
_PURPOSE = "comparison"
"""What the seed of the replicates is drawn for."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The two stores, and the benchmark whose submissions are compared, with its cohort."""

    ledger: Ledger
    enclave: Enclave
    benchmark: Benchmark
    cohort: Cohort


@dataclass(frozen=True, slots=True)
class _Kept:
    """A release that this enclave scored, with its cases."""

    release: Release
    given: ScoredCases


def gathered(sources: Sources, cause: Due, now: datetime) -> Comparison:
    """Compare the submissions that a due comparison covers.

    Only releases that this enclave scored take part, under the benchmark's plan and on its cohort.
    Looks are counted up to ``now``.
    """
    plan = sources.benchmark.analysis
    stored, others = _kept(sources, cause)
    board = placed([each.release for each in stored.values()], plan.primary)
    chosen = [place.entrant for place in board]
    standing = {each.submission_id for each in chosen}
    others += [
        NotCompared(submission_id=name, reason=OTHER_OF_MODEL)
        for name in stored
        if name not in standing
    ]
    terms = Terms(
        figure=plan.primary,
        higher_is_better=figure(plan.primary).better == "higher",
        confidence=plan.confidence,
        replicates=REPLICATES,
        seed=sources.enclave.seed(plan.seed, _PURPOSE),
        design=plan.sampling_design,
        choices=choices_of(plan, plan.threshold),
        rule=sources.benchmark.disclosure,
    )
    candidates = _candidates(sources, cause, now, chosen, stored)
    result = compared(candidates, _cases(stored, chosen), terms)
    return Comparison(
        benchmark=sources.benchmark.name,
        cohort_digest=sources.cohort.digest,
        plan_digest=plan.digest,
        figure=plan.primary,
        confidence=plan.confidence,
        replicates=REPLICATES,
        seed_note=f"{REPLICATES:,} replicates of the cohort's patients, the same for every "
        f"submission and in every comparison of this cohort; drawn from a secret of the "
        f"installation",
        frozen_at=cause.at,
        code_version=code_version(),
        entries=result.entries,
        pairs=result.pairs,
        others=tuple(sorted((*others, *result.others), key=lambda each: each.submission_id)),
    )


def _kept(sources: Sources, cause: Due) -> tuple[dict[str, _Kept], list[NotCompared]]:
    """The covered releases that can be compared, oldest first, and those that cannot."""
    covered = {each.submission_id for each in cause.covered}
    digests = sources.cohort.digest, sources.benchmark.plan_digest
    stored: dict[str, _Kept] = {}
    others = []
    first: ScoredCases | None = None
    for published in sources.ledger.releases(sources.benchmark.name):
        name = published.submission_id
        if name not in covered:
            continue
        predictions = sources.enclave.predictions(name, sources.cohort.digest)
        release = Release.from_json(published.document)
        ours = sources.enclave.vouches(name, published.evaluation_key, published.document)
        if (
            predictions is None
            or not ours
            or (release.cohort_digest, release.plan_digest) != digests
        ):
            others.append(NotCompared(submission_id=name, reason=ANOTHER_PLAN))
            continue
        if first is None:
            first = read_cases(sources.cohort, predictions, sources.benchmark.outputs)
        # Masks are large, and of most submissions not needed again.
        stored[name] = _Kept(release, replace(first.answered(predictions), marked=()))
    return stored, others


def _cases(stored: Mapping[str, _Kept], chosen: Sequence[Entrant]) -> Cases:
    """Labels, patients and levels, which all share; none where nobody is chosen."""
    if not chosen:
        none = np.array([], dtype=np.str_)
        return Cases(labels=np.array([], dtype=np.bool_), patients=none, attributes={})
    scored = stored[chosen[0].submission_id].given
    return Cases(labels=scored.labels, patients=scored.patients, attributes=scored.attributes)


def _candidates(
    sources: Sources,
    cause: Due,
    now: datetime,
    chosen: Sequence[Entrant],
    stored: Mapping[str, _Kept],
) -> list[Candidate]:
    entered = {each.submission_id: each.number for each in cause.covered}
    counted = looks(sources.ledger, sources.benchmark.name, now)
    candidates = []
    for row in chosen:
        one = stored[row.submission_id]
        submission = sources.ledger.submission(row.submission_id)
        by = judged_by(submission, sources.benchmark, sources.cohort)
        given = _with_regions(sources, row.submission_id, one.given)
        kind = KINDS[by.task.kind]
        name = FigureName.read(by.plan.primary)
        candidates.append(
            Candidate(
                release=one.release,
                answers=OneScore(given.scores, one.release.threshold, name)
                if kind.measures is None
                else OfKind(given, by, name),
                apart=kind.apart(given, by),
                looks=counted[submission.team.casefold()],
                baseline=row.baseline,
                entered=entered[row.submission_id],
            )
        )
    return candidates


def _with_regions(sources: Sources, name: str, given: ScoredCases) -> ScoredCases:
    """The cases beside the masks or marks of a submission, where the task asks for them."""
    if not sources.benchmark.task.has_regions:
        return given
    predictions = sources.enclave.predictions(name, sources.cohort.digest)
    assert predictions is not None  # read before
    return given.answered(predictions)
