"""Prints the result of `score` for a task of several outputs: the whole, then its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType

from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL, Task
from evaluator.case_tables.scoring_input import Reading, ScoringInputError
from evaluator.leaderboard import own_scores
from evaluator.own_readers.own_study import Written
from evaluator.own_tasks.graded import DEFAULT_THRESHOLD
from evaluator.own_tasks.own_task import (
    OwnTask,
    evaluations,
    judge_own,
    write_report,
)
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.screen import console
from evaluator.terminal.score_screen import labels_table, whole_screen

AREA = "auroc"
_AGAINST = {
    MULTICLASS: "each class against the rest",
    MULTILABEL: "each finding where known",
    ORDINAL: "each cut of the grades",
}


def print_task(
    task: Task,
    reading: Reading,
    tables: tuple[Path, Path],
    plan: AnalysisPlan,
    threshold: float | None,
    places: Written,
    claims: Path | None,
) -> None:
    """Judge two tables by a task, print whole and parts, and write what was asked for.

    Raises ScoringInputError.
    """
    if claims is not None:
        raise ScoringInputError(
            f"--claims is given beside a {task.kind} task; claims are judged of one score against "
            "one label: leave one of the two out"
        )
    notes: list[str] = []
    reading["tell"] = notes.append
    own = judge_own(*tables, task, plan, threshold, **reading)
    if threshold is None and plan.threshold is None and task.kind != ORDINAL:
        notes.append(f"a case is called from {DEFAULT_THRESHOLD:g} on; --threshold gives another")
    console.print(task_summary(own, notes))
    if places.output is not None:
        own_scores.write_json({task.kind: own.evaluation}, places.output)
    if places.table is not None:
        own_scores.write_csv(evaluations(own), places.table)
    if places.report is not None:
        write_report(own, task.kind, places.report)


def task_summary(own: OwnTask, notes: Sequence[str]) -> RenderableType:
    """The figures of the whole with its groups and gaps, and one line a part."""
    kind = own.by.task.kind
    whole = whole_screen(kind, own.evaluation, own.primary)
    parts = {part.name: part.evaluation for part in own.evaluation.parts}
    if not parts:
        return Group(*whole, *(f"note: {note}" for note in notes))
    against = _AGAINST[kind]
    return Group(
        *whole, f"{against}:", labels_table(parts, AREA), *(f"note: {note}" for note in notes)
    )
