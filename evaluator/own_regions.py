"""Scores a reader's own predictions at home: two tables, or masks and marks on open cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np

from cohort_selection.cases import Case
from cohort_selection.regions.grids import GridError, read_grids
from cohort_selection.regions.region_table import beside
from cohort_selection.regions.stacks import stack_of
from cohort_selection.sealing.cohort import CohortError
from cohort_selection.sequestration.open_list import read_open
from cohort_selection.task.declaration import SEGMENTATION, Task
from cohort_selection.task.runs import RunsError, read_runs
from evaluator.benchmark.specification import read_task_alone
from evaluator.case_tables.scoring_input import Reading, ScoringInputError
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import JOINT, Evaluation
from evaluator.scoring.score_tables import score_tables
from evaluator.tasks.judged import judge
from evaluator.tasks.kinds import Judged
from evaluator.tasks.scored_cases import ScoredCases
from submissions.contract import Contract
from submissions.predictions import Predictions, parse_predictions
from submissions.submission import ContractBroken

_LARGEST = 1 << 30
_ROUNDING = 1e-6


def score_own(
    predictions: Path,
    truth: Path,
    analysis: AnalysisPlan,
    plan: Path | None = None,
    threshold: float | None = None,
    **reading: Unpack[Reading],
) -> dict[str, Evaluation]:
    """Score predictions label by label; masks and marks where the file ``plan`` asks for them.

    ``truth`` is then a list of open cases, whose regions stand beside it, and ``predictions`` what
    a container would have written for them. Raises ScoringInputError.
    """
    task = None if plan is None else read_task_alone(plan)
    if task is None or not task.has_regions:
        return score_tables(predictions, truth, analysis, threshold=threshold, **reading)
    return {task.kind: score_regions(predictions, truth, analysis, task)}


def score_regions(
    predictions: Path, open_list: Path, analysis: AnalysisPlan, task: Task
) -> Evaluation:
    """Score masks or marks against the regions of open cases; raises ScoringInputError."""
    try:
        cases = read_open(open_list)
    except CohortError as problem:
        raise ScoringInputError(
            f"{problem}; for masks and marks the second table is a list of open cases"
        ) from None
    if not any(case.regions for case in cases):
        raise ScoringInputError(
            f"{open_list.name} has no region beside it; give the list of the open part, with "
            f"{beside(open_list).name} in the same folder"
        )
    read = _read(predictions, cases, task)
    _refuse_misplaced(cases, task, beside(open_list).name)
    scored = _beside(cases, read)
    by = Judged(
        task=task,
        plan=_of_these(analysis, scored),
        plan_digest=analysis.digest,
        threshold=0.5,
        weights=lambda _: None,
        minimum=1,
    )
    return judge(scored, by)


def _read(path: Path, cases: Sequence[Case], task: Task) -> Predictions:
    """Read the predictions as strictly as those of a container."""
    contract = Contract(outputs=task.outputs, form=task.form, output_bytes=_LARGEST)
    try:
        pictures = {
            case.case_id: {
                grid.source: (grid.rows, grid.columns, len(grid.planes))
                for grid in read_grids(case.files)
            }
            for case in cases
        }
        return parse_predictions(path.read_bytes(), tuple(pictures), contract, pictures)
    except ContractBroken as broken:
        raise ScoringInputError(
            f"{path.name}: {broken.detail}; write it as a container does: docs/regions.md"
        ) from None
    except GridError as problem:
        raise ScoringInputError(f"{problem}; give the images of the open part") from None


def _refuse_misplaced(cases: Sequence[Case], task: Task, table: str) -> None:
    """Refuse regions that lie in no picture of their case, and cases that are no one grid."""
    for case in cases:
        grids = read_grids(case.files)
        try:
            places = stack_of(grids).places
        except GridError as problem:
            raise ScoringInputError(f"case {case.case_id} {problem}; leave it out") from None
        sizes = {grid.source: (grid.rows, grid.columns) for grid in grids}
        for region in case.regions:
            where = f"{table}: a region of case {case.case_id}"
            if (region.source, region.frame) not in places:
                raise ScoringInputError(
                    f"{where} is in frame {region.frame} of picture {region.source[:64]}, which "
                    "its plane or volume does not have; correct the table"
                )
            rows, columns = sizes[region.source]
            if region.box is not None:
                _refuse_box(region.box, rows, columns, task, where)
                continue
            try:
                read_runs(region.runs, rows * columns)
            except RunsError as problem:
                raise ScoringInputError(f"{where}: {problem}; correct the table") from None


def _refuse_box(
    box: tuple[float, float, float, float], rows: int, columns: int, task: Task, where: str
) -> None:
    if task.kind == SEGMENTATION:
        raise ScoringInputError(f"{where} is a box, and masks are scored against masks; give runs")
    x, y, width, height = box
    if x + width > columns + _ROUNDING or y + height > rows + _ROUNDING:
        raise ScoringInputError(
            f"{where} leaves its picture of {rows} rows and {columns} columns; correct the table"
        )


def _beside(cases: tuple[Case, ...], predictions: Predictions) -> ScoredCases:
    names = cases[0].attributes
    return ScoredCases(
        cases=cases,
        labels=np.array([case.label == 1 for case in cases], dtype=np.bool_),
        scores=np.array([predictions.values[case.case_id][0] for case in cases], dtype=np.float64),
        patients=np.array([case.patient_id for case in cases]),
        attributes={name: np.array([case.attributes[name] for case in cases]) for name in names},
        marked=tuple(predictions.regions[case.case_id] for case in cases),
    )


def _of_these(analysis: AnalysisPlan, scored: ScoredCases) -> AnalysisPlan:
    """The plan with the groups that the list has; a plan names what a cohort has."""
    attributes = scored.attributes
    gaps = [
        gap for gap in analysis.declared_gaps if all(n in attributes for n in gap[1].split(JOINT))
    ]
    return replace(
        analysis.testing(gaps),
        subgroups=tuple(name for name in analysis.subgroups if name in attributes),
        intersections=tuple(
            names for names in analysis.intersections if all(name in attributes for name in names)
        ),
    )
