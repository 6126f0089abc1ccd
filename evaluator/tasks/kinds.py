"""What a kind of task is: its whole, its parts, and what of its predictions sets cases apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cohort_selection.task.declaration import Task
from evaluator.disclosure.protection import NOTHING, Also
from evaluator.probing.set_apart import SetApart, set_apart
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import Evaluation
from evaluator.scoring.score import score
from evaluator.scoring.target_population import TargetWeights
from evaluator.tasks.scored_cases import ScoredCases
from evaluator.tasks.tops import Measures
from evaluator.tasks.weighed import Weigh
from metrics.figure_name import FigureName
from metrics.gaps.tests import DECLARABLE
from metrics.group import SAMPLED


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a task: its cases with its own labels and scores, and its operating point."""

    cases: ScoredCases
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What predictions are scored by: the task, the analysis plan, and the digest of both.

    ``threshold`` is the submission's. ``weights`` weighs cases to the target population, and
    ``part_weights`` those of a part, whose label is another than the target's. ``minimum`` is the
    fewest cases that predictions may set apart.
    """

    task: Task
    plan: AnalysisPlan
    plan_digest: str
    threshold: float
    weights: Callable[[ScoredCases], TargetWeights | None]
    minimum: int
    part_weights: Callable[[ScoredCases], TargetWeights | None] = lambda given: None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of task.

    ``top`` scores the task as a whole, without its parts. ``parts`` gives them by name. ``apart``
    finds what predictions set apart among the figures of the whole. ``tied`` says that the counts
    of one part tell something of another's, so that what one withholds is withheld in all; what
    the parts would tell of a group between them is withheld ``between``. What it ``measures``, and
    how it ``weighs`` answers, serves comparisons; both are None where one score is compared.
    """

    top: Callable[[ScoredCases, Judged], Evaluation]
    parts: Callable[[ScoredCases, Judged], Mapping[str, Part]]
    apart: Callable[[ScoredCases, Judged], SetApart]
    tied: bool = False
    between: Callable[[ScoredCases, Judged], Also] = lambda given, by: NOTHING
    measures: Callable[[ScoredCases, Judged], Measures] | None = None
    weighs: Callable[[ScoredCases, Judged, FigureName], Weigh] | None = None


def scored(
    given: ScoredCases, threshold: float | None, by: Judged, *, part: bool = False
) -> Evaluation:
    """The whole report of one score against one label, that of the task or of a ``part``.

    A design that sets the number of positive patients sets that of the task's label. How many have
    a part's label is then taken as chance, which makes its intervals no narrower than they are. A
    declared gap of the whole, as in the error of grades, is none of its parts.
    """
    plan = by.plan
    if part:
        plan = replace(by.plan, sampling_design=SAMPLED, fixed_attributes=())
        plan = plan.testing([gap for gap in plan.declared_gaps if gap[0] in DECLARABLE])
    return score(
        given.labels,
        given.scores,
        given.patients,
        given.attributes,
        plan,
        threshold,
        target=(by.part_weights if part else by.weights)(given),
        ranks_only=not by.task.gives_probabilities,
    )


def one_score_apart(
    given: ScoredCases, threshold: float, by: Judged, *, many: float = math.inf
) -> SetApart:
    """What one score sets apart, for everyone and each declared group; ``many`` as there."""
    return set_apart(
        given.scores,
        threshold,
        {name: given.attributes[name] for name in by.plan.subgroups},
        by.plan.intersections,
        by.minimum,
        probabilities=by.task.gives_probabilities,
        many=many,
    )
