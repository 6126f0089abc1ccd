"""Reads a column as a label: words for yes and no, an item of a list, uncertain cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import (
    Absent,
    Derived,
    Give,
    InFile,
    Number,
    OneOf,
    Text,
)
from cohort_selection.tables.cell_words import LABEL_WORDS, holds, is_unknown, items, label_word

POSITIVE, NEGATIVE, EXCLUDE, REFUSE = "positive", "negative", "exclude", "refuse"
UNCERTAIN = (REFUSE, POSITIVE, NEGATIVE, EXCLUDE)
BLANK = (EXCLUDE, NEGATIVE)
UNCERTAIN_WORDS = frozenset({"-1", "uncertain", "possible", "equivocal", "indeterminate"})
_WORDS = {
    word: place == 1 for pair in LABEL_WORDS for place, word in enumerate(pair) if word != "-1"
}
_SHOWN = 8
COVID = "covid19"
"""In place of a column: the label is the nearest COVID-19 test."""


class LabelError(ValueError):
    """A label that cannot be read as the rule says; one sentence without file or line."""


def _items(said: str | Sequence[str]) -> tuple[str, ...]:
    wanted = [said] if isinstance(said, str) else said
    if not wanted or not all(item.strip() for item in wanted):
        raise ValueError
    return tuple(" ".join(item.split()) for item in wanted)


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Reads the text of a label's ``column`` as positive, negative or neither.

    The column is one of the clinical table, or "covid19". With ``contains`` the cell is a list, and
    positive where it has one of these items. With ``at_least`` it is a
    number, and positive from there on. Otherwise it is 0 or 1, no or yes and the like.
    ``uncertain`` says what CheXpert's -1 is, and ``blank`` a cell that says nothing. With
    ``inverted`` a cell that says no is positive; what is uncertain or blank still counts as these
    two say.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    column: Annotated[
        Text,
        Give("the name of a column in quotes"),
        Field(min_length=1, description="a column of the clinical table"),
    ]
    contains: Annotated[
        tuple[str, ...],
        InFile(Text | list[Text], _items),
        Give("a text in quotes, or a list of at least one"),
        Field(
            description="a text or a list of texts. The column is then a list of findings, and a "
            "case is positive if the list has one of these items. An item that no record has is "
            "refused"
        ),
    ] = ()
    uncertain: Annotated[
        Text,
        OneOf(UNCERTAIN),
        Field(
            description="what CheXpert's `-1` counts as: `positive`, `negative`, `exclude`, or "
            "`refuse`"
        ),
    ] = REFUSE
    blank: Annotated[
        Text,
        OneOf(BLANK),
        Field(description="what an empty or unknown cell counts as: `exclude` or `negative`"),
    ] = EXCLUDE
    at_least: Annotated[
        Number | None,
        Absent("none"),
        Give("a number"),
        Field(
            allow_inf_nan=False,
            description="the column holds a number, such as a grade, and a case is positive from "
            "this one on",
        ),
    ] = None
    inverted: Annotated[bool, Derived()] = False

    def __post_init__(self) -> None:
        """Refuse a rule that says two things at once."""
        if self.contains and self.uncertain != REFUSE:
            raise ValueError(
                "contains and uncertain are both given; give one of them: a list holds an item or "
                "does not"
            )
        if self.at_least is not None and (self.contains or self.uncertain != REFUSE):
            raise ValueError(
                "at_least is given beside contains or uncertain; a number has neither: leave them "
                "out"
            )
        if self.column == COVID and (
            self.contains
            or self.at_least is not None
            or (self.uncertain, self.blank) != (REFUSE, EXCLUDE)
        ):
            raise ValueError(
                f'column is "{COVID}", whose days covid_window says; give "{COVID}" alone, or '
                "another column"
            )

    def known(self, text: str) -> bool:
        """Whether the cell says something that counts."""
        if is_unknown(text):
            return self.blank != EXCLUDE
        return self.uncertain != EXCLUDE or not self.is_uncertain(text)

    def read(self, text: str) -> bool | None:
        """Whether the cell makes a case positive; None where it says neither yes nor no."""
        if is_unknown(text):
            return False if self.blank == NEGATIVE else None
        if self.is_uncertain(text):
            return {POSITIVE: True, NEGATIVE: False}.get(self.uncertain)
        if self.at_least is not None:
            number = _number(text)
            return None if number is None else (number >= self.at_least) is not self.inverted
        said = holds(text, self.contains) if self.contains else _WORDS.get(label_word(text))
        return None if said is None else said is not self.inverted

    def is_uncertain(self, text: str) -> bool:
        """Whether the cell has CheXpert's -1 or a word for it; no list and no number has."""
        return not self.contains and self.at_least is None and label_word(text) in UNCERTAIN_WORDS

    def labels(self, texts: Mapping[str, int]) -> dict[str, int]:
        """0 or 1 for each known text, given with how many records have it.

        Raises LabelError where a text says neither, or none an item.
        """
        if self.contains:
            self._refuse_no_item(texts)
        found = {text: self.read(text) for text in texts}
        odd: Counter[str] = Counter()
        for text, label in found.items():
            if label is None:
                odd[text.strip()] += texts[text]
        if odd:
            value, n = odd.most_common(1)[0]
            more = f" (and {len(odd) - 1} other values)" if len(odd) > 1 else ""
            raise LabelError(
                f"the label {self.column} is {value!r} in {n} of {sum(texts.values())} "
                f"records{more}; {self._advice(value)}"
            )
        return {text: int(bool(label)) for text, label in found.items()}

    def _advice(self, value: str) -> str:
        if self.at_least is not None:
            return "at_least asks for numbers: give one, or nothing where it is not known"
        if self.is_uncertain(value):
            return (
                "CheXpert's -1 means uncertain: say what it counts as, as label = "
                f'{{ column = "{self.column}", uncertain = "positive" }} (or "negative", "exclude")'
            )
        several = items(value)
        said = [item for item in several if _WORDS.get(label_word(item))]
        if said and len(several) > 1 and all(label_word(item) in _WORDS for item in several):
            return (
                "its images or rows disagree: give each study one label, or make a case positive "
                "where one of them says so, as label = "
                f'{{ column = "{self.column}", contains = "{said[0]}" }}'
            )
        if len(several) > 1:
            return (
                "a list of findings: say which makes a case positive, as label = "
                f'{{ column = "{self.column}", contains = "{several[0]}" }}'
            )
        return "it must be 0 or 1 (no or yes), or empty where it is not known"

    def _refuse_no_item(self, texts: Mapping[str, int]) -> None:
        every: Counter[str] = Counter()
        for text, n in texts.items():
            every.update(dict.fromkeys(items(text), n))
        lacking = [w for w in self.contains if not any(holds(text, (w,)) for text in texts)]
        if lacking and every:
            shown = ", ".join(item for item, _ in every.most_common(_SHOWN))
            more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
            raise LabelError(
                f"the label {self.column} contains {lacking[0]!r} in no record; its items are "
                f"{shown}{more}: correct contains"
            )


def _number(text: str) -> float | None:
    """The number that a cell holds, or None."""
    try:
        found = float(text.strip())
    except ValueError:
        return None
    return found if isfinite(found) else None
