"""Reads the labels of a table of cases: words, items of a list, lines of a long table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.eligibility.label_rule import (
    EXCLUDE,
    NEGATIVE,
    POSITIVE,
    REFUSE,
    UNCERTAIN_WORDS,
)
from cohort_selection.tables.cell_words import LABEL_WORDS, holds, is_unknown, items, label_word
from cohort_selection.tables.column_names import LABEL_NAMES
from evaluator.case_tables.case_table import CaseTable, ScoringInputError

_EVERY_WORD = {word for pair in LABEL_WORDS for word in pair}
_POLICIES = {
    "uncertain": (REFUSE, POSITIVE, NEGATIVE, EXCLUDE),
    "blank": (REFUSE, NEGATIVE, EXCLUDE),
}


@dataclass(frozen=True, slots=True)
class Labels:
    """How labels are read.

    ``list_column`` holds all findings of a case (``Mass|Nodule``): its items are the labels.
    ``uncertain`` says what CheXpert's -1 counts as ("positive", "negative", "exclude", or
    "refuse"), ``blank`` what a cell that says nothing does. With ``id_holds_label`` each case's
    name ends in ``_`` and the label, as in RSNA's ``ID_1a2b_epidural``.
    """

    list_column: str = ""
    uncertain: str = REFUSE
    blank: str = REFUSE
    id_holds_label: bool = False

    def __post_init__(self) -> None:
        """Refuse a policy that there is not."""
        for name, allowed in _POLICIES.items():
            word = getattr(self, name)
            if word not in allowed:
                raise ScoringInputError(
                    f"{name} is {word!r}{did_you_mean(word, allowed)}; give {' or '.join(allowed)}"
                )

    def names(self, known: CaseTable) -> list[str] | None:
        """The labels of a list column or a long table; None where each label has a column."""
        column = self.column(known)
        if column is None:
            long = known.long_labels()
            return list(long) if long else None
        findings = (item for text in known.texts(column, join=True) for item in items(text))
        return list(dict.fromkeys(findings))

    def column(self, known: CaseTable) -> str | None:
        """The column that lists the findings of a case, or names one a line; None if none does."""
        if self.list_column:
            column = known.find(self.list_column)
            if column is None:
                raise known.missing("list column", [self.list_column])
            return column
        if known.labelled is not None and known.find(*LABEL_NAMES) is None:
            return known.labelled
        return None


def read_labels(
    known: CaseTable, label: str, how: Labels
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which cases are positive, and which have a label that counts; (cases,) each."""
    column = how.column(known)
    if column is not None:
        texts = known.texts(column, join=True)
        held = [holds(text, (label,)) for text in texts]
        if not any(held):
            shown = ", ".join((how.names(known) or [])[:8])
            raise ScoringInputError(
                f"{known.name}: {column} holds {label!r} in no case; it holds {shown} ..."
            )
        blank = np.array([is_unknown(text) for text in texts])
        if blank.any() and how.blank == REFUSE:
            case = list(known.cases)[int(blank.argmax())]
            raise _blank(known.first(case), column, texts[int(blank.argmax())])
        usable = ~blank if how.blank == EXCLUDE else np.ones(len(held), dtype=np.bool_)
        return np.array(held, dtype=np.bool_), usable
    places, texts = _cells(known, label)
    return read_words(places, texts, label, how)


def _cells(known: CaseTable, label: str) -> tuple[list[str], list[str]]:
    """Where each case's label stands, and what it says."""
    if long := known.long_labels():
        values = known.table.column(known.find(*LABEL_NAMES) or "")
        rows = long[label]
        return (
            [known.place(rows[c]) if c in rows else known.first(c) for c in known.cases],
            [values[rows[c]] if c in rows else "" for c in known.cases],
        )
    column = known.find(label)
    assert column is not None
    return [known.first(case) for case in known.cases], known.texts(column)


def read_words(
    places: Sequence[str], texts: Sequence[str], label: str, how: Labels
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Read a label column by the one pair of words that it uses, in any case."""
    words = [label_word(text) for text in texts]
    fitting = [p for p in LABEL_WORDS if how.uncertain == REFUSE or "-1" not in p]
    every = list(fitting)
    y = np.zeros(len(words), dtype=np.bool_)
    usable = np.ones(len(words), dtype=np.bool_)
    counted: list[int] = []
    for place, word in enumerate(words):
        if is_unknown(word) and how.blank != REFUSE:
            usable[place] = how.blank != EXCLUDE
        elif word in UNCERTAIN_WORDS and how.uncertain != REFUSE:
            usable[place] = how.uncertain != EXCLUDE
            y[place] = how.uncertain == POSITIVE
        else:
            still = [pair for pair in fitting if word in pair]
            if not still:
                odd = next((i for i in counted if not _alike(words[i], word, every)), None)
                raise _label_error(places, texts, label, place, odd)
            fitting = still
            counted.append(place)
    for place in counted:
        y[place] = words[place] == fitting[0][1]
    return y, usable


def _alike(one: str, other: str, pairs: Sequence[tuple[str, str]]) -> bool:
    return any(one in pair and other in pair for pair in pairs)


def _label_error(
    places: Sequence[str], texts: Sequence[str], label: str, place: int, odd: int | None
) -> ScoringInputError:
    where = f"{places[place]}: {label} is {texts[place]!r}"
    listed = ", ".join("/".join(pair) for pair in LABEL_WORDS)
    if is_unknown(texts[place]):
        return _blank(places[place], label, texts[place])
    word = label_word(texts[place])
    if odd is None or word not in _EVERY_WORD:
        return ScoringInputError(f"{where}; give 0 or 1, or one of {listed} throughout")
    both = {word, label_word(texts[odd])}
    uncertain = (
        "; where -1 means uncertain, say what it counts as with --uncertain"
        if both == {"-1", "0"}
        else ""
    )
    line = places[odd].rpartition(" ")[2]
    return ScoringInputError(
        f"{where}, and line {line} has {texts[odd]!r}; give one of {listed} throughout{uncertain}"
    )


def _blank(where: str, label: str, text: str) -> ScoringInputError:
    return ScoringInputError(
        f"{where}: {label} is {text!r}; give 0 or 1, or say with --blank what it counts as"
    )
