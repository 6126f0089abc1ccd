"""Predictions and reference standard from two CSV files, for anyone who has predictions already."""

from __future__ import annotations

import csv
import gzip
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NOT_REPORTED = "Not Reported"

_CASE_COLUMNS = ("case_id", "image_id", "study_uid", "case_name", "case", "id")
_PATIENT_COLUMNS = ("patient_id", "patient", "submitter_id", "case_ids_0")
_LABEL_COLUMNS = ("label", "y", "y_true", "truth", "outcome", "target")
_SCORE_COLUMNS = ("probability", "prob", "score", "prediction", "y_score", "y_prob", "p")
_SCORE_PREFIX = "prob_"
_LABEL_WORDS = (
    ("0", "1"),
    ("-1", "1"),
    ("no", "yes"),
    ("false", "true"),
    ("negative", "positive"),
    ("neg", "pos"),
)
"""Pairs of words that say negative and positive; a column uses one pair."""
_ALL_LABEL_WORDS = {word for pair in _LABEL_WORDS for word in pair}
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-9, 1e9


class ScoringInputError(ValueError):
    """Files or arrays cannot be scored; one sentence names file, line and what to do."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class _Table:
    path: Path
    columns: Mapping[str, list[str]]
    lines: Sequence[int]

    @property
    def n(self) -> int:
        return len(self.lines)

    def has(self, column: str) -> bool:
        return column in self.columns

    def first_of(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if name in self.columns), None)


def read_tables(
    predictions: Path,
    truth: Path,
    *,
    case_column: str | None = None,
    patient_column: str | None = None,
    labels: Sequence[str] = (),
    score_column: str | None = None,
    subgroups: Sequence[str] = (),
    age_bands: Sequence[int] = (0, 40, 60, 80),
    missing: str = "refuse",
    weight_column: str | None = None,
) -> dict[str, ScoringInput]:
    """Pair each label with its score; label -> arrays in the order of ``truth``.

    Label ``X`` goes with the score column ``prob_X``; or one label column (label, y, truth ...)
    with one score column (probability, score ...). The files may be the same file and may end in
    .gz. ``patient_column`` "" makes every case a patient. ``subgroups`` come from ``truth``, else
    from ``predictions``; a numeric ``age`` becomes ``age_group`` by ``age_bands``. A case without
    a prediction is refused, or with ``missing`` "worst" gets the worst score there is (0 for a
    positive, 1 for a negative; the lowest and the highest given where scores are no
    probabilities), so that a dropped case never raises a score. Labels are 0/1, -1/1, no/yes,
    false/true, negative/positive or neg/pos, one pair a column. ``weight_column``
    stands in ``truth``, else in ``predictions``. Raises ScoringInputError.
    """
    if missing not in ("refuse", "worst"):
        raise ScoringInputError(f"missing is {missing!r}; give 'refuse' or 'worst'")
    given = _read(predictions)
    known = given if _same_file(predictions, truth) else _read(truth)
    case = _case_column(given, known, case_column)
    rows = _rows(known, case)
    places = _rows(given, case)
    unknown = [line for name, line in places.items() if name not in rows]
    if unknown:
        raise ScoringInputError(
            f"{given.path.name} line {given.lines[unknown[0]]}: this case is not in "
            f"{known.path.name} ({len(unknown)} such cases); leave them out of the predictions"
        )
    lost = [line for name, line in rows.items() if name not in places]
    if lost and missing == "refuse":
        raise ScoringInputError(
            f"{len(lost)} of {known.n} cases in {known.path.name} have no prediction in "
            f"{given.path.name} (the first is on line {known.lines[lost[0]]}); predict every case"
        )
    order = [places.get(name, -1) for name in rows]
    patient = _patient_column(known, patient_column)
    pairs = _pairs(given, known, labels, score_column)
    attributes = _attributes(given, known, order, subgroups, age_bands)
    weights = None if weight_column is None else _weights(given, known, order, weight_column)
    found = {}
    for label, column in pairs.items():
        y = _labels(known, label)
        found[label] = ScoringInput(
            label=label,
            case_id=np.array(list(rows), dtype=np.str_),
            patient_id=None if patient is None else np.array(known.columns[patient], np.str_),
            y=y,
            scores=_scores(given, column, order, y),
            attributes=attributes,
            n_missing=len(lost),
            weights=weights,
        )
    return found


def _read(path: Path) -> _Table:
    opened: Callable[..., object] = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:  # type: ignore[attr-defined]
            lines = csv.reader(file, strict=True)
            header = next(lines, None)
            if not header:
                raise ScoringInputError(f"{path.name} is empty; give a header and one row a case")
            names = [name.strip() for name in header]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ScoringInputError(
                    f"{path.name}: column {twice[0]!r} stands there twice; leave one out"
                )
            rows, numbers = [], []
            for row in lines:
                if not row:
                    continue
                if len(row) != len(names):
                    raise ScoringInputError(
                        f"{path.name} line {lines.line_num}: {len(row)} fields, the header has "
                        f"{len(names)}; give each row as many"
                    )
                rows.append(row)
                numbers.append(lines.line_num)
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as problem:
        raise ScoringInputError(
            f"{path.name} is not a CSV file in UTF-8 ({problem}); save it as one"
        ) from None
    if not rows:
        raise ScoringInputError(f"{path.name} has a header and no row; give one row a case")
    columns = {
        name: [text.strip() for text in column]
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    return _Table(path, columns, numbers)


def _same_file(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()


def _missing_column(table: _Table, wanted: str, what: str) -> ScoringInputError:
    shown = ", ".join(list(table.columns)[:40])
    return ScoringInputError(
        f"{table.path.name} has no {what} ({wanted}); its columns are: {shown}; name one "
        "of these, or add it"
    )


def _case_column(given: _Table, known: _Table, wanted: str | None) -> str:
    names = _CASE_COLUMNS if wanted is None else (wanted,)
    for name in names:
        if given.has(name) and known.has(name):
            return name
    lacking = known if known.first_of(names) is None else given
    raise _missing_column(lacking, " or ".join(names), "case column")


def _patient_column(known: _Table, wanted: str | None) -> str | None:
    if wanted == "":
        return None
    if wanted is None:
        return known.first_of(_PATIENT_COLUMNS)
    if not known.has(wanted):
        raise _missing_column(known, wanted, "patient column")
    return wanted


def _rows(table: _Table, case: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, name in enumerate(table.columns[case]):
        line = table.lines[row]
        if name in rows:
            raise ScoringInputError(
                f"{table.path.name} line {line}: the case of line {table.lines[rows[name]]} again; "
                f"give each case once"
            )
        if not name:
            raise ScoringInputError(
                f"{table.path.name} line {line}: {case} is empty; give each case a name"
            )
        rows[name] = row
    return rows


def _pairs(
    given: _Table, known: _Table, labels: Sequence[str], score_column: str | None
) -> dict[str, str]:
    """Label column -> score column."""
    if score_column is not None and not given.has(score_column):
        raise _missing_column(given, score_column, "score column")
    wanted = list(labels)
    if not wanted:
        prefixed = [name[len(_SCORE_PREFIX) :] for name in given.columns if _is_prefixed(name)]
        wanted = [name for name in prefixed if known.has(name)]
        single = known.first_of(_LABEL_COLUMNS)
        if score_column is not None or not wanted:
            if single is None:
                raise _missing_column(known, " or ".join(_LABEL_COLUMNS), "label column")
            wanted = [single]
    pairs = {}
    for label in wanted:
        if not known.has(label):
            raise _missing_column(known, label, "label column")
        names = (_SCORE_PREFIX + label, *(_SCORE_COLUMNS if len(wanted) == 1 else ()))
        column = score_column if score_column is not None else given.first_of(names)
        if column is None:
            raise _missing_column(given, " or ".join(names), f"score column for {label!r}")
        if len(wanted) > 1 and score_column is not None:
            raise ScoringInputError("one score column was named for several labels; name one label")
        pairs[label] = column
    return pairs


def _is_prefixed(name: str) -> bool:
    return name.startswith(_SCORE_PREFIX) and len(name) > len(_SCORE_PREFIX)


def _labels(known: _Table, label: str) -> NDArray[np.bool_]:
    """Read a label column by the one pair of words that it uses, in any case."""
    words = [_word(text) for text in known.columns[label]]
    fitting = list(_LABEL_WORDS)
    for place, word in enumerate(words):
        still = [pair for pair in fitting if word in pair]
        if not still:
            raise _label_error(known, label, place, mixed=word in _ALL_LABEL_WORDS)
        fitting = still
    return np.array([word == fitting[0][1] for word in words], dtype=np.bool_)


def _word(text: str) -> str:
    return text.lower().removeprefix("+").removesuffix(".0")


def _label_error(known: _Table, label: str, place: int, *, mixed: bool) -> ScoringInputError:
    texts, lines = known.columns[label], known.lines
    where = f"{known.path.name} line {lines[place]}: {label} is {texts[place]!r}"
    listed = ", ".join("/".join(pair) for pair in _LABEL_WORDS)
    if not mixed:
        return ScoringInputError(f"{where}; give 0 or 1, or throughout one of {listed}")
    mine = [pair for pair in _LABEL_WORDS if _word(texts[place]) in pair]
    odd = next(i for i, text in enumerate(texts) if not any(_word(text) in pair for pair in mine))
    return ScoringInputError(
        f"{where}, and line {lines[odd]} has {texts[odd]!r}; give throughout one of {listed}"
    )


def _scores(
    given: _Table, column: str, order: Sequence[int], y: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Read a score column: probabilities, or any other finite numbers such as logits or grades."""
    values = np.empty(given.n)
    for row, text in enumerate(given.columns[column]):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ScoringInputError(
                f"{given.path.name} line {given.lines[row]}: {column} is {text!r}; give a "
                f"probability from 0 to 1, or a finite number that is higher where the label is "
                f"likelier"
            )
        values[row] = value
    lowest, highest = min(0.0, float(values.min())), max(1.0, float(values.max()))
    if lowest < 0.0 or highest > 1.0:  # no probabilities: the worst score is one that was given
        lowest, highest = float(values.min()), float(values.max())
    place = np.array(order)
    return np.where(place >= 0, values[place], np.where(y, lowest, highest))


def _weights(
    given: _Table, known: _Table, order: Sequence[int], column: str
) -> NDArray[np.float64]:
    """One weight a case: 0, or within what a figure takes."""
    table, places = (known, range(known.n)) if known.has(column) else (given, order)
    if not table.has(column):
        raise _missing_column(known, column, "weight column")
    values = np.empty(known.n)
    for row, place in enumerate(places):
        if place < 0:
            raise ScoringInputError(
                f"{known.path.name} line {known.lines[row]}: this case has no prediction and so no "
                f"weight; put the column {column} into {known.path.name}"
            )
        text = table.columns[column][place]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (value == 0.0 or LEAST_WEIGHT <= value <= LARGEST_WEIGHT):
            raise ScoringInputError(
                f"{table.path.name} line {table.lines[place]}: {column} is {text!r}; give a "
                f"weight: 0, or a number from {LEAST_WEIGHT:g} to {LARGEST_WEIGHT:g}"
            )
        values[row] = value
    if not values.any():
        raise ScoringInputError(f"{table.path.name}: every {column} is 0; give some case a weight")
    return values


def _attributes(
    given: _Table,
    known: _Table,
    order: Sequence[int],
    subgroups: Sequence[str],
    age_bands: Sequence[int],
) -> dict[str, NDArray[np.str_]]:
    attributes = {}
    for name in subgroups:
        if name in ("age", "age_group") and not _has_column(given, known, "age_group"):
            texts = _column(given, known, order, "age")
            attributes["age_group"] = _bands(texts, age_bands, known)
        else:
            texts = _column(given, known, order, name)
            attributes[name] = np.array([text or NOT_REPORTED for text in texts], np.str_)
    return attributes


def _has_column(given: _Table, known: _Table, name: str) -> bool:
    return known.has(name) or given.has(name)


def _column(given: _Table, known: _Table, order: Sequence[int], name: str) -> list[str]:
    if known.has(name):
        return known.columns[name]
    if given.has(name):
        return [given.columns[name][place] if place >= 0 else "" for place in order]
    raise _missing_column(known, name, "subgroup column")


def _bands(texts: Sequence[str], bands: Sequence[int], known: _Table) -> NDArray[np.str_]:
    """Ages in years to bands such as 0-39, 40-59, 80+; an empty age is not reported."""
    edges = list(bands)
    if not edges or edges != sorted(set(edges)):
        raise ScoringInputError(f"age bands are {edges}; give rising lower ends such as 0, 40, 60")
    names = [f"{low}-{high - 1}" for low, high in itertools.pairwise(edges)]
    names.append(f"{edges[-1]}+")
    found = []
    for line, text in zip(known.lines, texts, strict=True):
        if not text:
            found.append(NOT_REPORTED)
            continue
        try:
            age = float(text)
        except ValueError:
            age = math.nan
        if not edges[0] <= age < 130:
            raise ScoringInputError(
                f"{known.path.name} line {line}: age is {text!r}; give years from {edges[0]} to "
                f"129, or leave it empty if unknown"
            )
        found.append(names[int(np.searchsorted(edges, age, side="right")) - 1])
    return np.array(found, np.str_)
