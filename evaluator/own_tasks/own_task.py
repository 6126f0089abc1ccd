"""Judges the tables of a reader by a task of several outputs: evaluation, and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Unpack

from cohort_selection.atomic_files import write_bytes
from cohort_selection.task.declaration import Task
from evaluator.benchmark.beside_task import PRIMARY
from evaluator.case_tables.scoring_input import Reading
from evaluator.leaderboard.own_scores import NOTHING_WITHHELD
from evaluator.leaderboard.reports.footing import OWN_SCORES
from evaluator.leaderboard.reports.report import render_report
from evaluator.own_tasks import graded
from evaluator.own_tasks.tables import read_outputs
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import Evaluation
from evaluator.scoring.score_tables import in_bands
from evaluator.tasks.judged import judge
from evaluator.tasks.kinds import Judged
from evaluator.tasks.released import Rules, released
from evaluator.tasks.scored_cases import ScoredCases
from submissions.submission import State, Submission


@dataclass(frozen=True, slots=True)
class OwnTask:
    """What a reader's tables gave: the cases, how they were judged, and the whole evaluation."""

    given: ScoredCases
    by: Judged
    evaluation: Evaluation

    @property
    def primary(self) -> str:
        """The figure that heads screen and page."""
        return self.by.plan.primary


def judge_own(
    predictions: Path,
    truth: Path,
    task: Task,
    plan: AnalysisPlan,
    threshold: float | None,
    **reading: Unpack[Reading],
) -> OwnTask:
    """Judge two tables by a task; a part's cases are called from ``threshold`` on, or from 0.5;
    grades from each cut.

    Raises ScoringInputError and PlanError.
    """
    attribute_names = (*plan.subgroups, *(name for names in plan.intersections for name in names))
    attributes = tuple(dict.fromkeys(attribute_names))
    threshold = graded.threshold_of(task, threshold)
    if task.kind in graded.OF_ONE_OUTPUT:
        scored = graded.read_cases(predictions, truth, task, attributes, threshold, **reading)
    else:
        scored = read_outputs(predictions, truth, task, attributes, **reading)
    own = in_bands(plan, scored.attributes)
    own.refuse_single_levels(scored.attributes)
    if own.primary == AnalysisPlan().primary:
        own = replace(own, primary=PRIMARY[task.kind])
    by = Judged(
        task=task,
        plan=own,
        plan_digest=own.digest,
        threshold=threshold,
        weights=lambda _: None,
        minimum=NOTHING_WITHHELD.minimum_cell,
    )
    return OwnTask(scored, by, judge(scored, by))


def write_report(own: OwnTask, title: str, path: Path) -> None:
    """Write the report of the whole with its parts as one HTML page, nothing withheld."""
    submission = Submission(
        submission_id=OWN_SCORES,
        team=OWN_SCORES,
        model=title,
        benchmark=OWN_SCORES,
        image_digest="none",
        threshold=own.by.threshold,
        state=State.RELEASED,
        received=datetime.now(UTC),
    )
    rules = Rules(
        submission=submission, cohort_digest="none", disclosure=NOTHING_WITHHELD, earlier=()
    )
    shown = released(own.evaluation, own.given, own.by, rules)
    write_bytes(path, render_report(shown, title=title, primary=own.primary).encode())


def evaluations(own: OwnTask) -> dict[str, Evaluation]:
    """The whole under the name of its kind, then each part, for tables of figures."""
    parts = {part.name: part.evaluation for part in own.evaluation.parts}
    return {own.by.task.kind: replace(own.evaluation, parts=()), **parts}
