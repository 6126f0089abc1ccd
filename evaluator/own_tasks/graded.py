"""Grades and scores on any scale in tables of one's own: one output a case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.task.declaration import ORDINAL, SCORE, Task
from evaluator.case_tables.scoring_input import (
    Reading,
    ScoringInput,
    ScoringInputError,
    read_references,
    read_tables,
)
from evaluator.tasks.scored_cases import ScoredCases

OF_ONE_OUTPUT = (ORDINAL, SCORE)
DEFAULT_THRESHOLD = 0.5
"""From which score a case is called where nothing says it."""

_ASKED = re.compile(r"ordinal:(\d{1,4})-(\d{1,4})(?::(\d{1,4}(?:,\d{1,4})*))?")


def own_task(kind: str, declared: Task, reading: Reading) -> tuple[Task, Reading] | None:
    """The task of grades or scores, and how its tables are read; None for another kind.

    ``kind`` is "score", "ordinal" as the benchmark's file declares it, or "ordinal:0-24:4,12" with
    scale and cuts; the reference grade stands in the one label that was named, else in the file's
    column. Raises ScoringInputError.
    """
    if (kind or declared.kind) == SCORE:
        if reading.get("weight_column"):
            raise ScoringInputError("--weight-column is not for a task of scores: leave it out")
        return Task(SCORE), reading
    if not (kind or declared.kind).startswith(ORDINAL):
        return None
    labels = tuple(reading["labels"])
    column = labels[0] if labels else declared.column
    if len(labels) > 1 or not column:
        raise ScoringInputError(
            f"{len(labels)} labels are named; name the one column of the reference grade with "
            "--label"
        )
    if reading.get("weight_column") or reading.get("missing") == "worst":
        raise ScoringInputError(
            "--weight-column and --missing worst are not for grades: leave them out, and grade "
            "every case"
        )
    if kind in ("", ORDINAL) and declared.kind == ORDINAL:
        return _task(column, declared.lowest, declared.highest, declared.cuts), reading
    scale = _ASKED.fullmatch(kind)
    if scale is None:
        raise ScoringInputError(
            f"--task is {kind!r}; give the scale of the grades as ordinal:0-24, with cuts as "
            "ordinal:0-24:4,12, or a benchmark's file that declares them with --plan"
        )
    cuts = tuple(int(cut) for cut in (scale[3] or "").split(",") if cut)
    return _task(column, int(scale[1]), int(scale[2]), cuts), reading


def threshold_of(task: Task, threshold: float | None) -> float:
    """From which score a case counts as called; of grades, as positive too: else the first cut."""
    if threshold is not None:
        return threshold
    if task.kind != ORDINAL:
        return DEFAULT_THRESHOLD
    return float(task.cuts[0] if task.cuts else task.lowest + 1)


def read_cases(
    predictions: Path,
    truth: Path,
    task: Task,
    attributes: Sequence[str],
    threshold: float,
    **reading: Unpack[Reading],
) -> ScoredCases:
    """The cases of two tables. A grade is positive from ``threshold`` on; raise ScoringInputError.

    Reference grades are whole numbers on the scale; predicted ones lie on it, with decimals or not.
    """
    if task.kind == ORDINAL:
        scored, reference = read_references(
            predictions, truth, task.column, subgroups=attributes, **reading
        )
        _refuse_off_scale("reference", task, scored, reference, whole=True)
        _refuse_off_scale("predicted", task, scored, scored.scores, whole=False)
        return _cases(scored, reference >= threshold, reference[:, None])
    inputs = read_tables(predictions, truth, subgroups=tuple(attributes), **reading)
    if len(inputs) > 1:
        raise ScoringInputError(
            f"a task of scores has one label, and the tables have {', '.join(inputs)}; name one "
            "with --label"
        )
    ((_, scored),) = inputs.items()
    return _cases(scored, scored.y, np.zeros((0, 0)))


def _task(column: str, lowest: int, highest: int, cuts: tuple[int, ...]) -> Task:
    try:
        return Task(ORDINAL, column, lowest=lowest, highest=highest, cuts=cuts)
    except ValueError as problem:
        raise ScoringInputError(f"{problem}") from None


def _refuse_off_scale(
    what: str, task: Task, scored: ScoringInput, grades: NDArray[np.float64], *, whole: bool
) -> None:
    off = (grades < task.lowest) | (grades > task.highest)
    if whole:
        off |= grades != np.round(grades)
    if off.any():
        first = int(np.flatnonzero(off)[0])
        raise ScoringInputError(
            f"the {what} grade of case {str(scored.case_id[first])!r} is {grades[first]:g} "
            f"({int(off.sum())} are so); give {'whole numbers' if whole else 'numbers'} from "
            f"{task.lowest} to {task.highest}"
        )


def _cases(
    scored: ScoringInput, labels: NDArray[np.bool_], targets: NDArray[np.float64]
) -> ScoredCases:
    patients = scored.case_id if scored.patient_id is None else scored.patient_id
    cases = tuple(
        Case(
            case_id=str(name),
            patient_id=str(patients[row]),
            files=(),
            label=int(labels[row]),
            attributes={of: str(column[row]) for of, column in scored.attributes.items()},
        )
        for row, name in enumerate(scored.case_id)
    )
    return ScoredCases(
        cases=cases,
        labels=np.asarray(labels, dtype=np.bool_),
        scores=scored.scores,
        patients=np.array(patients, dtype=np.str_),
        attributes=scored.attributes,
        outputs=scored.scores[:, None] if targets.size else targets,
        targets=targets,
    )
