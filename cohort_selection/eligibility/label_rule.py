"""Reads a column as a label: words for yes and no, an item of a list, uncertain cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from cohort_selection.cases import LABEL
from cohort_selection.tables.cell_words import LABEL_WORDS, holds, is_unknown, items, label_word
from cohort_selection.toml_table import CohortTable

POSITIVE, NEGATIVE, EXCLUDE, REFUSE = "positive", "negative", "exclude", "refuse"
UNCERTAIN = (REFUSE, POSITIVE, NEGATIVE, EXCLUDE)
BLANK = (EXCLUDE, NEGATIVE)
KEYS = ("column", "contains", "uncertain", "blank")
UNCERTAIN_WORDS = frozenset({"-1", "uncertain", "possible", "equivocal", "indeterminate"})
_WORDS = {
    word: place == 1 for pair in LABEL_WORDS for place, word in enumerate(pair) if word != "-1"
}
_SHOWN = 8
_EXPECTED = (
    'a column of the clinical table, "covid19", or a table as { column = "Finding Labels", '
    'contains = "Pneumonia" }'
)


class LabelError(ValueError):
    """A label that cannot be read as the rule says; one sentence without file or line."""


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Reads the text of a label's column as positive, negative or neither.

    With ``contains`` the cell is a list, and positive where it has one of these items. Otherwise it
    is 0 or 1, no or yes and the like. ``uncertain`` says what CheXpert's -1 is, and ``blank`` a
    cell that says nothing. With ``inverted`` a cell that says no is positive; what is uncertain or
    blank still counts as these two say.
    """

    contains: tuple[str, ...] = ()
    uncertain: str = REFUSE
    blank: str = EXCLUDE
    inverted: bool = False

    def known(self, text: str) -> bool:
        """Whether the cell says something that counts."""
        if is_unknown(text):
            return self.blank != EXCLUDE
        return self.uncertain != EXCLUDE or not self._is_uncertain(text)

    def read(self, text: str) -> bool | None:
        """Whether the cell makes a case positive; None where it says neither yes nor no."""
        if is_unknown(text):
            return False if self.blank == NEGATIVE else None
        if self._is_uncertain(text):
            return {POSITIVE: True, NEGATIVE: False}.get(self.uncertain)
        said = holds(text, self.contains) if self.contains else _WORDS.get(label_word(text))
        return None if said is None else said is not self.inverted

    def _is_uncertain(self, text: str) -> bool:
        return not self.contains and label_word(text) in UNCERTAIN_WORDS

    def labels(self, texts: Mapping[str, str], column: str) -> dict[str, int]:
        """0 or 1 for each known text; raise LabelError where one says neither, or none an item."""
        if self.contains:
            self._refuse_no_item(Counter(texts.values()), column)
        found = {name: self.read(text) for name, text in texts.items()}
        odd = Counter(texts[name].strip() for name, label in found.items() if label is None)
        if odd:
            value, n = odd.most_common(1)[0]
            more = f" (and {len(odd) - 1} other values)" if len(odd) > 1 else ""
            raise LabelError(
                f"the label {column} is {value!r} in {n} of {len(texts)} records{more}; "
                + self._advice(value, column)
            )
        return {name: int(bool(label)) for name, label in found.items()}

    def _advice(self, value: str, column: str) -> str:
        if self._is_uncertain(value):
            return (
                "CheXpert's -1 means uncertain: say what it counts as, as label = "
                f'{{ column = "{column}", uncertain = "positive" }} (or "negative", "exclude")'
            )
        several = items(value)
        said = [item for item in several if _WORDS.get(label_word(item))]
        if said and len(several) > 1 and all(label_word(item) in _WORDS for item in several):
            return (
                "its images or rows disagree: give each study one label, or make a case positive "
                "where one of them says so, as label = "
                f'{{ column = "{column}", contains = "{said[0]}" }}'
            )
        if len(several) > 1:
            return (
                "a list of findings: say which makes a case positive, as label = "
                f'{{ column = "{column}", contains = "{several[0]}" }}'
            )
        return "it must be 0 or 1 (no or yes), or empty where it is not known"

    def _refuse_no_item(self, texts: Mapping[str, int], column: str) -> None:
        every: Counter[str] = Counter()
        for text, n in texts.items():
            every.update(dict.fromkeys(items(text), n))
        lacking = [w for w in self.contains if not any(holds(text, (w,)) for text in texts)]
        if lacking and every:
            shown = ", ".join(item for item, _ in every.most_common(_SHOWN))
            more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
            raise LabelError(
                f"the label {column} contains {lacking[0]!r} in no record; its items are {shown}"
                f"{more}: correct contains"
            )


def read_label(read: CohortTable) -> tuple[str, LabelRule]:
    """Read ``label`` of the [cohort] table: a column, or a table of how a column is read.

    Raises CohortPlanError, naming file and key.
    """
    value = read.values.get(LABEL)

    def refuse(expected: str) -> NoReturn:
        read.refuse(LABEL, expected)
        raise AssertionError(expected)

    if isinstance(value, str) and value:
        return value, LabelRule()
    if not isinstance(value, Mapping):
        refuse(_EXPECTED)
    if unknown := sorted(set(value) - set(KEYS)):
        refuse(f"the keys {', '.join(KEYS)} alone; {unknown[0]} is none of them")
    column, contains = value.get("column"), value.get("contains", [])
    wanted = [contains] if isinstance(contains, str) else contains
    if not isinstance(column, str) or not column:
        refuse(_EXPECTED)
    if not isinstance(wanted, list) or not all(isinstance(w, str) and w.strip() for w in wanted):
        refuse("contains as a text, or a list of texts, in quotes")
    if "contains" in value and not wanted:
        refuse("contains with at least one text")
    uncertain, blank = value.get("uncertain", REFUSE), value.get("blank", EXCLUDE)
    if uncertain not in UNCERTAIN:
        refuse(f"uncertain as one of {', '.join(UNCERTAIN)}")
    if blank not in BLANK:
        refuse(f"blank as one of {', '.join(BLANK)}")
    if wanted and "uncertain" in value:
        refuse("contains or uncertain, not both: a list holds an item or does not")
    plain = tuple(" ".join(item.split()) for item in wanted)
    return column, LabelRule(plain, uncertain, blank)
