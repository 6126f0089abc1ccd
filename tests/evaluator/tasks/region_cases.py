"""Cases of one small picture each, for masks and marks that can be counted by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cohort_selection.cases import Case, Region
from cohort_selection.task.declaration import Task
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import Evaluation
from evaluator.tasks.kinds import Judged
from evaluator.tasks.scored_cases import ScoredCases

UID = "2.25.710"
"""Of the radiograph of ``annotated_pictures``: 12 rows of 16 pixels, 0.2 and 0.1 mm apart."""


def by(task: Task, *, minimum: int = 1, subgroups: tuple[str, ...] = ()) -> Judged:
    plan = AnalysisPlan(
        primary="mean_dice", subgroups=subgroups, minimum_cases=2, minimum_per_class=1
    )
    return Judged(
        task=task,
        plan=plan,
        plan_digest=plan.digest,
        threshold=0.5,
        weights=lambda _: None,
        minimum=minimum,
    )


def given(
    files: Sequence[Path],
    regions: Sequence[tuple[Region, ...]],
    marked: Sequence[str],
    amounts: Sequence[float] | None = None,
    attributes: Mapping[str, Sequence[str]] | None = None,
) -> ScoredCases:
    """Cases of the same ``files``, with their regions, and the rows that a model wrote."""
    named = attributes or {}
    cases = tuple(
        Case(f"case-{i}", f"patient-{i}", tuple(files), int(bool(each)), {}, {}, each)
        for i, each in enumerate(regions)
    )
    return ScoredCases(
        cases=cases,
        labels=np.array([bool(each) for each in regions]),
        scores=np.array(amounts if amounts is not None else [1.0] * len(cases)),
        patients=np.array([case.patient_id for case in cases]),
        attributes={name: np.array(column) for name, column in named.items()},
        marked=tuple(marked),
    )


def value(evaluation: Evaluation, name: str) -> float | None:
    """A figure of everyone."""
    (found,) = [
        result.estimate.value
        for result in evaluation.results
        if result.metric == name and result.attribute == "overall"
    ]
    return found
