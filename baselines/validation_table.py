"""Writes the validation part with its scores, as `sequestra score` takes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.container.answers import DECIMALS, MULTICLASS, MULTILABEL, ORDINAL
from baselines.targets import Task
from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case


def write_validation(
    path: Path,
    cases: Sequence[Case],
    task: Task,
    targets: NDArray[np.float64],
    outputs: NDArray[np.float64],
) -> None:
    """Write one row a case: ids, reference, outputs and attributes; atomically.

    ``targets`` and ``outputs`` are (n_cases, n_outputs), grades of targets counted from 0. The
    columns are ``label`` and ``probability`` of a binary task, the findings or classes and
    ``prob_`` with each name of one with several outputs, ``grade`` and ``prob_grade`` of an ordinal
    one. An unknown finding is empty. `sequestra score FILE FILE` reads both from the one file.
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
    for case, known, given in zip(
        cases, (targets + task.lowest).tolist(), outputs.tolist(), strict=True
    ):
        writer.writerow(
            [
                case.case_id,
                case.patient_id,
                *("" if value != value else f"{value:g}" for value in known),
                *(f"{value:.{DECIMALS}f}" for value in given),
                *(case.attributes[name] for name in attributes),
            ]
        )
    write_bytes(path, text.getvalue().encode())


def columns_of(task: Task) -> tuple[list[str], list[str]]:
    """Names of the columns of the reference and of the scores."""
    if task.kind in {MULTILABEL, MULTICLASS}:
        return list(task.outputs), [f"prob_{name}" for name in task.outputs]
    if task.kind == ORDINAL:
        return [task.outputs[0]], [f"prob_{task.outputs[0]}"]
    return ["label"], ["probability"]
