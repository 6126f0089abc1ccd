"""The cases of a reader study: their labels and patients, and what a model said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.tables.column_names import CASE_NAMES, LABEL_NAMES, NAMES
from evaluator.case_tables.case_table import CaseTable, ScoringInputError
from evaluator.case_tables.labels import Labels, read_labels
from evaluator.case_tables.scoring_input import ScoringInput, read_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Cases in the order of the table of labels; arrays are (cases,).

    ``patient_id`` is None where each case is a patient of its own, ``model`` where no table of a
    model's scores was given.
    """

    label: str
    case_id: NDArray[np.str_]
    patient_id: NDArray[np.str_] | None
    y: NDArray[np.bool_]
    model: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How the table of labels is read; names of columns are None where usual ones are sought."""

    labels: Sequence[str] = ()
    case_column: str | None = None
    patient_column: str | None = None
    how: Labels = field(default_factory=Labels)
    missing: str = "refuse"
    model_column: str | None = None


def read_labelled(
    truth: Path, columns: Columns, tell: Callable[[str], None], model: Path | None = None
) -> Labelled:
    """Read one label of each case, and the scores of a ``model``; raise ScoringInputError.

    ``tell`` gets a sentence for each thing that was assumed.
    """
    if len(columns.labels) > 1:
        raise ScoringInputError(
            f"{len(columns.labels)} labels are named and a reader study is about one; give --label "
            "once"
        )
    if model is not None:
        return _with_model(truth, model, columns, tell)
    table = CaseTable(truth)
    names = CASE_NAMES if columns.case_column is None else (columns.case_column,)
    case = table.find(*names)
    if case is None:
        raise table.missing("case column", names)
    table.gather(case, id_holds_label=columns.how.id_holds_label)
    label = _label(table, columns)
    y, usable = read_labels(table, label, columns.how)
    if not usable.all():
        tell(
            f"{label}: {int((~usable).sum())} of {usable.size} cases are left out because their "
            "label is uncertain or blank"
        )
    if not usable.any():
        raise ScoringInputError(f"{table.name}: no case has a label {label}; check its column")
    patients = _patients(table, columns.patient_column, tell)
    return Labelled(
        label=label,
        case_id=np.array(list(table.cases), dtype=np.str_)[usable],
        patient_id=None if patients is None else patients[usable],
        y=y[usable],
    )


def _with_model(
    truth: Path, model: Path, columns: Columns, tell: Callable[[str], None]
) -> Labelled:
    inputs = read_tables(
        model,
        truth,
        labels=tuple(columns.labels),
        score_column=columns.model_column,
        case_column=columns.case_column,
        patient_column=columns.patient_column,
        how=columns.how,
        missing=columns.missing,
        tell=tell,
    )
    if len(inputs) > 1:
        raise ScoringInputError(
            f"the tables have {len(inputs)} labels ({', '.join(sorted(inputs)[:5])} ...) and a "
            "reader study is about one; name it with --label"
        )
    (scores,) = inputs.values()
    return _of_input(scores)


def _of_input(scores: ScoringInput) -> Labelled:
    return Labelled(
        label=scores.label,
        case_id=scores.case_id,
        patient_id=scores.patient_id,
        y=scores.y,
        model=scores.scores,
    )


def _label(table: CaseTable, columns: Columns) -> str:
    """The column or item that is the label."""
    if columns.how.column(table) is not None or table.long_labels():
        findings = columns.how.names(table) or []
        if columns.labels:
            return columns.labels[0]
        if len(findings) == 1:
            return findings[0]
        raise ScoringInputError(
            f"{table.name} has {len(findings)} labels ({', '.join(sorted(findings)[:5])} ...) and "
            "a reader study is about one; name it with --label"
        )
    names = columns.labels or LABEL_NAMES
    label = table.find(*names)
    if label is None:
        raise table.missing("label column", names)
    return label


def _patients(
    table: CaseTable, patient_column: str | None, tell: Callable[[str], None]
) -> NDArray[np.str_] | None:
    if patient_column == "":
        return None
    names = NAMES["patient"] if patient_column is None else (patient_column,)
    column = table.find(*names)
    if column is None and patient_column is not None:
        raise table.missing("patient column", names)
    if column is None:
        tell(
            f"{table.name} has no patient column ({', '.join(names[:4])} ...): each of its "
            f"{len(table.cases)} cases counts as a patient of its own; --patient-column names one"
        )
        return None
    return np.array(table.patients(column, tell), dtype=np.str_)
