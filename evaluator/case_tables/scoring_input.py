"""Reads predictions and reference standard from two tables for `score`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from cohort_selection.clinical.age_bands import AGE_BANDS
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.tables.cell_words import DECIMALS, is_unknown, number, spelling
from cohort_selection.tables.column_names import (
    CASE_NAMES,
    LABEL_NAMES,
    NAMES,
    SCORE_NAMES,
    field_of,
)
from cohort_selection.task.declaration import output_of
from evaluator.case_tables.case_table import CaseTable, ScoringInputError
from evaluator.case_tables.labels import Labels, read_labels

__all__ = [
    "NOT_REPORTED",
    "Reading",
    "ScoringInput",
    "ScoringInputError",
    "read_references",
    "read_tables",
]

_SCORE_PREFIX = "prob_"
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-9, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringInput:
    """One label's cases, scores and attributes, row by row; attributes are texts.

    ``weights`` are None where no weight column was named.
    """

    label: str
    case_id: NDArray[np.str_]
    patient_id: NDArray[np.str_] | None
    y: NDArray[np.bool_]
    scores: NDArray[np.float64]
    attributes: Mapping[str, NDArray[np.str_]]
    n_missing: int = 0
    weights: NDArray[np.float64] | None = None


class Reading(TypedDict, total=False):
    """Further keywords of :func:`read_tables`, for a function that hands them on."""

    case_column: str | None
    patient_column: str | None
    labels: Sequence[str]
    score_column: str | None
    age_bands: Sequence[int]
    missing: str
    weight_column: str | None
    how: Labels | None
    tell: Callable[[str], None]


def read_tables(
    predictions: Path,
    truth: Path,
    *,
    case_column: str | None = None,
    patient_column: str | None = None,
    labels: Sequence[str] = (),
    score_column: str | None = None,
    subgroups: Sequence[str] = (),
    age_bands: Sequence[int] = AGE_BANDS,
    missing: str = "refuse",
    weight_column: str | None = None,
    how: Labels | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, ScoringInput]:
    """Pair each label with its score; label -> arrays in the order of ``truth``.

    Label ``X`` goes with the score column ``prob_X``, or with ``X`` of another table; or one label
    column (label, y, truth ...) with one score column (probability, score ...). ``how`` says how
    labels are read: of a list column, of a long table, what is uncertain or blank. The files may be
    the same file. Names of columns may be spelled in any case, with blanks or marks.
    ``patient_column`` stands in ``truth``, else in ``predictions``; "" makes every case a patient,
    and so is each case whose patient is not known. Lines of ``truth`` that repeat a case must agree
    in what is read of them. ``subgroups`` come from ``truth``, else from ``predictions``; ages
    become ``age_group`` by ``age_bands``. A case without a prediction is refused, or with
    ``missing`` "worst" gets the worst score there is (0 for a positive, 1 for a negative; the
    lowest and the highest given where scores are no probabilities), so that a dropped case never
    raises a score. ``weight_column`` stands in ``truth``, else in ``predictions``. ``tell`` gets
    one sentence for each thing that was assumed. Raises ScoringInputError.
    """
    if missing not in ("refuse", "worst"):
        raise ScoringInputError(f"missing is {missing!r}; give 'refuse' or 'worst'")
    bands = _rising(age_bands)
    how = how or Labels()
    table = CaseTable(predictions)
    known = table if predictions.resolve() == truth.resolve() else CaseTable(truth)
    _gather(table, known, case_column, labels, how, tell)
    order = _order(table, known, missing, tell)
    pairs = _pairs(table, known, labels, score_column, how)
    patient = _patients(table, known, order, patient_column, tell)
    attributes = _attributes(table, known, order, subgroups, bands, tell)
    weights = None if weight_column is None else _weights(table, known, order, weight_column)
    cases = np.array(list(known.cases), dtype=np.str_)
    inputs = {}
    for label, scored in pairs.items():
        y, usable = read_labels(known, label, how)
        _tell_left_out(known, label, usable, tell)
        scores = _scores(table, scored, order, y)
        inputs[label] = ScoringInput(
            label=label,
            case_id=cases[usable],
            patient_id=None if patient is None else patient[usable],
            y=y[usable],
            scores=scores[usable],
            attributes={name: levels[usable] for name, levels in attributes.items()},
            n_missing=int((order[usable] < 0).sum()),
            weights=None if weights is None else weights[usable],
        )
    return inputs


def read_references(
    predictions: Path,
    truth: Path,
    column: str,
    *,
    subgroups: Sequence[str] = (),
    **reading: Unpack[Reading],
) -> tuple[ScoringInput, NDArray[np.float64]]:
    """Pair a number of each case in ``column`` of ``truth``, as a grade is, with its score.

    The other keywords are those of ``read_tables``; the labels of what is given back are all false.
    A case whose cell says nothing is left out. Raises ScoringInputError.
    """
    tell, how = reading["tell"], reading["how"] or Labels()
    scores = CaseTable(predictions)
    known = scores if predictions.resolve() == truth.resolve() else CaseTable(truth)
    _gather(scores, known, reading["case_column"], (column,), how, tell)
    order = _order(scores, known, "refuse", tell)
    grade_column = known.find(column)
    if grade_column is None:
        raise known.missing("column of the reference", [column])
    score_column = reading["score_column"]
    names = (score_column,) if score_column else ("grade", *SCORE_NAMES)
    scored = scores.find(*names)
    if scored is None or (scores is known and scored == grade_column):
        raise scores.missing("column of the grades", names)
    texts = known.texts(grade_column)
    reference = np.empty(len(texts))
    for row, (case, text) in enumerate(zip(known.cases, texts, strict=True)):
        value = math.nan if is_unknown(text) else number(text)
        if value is None:
            raise ScoringInputError(
                f"{known.first(case)}: {grade_column} is {text!r}; give a number, or nothing "
                "where it is not known"
            )
        reference[row] = value
    usable = ~np.isnan(reference)
    _tell_left_out(known, column, usable, tell)
    no_label = np.zeros(reference.size, dtype=np.bool_)
    patient = _patients(scores, known, order, reading["patient_column"], tell)
    bands = _rising(reading["age_bands"])
    attributes = _attributes(scores, known, order, subgroups, bands, tell)
    paired = ScoringInput(
        label=column,
        case_id=np.array(list(known.cases), dtype=np.str_)[usable],
        patient_id=None if patient is None else patient[usable],
        y=no_label[usable],
        scores=_scores(scores, scored, order, no_label)[usable],
        attributes={name: levels[usable] for name, levels in attributes.items()},
    )
    return paired, reference[usable]


def _rising(age_bands: Sequence[int]) -> list[int]:
    bands = list(age_bands)
    if not bands or bands != sorted(set(bands)):
        raise ScoringInputError(f"age bands are {bands}; give rising lower ends such as 0, 40, 60")
    return bands


def _tell_left_out(
    known: CaseTable, label: str, usable: NDArray[np.bool_], tell: Callable[[str], None]
) -> None:
    if not usable.all():
        tell(
            f"{label}: {int((~usable).sum())} of {usable.size} cases are left out because their "
            "label is uncertain or blank"
        )
    if not usable.any():
        raise ScoringInputError(f"{known.name}: no case has a label {label}; check its column")


def _gather(
    scores: CaseTable,
    known: CaseTable,
    patient_column: str | None,
    labels: Sequence[str],
    how: Labels,
    tell: Callable[[str], None],
) -> None:
    """Find the column that names the cases in each table: a name of both, else each one's own."""
    names = CASE_NAMES if patient_column is None else (patient_column,)
    pairs = ((scores.find(name), known.find(name)) for name in names)
    one, other = next(
        ((a, b) for a, b in pairs if a is not None and b is not None),
        (scores.find(*names), known.find(*names)),
    )
    for table, column in ((known, other), (scores, one)):
        if column is None:
            raise table.missing("case column", names)
    assert one is not None
    assert other is not None
    if one != other:
        tell(f"cases are named by {one} in {scores.name} and by {other} in {known.name}")
    scores.gather(one, id_holds_label=how.id_holds_label)
    if known is not scores:
        known.gather(other, id_holds_label=how.id_holds_label)
    if any(known.find(name) for name in (*labels, *_prefixed(scores))):
        scores.labelled = known.labelled = None  # a label has a column: the table is not long
    if known is not scores and not scores.long_labels():
        scores.refuse_repeats()


def _order(
    scores: CaseTable, known: CaseTable, missing: str, tell: Callable[[str], None]
) -> NDArray[np.int64]:
    """The place of each known case among the given ones, -1 where it has no prediction."""
    places = {case: place for place, case in enumerate(scores.cases)}
    unknown = [case for case in places if case not in known.cases]
    lost = [case for case in known.cases if case not in places]
    if unknown:
        case, other = unknown[0], (lost or list(known.cases))[0]
        hint = spelling(unknown, lost)
        raise ScoringInputError(
            f"{scores.first(case)}: the case {case!r} is not in {known.name} ({len(unknown)} of "
            f"{len(places)} are not), which has {other!r} on line "
            f"{known.first(other).rpartition(' ')[2]}{hint}; give both tables the same names, or "
            "leave such cases out of the predictions"
        )
    if lost and missing == "refuse":
        raise ScoringInputError(
            f"{len(lost)} of {len(known.cases)} cases in {known.name} have no prediction in "
            f"{scores.name} (the first is {lost[0]!r} on line "
            f"{known.first(lost[0]).rpartition(' ')[2]}); predict every case, or count them as the "
            "worst score with --missing worst"
        )
    if lost:
        tell(f"{len(lost)} cases without a prediction get the worst score")
    return np.array([places.get(case, -1) for case in known.cases], dtype=np.int64)


def _patients(
    scores: CaseTable,
    known: CaseTable,
    order: NDArray[np.int64],
    patient_column: str | None,
    tell: Callable[[str], None],
) -> NDArray[np.str_] | None:
    if patient_column == "":
        return None
    names = NAMES["patient"] if patient_column is None else (patient_column,)
    column = known.find(*names)
    if column is None and (theirs := scores.find(*names)) is not None:
        tell(f"patients are those of the column {theirs} of {scores.name}")
        patients = scores.patients(theirs, tell)
        cases = zip(order.tolist(), known.cases, strict=True)
        columns = [
            patients[place] if place >= 0 else f"{NOT_REPORTED}, {known.first(case)}"
            for place, case in cases
        ]
        return np.array(columns, dtype=np.str_)
    if column is None and patient_column is not None:
        raise known.missing("patient column", names)
    if column is None:
        tell(
            f"{known.name} has no patient column ({', '.join(names[:4])} ...): each of its "
            f"{len(known.cases)} cases counts as a patient of its own; --patient-column names one"
        )
        return None
    return np.array(known.patients(column, tell), dtype=np.str_)


_Scored = str | Mapping[str, int]
"""A column of scores, or the line of each case in a long table."""


def _pairs(
    scores: CaseTable,
    known: CaseTable,
    labels: Sequence[str],
    score_column: str | None,
    how: Labels,
) -> dict[str, _Scored]:
    """Label -> where its scores are."""
    if score_column is not None and scores.find(score_column) is None:
        raise scores.missing("score column", [score_column])
    own = how.names(known)
    if long := scores.long_labels():
        column = scores.find(score_column) if score_column else scores.find(*SCORE_NAMES)
        if column is None:
            raise scores.missing("score column", SCORE_NAMES)
        chosen = list(labels) or [label for label in long if own is None or label in own]
        for label in chosen:
            if label not in long:
                raise ScoringInputError(
                    f"{scores.name} scores no label {label!r}; it has {', '.join(sorted(long))}"
                )
        return {label: long[label] for label in chosen}
    chosen = list(labels)
    if not chosen:
        bare = _prefixed(scores)
        own_names = set(own) if own is not None else None
        chosen = [n for n in bare if (known.find(n) if own_names is None else n in own_names)]
        if score_column is not None or not chosen:
            single = known.find(*LABEL_NAMES)
            if own is not None and len(own) == 1:
                single = own[0]
            elif own is not None:
                raise scores.missing("score column", [f"{_SCORE_PREFIX}{n}" for n in own[:3]])
            if single is None:
                raise known.missing("label column", LABEL_NAMES)
            chosen = [single]
    if len(chosen) > 1 and score_column is not None:
        raise ScoringInputError("one score column was named for several labels; name one label")
    pairs: dict[str, _Scored] = {}
    for label in chosen:
        if own is None and known.find(label) is None:
            raise known.missing("label column", [label])
        bare = [] if scores is known else [label, output_of(label)]
        names = (_SCORE_PREFIX + label, *bare, *(SCORE_NAMES if len(chosen) == 1 else ()))
        column = scores.find(score_column) if score_column else scores.find(*names)
        if column is None:
            raise scores.missing(f"score column for {label!r}", names)
        pairs[label] = column
    return pairs


def _prefixed(scores: CaseTable) -> list[str]:
    """The labels that have a score column ``prob_LABEL``."""
    prefixed = (name for name in scores.table.columns if name.startswith(_SCORE_PREFIX))
    return [label for name in prefixed if (label := name.removeprefix(_SCORE_PREFIX))]


def _scores(
    table: CaseTable, scored: _Scored, order: NDArray[np.int64], y: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Read scores: probabilities, or any other finite numbers such as logits or grades."""
    column = scored if isinstance(scored, str) else (table.find(*SCORE_NAMES) or "")
    texts = table.table.column(column)
    values = np.empty(len(table.cases))
    for place, (case, rows) in enumerate(table.cases.items()):
        row = rows[0] if isinstance(scored, str) else scored.get(case)
        if row is None:
            raise ScoringInputError(
                f"{table.first(case)}: this case has no score for one of the labels; score each "
                "case for each label"
            )
        if len(rows) > 1 and isinstance(scored, str) and len({texts[r] for r in rows}) > 1:
            table.texts(column)  # refuses, naming both lines
        value = number(texts[row])
        if value is None:
            raise ScoringInputError(
                f"{table.place(row)}: {column} is {texts[row]!r}; give a probability from 0 to 1, "
                "or a finite number with a decimal point that is higher where the label is likelier"
            )
        values[place] = value
    rounded = np.round(values, DECIMALS)
    if rounded.min() >= 0.0 and rounded.max() <= 1.0:
        values = values.clip(0.0, 1.0)  # 1.0000000000000002 is a probability, as in the contract
        lowest, highest = 0.0, 1.0
    else:  # no probabilities: the worst score is one that was given
        lowest, highest = float(values.min()), float(values.max())
    return np.where(order >= 0, values[order], np.where(y, lowest, highest))


def _weights(
    scores: CaseTable, known: CaseTable, order: NDArray[np.int64], name: str
) -> NDArray[np.float64]:
    """One weight a case: 0, or within what a figure takes."""
    table, column, places = _column_of(scores, known, order, name, "weight column")
    texts, cases = table.texts(column), list(table.cases)
    values = np.empty(len(known.cases))
    for row, (place, case) in enumerate(zip(places, known.cases, strict=True)):
        if place < 0:
            raise ScoringInputError(
                f"{known.first(case)}: this case has no prediction and so no "
                f"weight; put the column {name} into {known.name}"
            )
        value = number(texts[place])
        if value is None or not (value == 0.0 or LEAST_WEIGHT <= value <= LARGEST_WEIGHT):
            raise ScoringInputError(
                f"{table.first(cases[place])}: {column} is {texts[place]!r}; give a "
                f"weight: 0, or a number from {LEAST_WEIGHT:g} to {LARGEST_WEIGHT:g}"
            )
        values[row] = value
    if not values.any():
        raise ScoringInputError(f"{table.name}: every {column} is 0; give some case a weight")
    return values


def _column_of(
    scores: CaseTable, known: CaseTable, order: NDArray[np.int64], name: str, what: str
) -> tuple[CaseTable, str, Iterable[int]]:
    """The table that has a column, the truth first, and the place of each known case in it."""
    if (column := known.find(name)) is not None:
        return known, column, range(len(known.cases))
    if (column := scores.find(name)) is not None:
        return scores, column, order.tolist()
    raise known.missing(what, [name])


def _attributes(
    scores: CaseTable,
    known: CaseTable,
    order: NDArray[np.int64],
    subgroups: Sequence[str],
    bands: Sequence[int],
    tell: Callable[[str], None],
) -> dict[str, NDArray[np.str_]]:
    attributes = {}
    for subgroup in subgroups:
        groups = known.find("age_group")
        of_age = subgroup == "age_group" or field_of(subgroup) == "age"
        if of_age and groups is not None and tuple(bands) != AGE_BANDS:
            tell(
                f"the groups of age are those of the column {groups} of {known.name}; age bands "
                "are not applied to it: leave it out to have ages grouped by them"
            )
        if (column := known.levels(subgroup, bands)) is not None:
            name, levels = column
        elif (column := scores.levels(subgroup, bands)) is not None:
            name, theirs = column
            levels = [theirs[place] if place >= 0 else NOT_REPORTED for place in order.tolist()]
        else:
            raise known.missing("subgroup column", [subgroup])
        attributes[name] = np.array(levels, dtype=np.str_)
    return attributes
