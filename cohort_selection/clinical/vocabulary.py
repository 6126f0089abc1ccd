"""Reads ages, categories, days and lists in every spelling of clinical tables.

``place`` is where a cell stands ("cases.tsv line 7"); it opens the message of each error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import floor

from cohort_selection.ages import OLDEST, years
from cohort_selection.tables.cell_words import is_unknown, items, number, plain
from cohort_selection.tables.column_names import field_of

__all__ = [
    "NOT_REPORTED", "TOP_CODED", "ClinicalError", "age", "day", "ethnicity", "is_unknown", "level",
    "listed", "modalities", "over_89", "race", "race_and_ethnicity", "sex", "test_result",
]  # fmt: skip

NOT_REPORTED = "Not Reported"
MOST_DAYS = 100_000
TOP_CODED = 90
"""Years given to a patient whose age is withheld because it is above 89 (HIPAA Safe Harbor)."""


class ClinicalError(ValueError):
    """A clinical table that cannot be read as one: names the file, the line and the column."""


_SEXES = {
    "f": "Female",
    "female": "Female",
    "woman": "Female",
    "m": "Male",
    "man": "Male",
    "male": "Male",
    "o": "Other",
    "other": "Other",
}
_NATIVE = "American Indian or Alaska Native"
_BLACK = "Black or African American"
_PACIFIC = "Native Hawaiian or other Pacific Islander"
_RACES = {
    "american indian or alaska native": _NATIVE,
    "american indian and alaska native": _NATIVE,
    "american indian/alaska native": _NATIVE,
    "asian": "Asian",
    "black": _BLACK,
    "black or african american": _BLACK,
    "black/african american": _BLACK,
    "african american": _BLACK,
    "native hawaiian or other pacific islander": _PACIFIC,
    "native hawaiian and other pacific islander": _PACIFIC,
    "native hawaiian or pacific islander": _PACIFIC,
    "native hawaiian/other pacific islander": _PACIFIC,
    "other": "Other",
    "caucasian": "White",
    "white": "White",
}
_HISPANIC, _NOT_HISPANIC = "Hispanic or Latino", "Not Hispanic or Latino"
_ETHNICITIES = {
    "hispanic": _HISPANIC,
    "hispanic or latino": _HISPANIC,
    "hispanic/latino": _HISPANIC,
    "not hispanic": _NOT_HISPANIC,
    "non-hispanic": _NOT_HISPANIC,
    "not hispanic or latino": _NOT_HISPANIC,
    "not hispanic/latino": _NOT_HISPANIC,
}
# In the standard of 1997, which the fields race and ethnicity follow, people of the Middle East
# and North Africa are White (OMB, 62 FR 58782); Directive 15 of 2024 lists them apart.
_COMBINED = _RACES | {
    "hispanic or latino": _HISPANIC,
    "middle eastern or north african": "White",
}
_WORDS = {"sex": _SEXES, "race": _RACES, "ethnicity": _ETHNICITIES}
_RESULTS = {"positive": "Positive", "negative": "Negative", "indeterminate": "Indeterminate"}

# MIDRC's tools write 890 for "over 89" and 999 for "unknown"; 139 was an older "over 89".
_AGE_CODES: Mapping[float, int | None] = {139: TOP_CODED, 890: TOP_CODED, 999: None}
_DECIMAL = re.compile(r"\+?[0-9]{1,3}(?:\.[0-9]*)?")
_YEARS = re.compile(r"\s*(?:y|yrs?|years?)\.?(?:\s+old)?$", re.IGNORECASE)
_TOP = re.compile(
    r"(?:(?P<above>>|over |above |older than )|(?P<from>>=|≥))? ?(?P<age>[0-9]{2,3}) ?"
    r"(?P<up>\+|(?:and|or) (?:over|above|older|more))?"
)
_LEAST_TOP = 80
"""Years from which an age may be withheld; ``40+`` names a group of ages."""


def age(place: object, column: str, text: str) -> int | None:
    """Whole years completed; None where unknown; 90 for MIDRC's codes for 'over 89'.

    ``90+``, ``>89`` and the like are the youngest age that they leave, from 80 on; below that they
    name a group. Ages of 45.6 years are 45.
    """
    if is_unknown(text):
        return None
    said = _YEARS.sub("", text.strip())
    value = number(said)
    if value is not None and value in _AGE_CODES:
        return _AGE_CODES[int(value)]
    found = floor(value) if value is not None and _DECIMAL.fullmatch(said) else years(said)
    if found is None:
        found = _at_least(said)
    if found is None or not 0 <= found <= OLDEST:
        raise ClinicalError(
            f"{place}: {column} is {text!r}; give years from 0 to {OLDEST}, "
            "or leave it empty if unknown"
        )
    return found


def _at_least(text: str) -> int | None:
    matched = _TOP.fullmatch(" ".join(text.lower().split()))
    if matched is None or not (matched["above"] or matched["from"] or matched["up"]):
        return None
    found = int(matched["age"]) + bool(matched["above"])
    return found if found >= _LEAST_TOP else None


def over_89(text: str) -> bool:
    """Whether ``age_at_..._gt89`` says that the age is withheld."""
    return text.lower() in {"yes", "true", "1"}


def sex(place: object, text: str) -> str:
    """MIDRC's word for a sex; "Not Reported" where unknown."""
    return _category(place, "sex", text, _SEXES)


def race(place: object, text: str) -> str:
    """MIDRC's word for a race; "Not Reported" where unknown."""
    return _category(place, "race", text, _RACES)


def ethnicity(place: object, text: str) -> str:
    """MIDRC's word for an ethnicity; "Not Reported" where unknown."""
    return _category(place, "ethnicity", text, _ETHNICITIES)


def test_result(place: object, text: str) -> str:
    """MIDRC's word for the result of a test; "Not Reported" where unknown."""
    return _category(place, "test_result_text", text, _RESULTS)


def race_and_ethnicity(place: object, texts: Sequence[str]) -> tuple[str, str]:
    """Race and ethnicity, as they were asked for in two questions, of one combined answer.

    The answer is the list ``race_ethnicity`` of OMB's Directive 15 of 2024. A person who names
    Hispanic or Latino has that ethnicity; a person who names only other groups has not. One race is
    that race, more than one is Other, none is Not Reported.
    """
    answers = {_category(place, "race_ethnicity", text, _COMBINED) for text in texts}
    answers -= {NOT_REPORTED}
    if not answers:
        return NOT_REPORTED, NOT_REPORTED
    races = answers - {_HISPANIC}
    origin = _HISPANIC if _HISPANIC in answers else _NOT_HISPANIC
    if not races:
        return NOT_REPORTED, origin
    return (races.pop() if len(races) == 1 else "Other"), origin


def day(place: object, column: str, text: str) -> int | None:
    """A whole number of days; None where unknown."""
    if is_unknown(text):
        return None
    found = number(text)
    if found is None or not found.is_integer() or abs(found) > MOST_DAYS:
        raise ClinicalError(
            f"{place}: {column} is {text!r}; give a whole number of days, at most {MOST_DAYS:,}"
        )
    return int(found)


def level(attribute: str, text: str) -> str:
    """A cell of any table as a level of an attribute: one word for one thing.

    Sex, race and ethnicity, by the column's name, get MIDRC's words where the cell's word is known;
    whatever says that nothing is known is Not Reported; ``70.0`` is 70. Of a joint attribute,
    "race x sex", each part is read by its own name.
    """
    names, parts = attribute.split(" x "), text.split(" x ")
    if len(names) == len(parts) > 1:
        return " x ".join(map(level, names, parts))
    said = plain(text)
    if is_unknown(said):
        return NOT_REPORTED
    words = _WORDS.get(field_of(attribute) or "", {})
    return words.get(said.lower(), said)


def listed(texts: Sequence[str]) -> list[str]:
    """The items of a list, however it is written, in order and each once.

    Over several cells (``name_0``, ``name_1``), in one with commas, or as ``['one', 'two']``.
    """
    return list(dict.fromkeys(item for text in texts for item in items(text)))


def modalities(texts: Sequence[str]) -> str:
    """``CR,DX`` for each of MIDRC's spellings: "DX, CR", "['DX', 'CR']", two cells."""
    return ",".join(sorted(item.upper() for item in listed(texts)))


def _category(place: object, column: str, text: str, known: Mapping[str, str]) -> str:
    key = " ".join(text.lower().split())
    if is_unknown(key):
        return NOT_REPORTED
    if key not in known:
        allowed = ", ".join(dict.fromkeys(known.values()))
        raise ClinicalError(
            f"{place}: {column} is {text!r}; expected {allowed}, "
            f"or {NOT_REPORTED} (or empty) where unknown"
        )
    return known[key]
