"""Writes the validation part with its scores, as `sequestra score` takes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.container.answers import BINARY, DECIMALS, MULTICLASS, ORDINAL, SCORE
from baselines.targets import Task
from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case

CLASS = "class"
"""Column of the name of a case's class."""


def write_validation(
    path: Path,
    cases: Sequence[Case],
    task: Task,
    targets: NDArray[np.float64],
    outputs: NDArray[np.float64],
) -> None:
    """Write one row a case: ids, reference, outputs and attributes; atomically.

    ``targets`` and ``outputs`` are (n_cases, n_outputs), grades of targets counted from 0. The
    columns are ``label`` and ``probability`` of a binary task; of others the findings, the
    ``class`` or the ``grade``, and ``prob_`` with each output's name. An unknown finding is empty.
    :func:`score_options` says how `sequestra score FILE FILE` reads them.
    """
    truth, scores = columns_of(task)
    attributes = [
        name
        for name in (cases[0].attributes if cases else ())
        if name not in {"case_id", "patient_id", *truth, *scores}
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case_id", "patient_id", *truth, *scores, *attributes])
    for case, known, answers in zip(
        cases, (targets + task.lowest).tolist(), outputs.tolist(), strict=True
    ):
        writer.writerow(
            [
                case.case_id,
                case.patient_id,
                *_reference(task, known),
                *(f"{value:.{DECIMALS}f}" for value in answers),
                *(case.attributes[name] for name in attributes),
            ]
        )
    write_bytes(path, text.getvalue().encode())


def columns_of(task: Task) -> tuple[list[str], list[str]]:
    """Names of the columns of the reference and of the scores."""
    if task.kind in {BINARY, SCORE}:
        return ["label"], ["probability" if task.kind == BINARY else "score"]
    scores = [f"prob_{name}" for name in task.outputs]
    return ([CLASS] if task.kind == MULTICLASS else list(task.outputs)), scores


def score_options(task: Task) -> str:
    """Options with which `sequestra score` takes the table of a task; empty for a binary one."""
    if task.kind == BINARY:
        return ""
    if task.kind == SCORE:
        return f" --task {task.kind}"
    named = "".join(f" --label {name}" for name in task.outputs)
    if task.kind == MULTICLASS:
        return f" --task {task.kind} --list-column {CLASS}{named}"
    if task.kind == ORDINAL:
        highest = task.lowest + task.grades - 1
        scores = f" --score-column prob_{task.outputs[0]}"
        return f" --task {task.kind}:{task.lowest}-{highest}{named}{scores}"
    return f" --task {task.kind}{named}"


def _reference(task: Task, known: Sequence[float]) -> list[str]:
    if task.kind == MULTICLASS:
        return [task.outputs[known.index(max(known))]]
    return ["" if value != value else f"{value:g}" for value in known]
