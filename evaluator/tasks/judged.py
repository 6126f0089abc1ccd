"""Scores predictions by the kind of task; the one table of kinds.

A kind adds its own ``Kind`` to ``KINDS``: what its parts are, what is scored of the task as a
whole, and which of it would read labels off predictions that set few cases apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cohort_selection.task.declaration import BINARY, SCORE, Task
from evaluator.probing.set_apart import SetApart, set_apart
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import EvaluatedPart, Evaluation
from evaluator.scoring.score import score
from evaluator.scoring.target_population import TargetWeights
from evaluator.tasks.scored_cases import ScoredCases


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a task: its cases with its own labels and scores, and its operating point."""

    cases: ScoredCases
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What predictions are scored by: the task, the analysis plan, and the digest of both.

    ``threshold`` is the submission's. ``weights`` weighs cases to the target population.
    ``minimum`` is the fewest cases that predictions may set apart.
    """

    task: Task
    plan: AnalysisPlan
    plan_digest: str
    threshold: float
    weights: Callable[[ScoredCases], TargetWeights | None]
    minimum: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of task.

    ``top`` scores the task as a whole, without its parts. ``parts`` gives them by name. ``apart``
    finds what predictions set apart among the figures of the whole. ``tied`` says that the counts
    of one part tell something of another's, so that what one withholds is withheld in all.
    """

    top: Callable[[ScoredCases, Judged], Evaluation]
    parts: Callable[[ScoredCases, Judged], Mapping[str, Part]]
    apart: Callable[[ScoredCases, Judged], SetApart]
    tied: bool = False


def scored(given: ScoredCases, threshold: float | None, by: Judged) -> Evaluation:
    """The whole report of one score against one label."""
    return score(
        given.labels,
        given.scores,
        given.patients,
        given.attributes,
        by.plan,
        threshold,
        target=by.weights(given),
    )


def one_score_apart(given: ScoredCases, threshold: float, by: Judged) -> SetApart:
    """What one score sets apart, for everyone and each declared group."""
    return set_apart(
        given.scores,
        threshold,
        {name: given.attributes[name] for name in by.plan.subgroups},
        by.plan.intersections,
        by.minimum,
    )


def _no_parts(given: ScoredCases, by: Judged) -> Mapping[str, Part]:
    return {}


_ONE_SCORE = Kind(
    top=lambda given, by: scored(given, by.threshold, by),
    parts=_no_parts,
    apart=lambda given, by: one_score_apart(given, by.threshold, by),
)

KINDS: dict[str, Kind] = {BINARY: _ONE_SCORE, SCORE: _ONE_SCORE}
"""Kind of task -> how it is judged."""


def judge(given: ScoredCases, by: Judged) -> Evaluation:
    """Score predictions against the reference standard: everything, whatever may be released."""
    kind = KINDS[by.task.kind]
    parts = tuple(
        EvaluatedPart(name, scored(part.cases, part.threshold, by))
        for name, part in kind.parts(given, by).items()
    )
    return replace(kind.top(given, by), plan_digest=by.plan_digest, parts=parts)
