"""Reads one table of all outputs and one of labels as the cases of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.task.declaration import MULTICLASS, Task
from evaluator.case_tables.scoring_input import (
    Reading,
    ScoringInput,
    ScoringInputError,
    read_tables,
)
from evaluator.tasks.scored_cases import ScoredCases
from submissions.predictions import SUM_TOLERANCE


def read_outputs(
    predictions: Path,
    truth: Path,
    task: Task,
    attributes: Sequence[str],
    **reading: Unpack[Reading],
) -> ScoredCases:
    """The cases of two tables, with a column of ``outputs`` and ``targets`` for each label.

    The column of an output is called ``prob_LABEL``, or where labels are in a table of their own
    ``LABEL`` as predictions.csv has it. A finding that the table does not tell is unknown in that
    case; a case without a class is left out. Outputs are probabilities, and those of classes sum to
    1. Raises ScoringInputError.
    """
    inputs = read_tables(predictions, truth, subgroups=tuple(attributes), **reading)
    if task.kind == MULTICLASS:
        _refuse_unlike_classes(inputs, task)
    place: dict[str, int] = {}
    for scored in inputs.values():
        for case in scored.case_id.tolist():
            place.setdefault(case, len(place))
    n, k = len(place), len(task.outputs)
    outputs, targets = np.full((n, k), np.nan), np.full((n, k), np.nan)
    patients = np.array(list(place), dtype=object)
    levels: dict[str, NDArray[np.object_]] = {}
    for column, (label, scored) in enumerate(inputs.items()):
        _refuse_no_probability(label, scored)
        rows = np.array([place[case] for case in scored.case_id.tolist()], dtype=np.int64)
        outputs[rows, column], targets[rows, column] = scored.scores, scored.y
        if scored.patient_id is not None:
            patients[rows] = scored.patient_id
        for name, of_case in scored.attributes.items():
            levels.setdefault(name, np.empty(n, dtype=object))[rows] = of_case
    if task.kind == MULTICLASS:
        _refuse_other_sums(outputs)
    return _cases(task, list(place), patients, levels, outputs, targets)


def _cases(
    task: Task,
    names: Sequence[str],
    patients: NDArray[np.object_],
    levels: Mapping[str, NDArray[np.object_]],
    outputs: NDArray[np.float64],
    targets: NDArray[np.float64],
) -> ScoredCases:
    first = 1 if task.kind == MULTICLASS else 0
    labels = (np.nan_to_num(targets[:, first:]) == 1.0).any(axis=1)
    columns = {name: np.array(column, dtype=np.str_) for name, column in levels.items()}
    cases = tuple(
        Case(
            case_id=name,
            patient_id=str(patients[row]),
            files=(),
            label=int(labels[row]),
            attributes={of: str(column[row]) for of, column in columns.items()},
        )
        for row, name in enumerate(names)
    )
    return ScoredCases(
        cases=cases,
        labels=labels,
        scores=outputs[:, 0],
        patients=np.array(patients, dtype=np.str_),
        attributes=columns,
        outputs=outputs,
        targets=targets,
    )


def _refuse_no_probability(label: str, scored: ScoringInput) -> None:
    if scored.scores.min() < 0.0 or scored.scores.max() > 1.0:
        raise ScoringInputError(
            f"the scores of {label} run from {scored.scores.min():g} to {scored.scores.max():g}; a "
            "task of several outputs takes probabilities from 0 to 1"
        )


def _refuse_unlike_classes(inputs: Mapping[str, ScoringInput], task: Task) -> None:
    held = np.sum([scored.y for scored in inputs.values()], axis=0)
    odd = np.flatnonzero(held != 1)
    if odd.size:
        case = next(iter(inputs.values())).case_id[odd[0]]
        raise ScoringInputError(
            f"{odd.size} cases have {'no class' if held[odd[0]] == 0 else 'several classes'} of "
            f"{', '.join(task.classes)} in the column {task.column} (the first is {case!r}); give "
            "each case one class, and name every class with --label"
        )


def _refuse_other_sums(outputs: NDArray[np.float64]) -> None:
    total = outputs.sum(axis=1)
    odd = np.flatnonzero(np.abs(total - 1.0) > SUM_TOLERANCE)
    if odd.size:
        raise ScoringInputError(
            f"the probabilities of the classes sum to {total[odd[0]]:.6g} in {odd.size} of "
            f"{total.size} cases; they must sum to 1: divide each by their sum"
        )
