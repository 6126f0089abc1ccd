"""Reads the text of one cell in the same way for every table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import isfinite

DECIMALS = 6
"""Digits after the point that count: the contract rounds predictions to as many."""

_UNKNOWN = frozenset(
    {
        "", "#n/a", "-", "--", ".", "<na>", "?", "[]", "declined", "missing", "n.a.", "n/a", "na",
        "nan", "nat", "none", "not available", "not known", "not recorded", "not reported",
        "not specified", "null", "u", "undefined", "unk", "unknown", "unspecified",
    }
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE = re.compile(r"([+-]?[0-9]+)\.0+")
_SPREADSHEET_ID = re.compile(r"-?[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}")
_ENDING = re.compile(r"(?<=.)(?:\.[a-z][a-z0-9]{1,4}){1,2}$")  # no part of a UID, which is digits
_SEVERAL = re.compile(r"[|,;\s\[\]'\"]")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")

LABEL_WORDS = (
    ("0", "1"),
    ("-1", "1"),
    ("no", "yes"),
    ("false", "true"),
    ("negative", "positive"),
    ("neg", "pos"),
    ("absent", "present"),
    ("n", "y"),
)
"""Pairs of words that say negative and positive; a column uses one pair."""


def is_unknown(text: str) -> bool:
    """Whether a cell says that nothing is known."""
    return text.strip().lower() in _UNKNOWN


def number(text: str) -> float | None:
    """A finite number in plain decimal or scientific notation; None where the text is none.

    Python's own ``float`` takes ``1_000``, digits of other scripts and ``infinity`` too.
    """
    if len(text) > 400 or not _NUMBER.fullmatch(text):
        return None
    found = float(text)
    return found if isfinite(found) else None


def amount(text: str) -> float | None:
    """A finite number, 0 or more; None where the text is none."""
    found = number(text)
    return found if found is not None and found >= 0 else None


def plain(text: str) -> str:
    """A text with single blanks, and a whole number without its ``.0``: one level is one text."""
    text = " ".join(text.split())
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def is_shortened(text: str) -> bool:
    """Whether a spreadsheet wrote this id, as ``1.23E+11``: its other digits are lost."""
    return _SPREADSHEET_ID.fullmatch(text) is not None


def label_word(text: str) -> str:
    """A cell of a label column as one of ``LABEL_WORDS`` has it; numbers to 6 decimals."""
    word = text.strip().lower()
    value = number(word)
    if value is None:
        return word
    rounded = round(value, DECIMALS) + 0.0  # + 0.0: no minus zero
    return f"{rounded:g}"


def items(text: str) -> tuple[str, ...]:
    """The items of a cell that lists several: ``a|b``, ``['a', 'b']``, ``a; b`` or ``a, b``.

    Each item once, in order.
    """
    if not _SEVERAL.search(text):
        return (text,) if text else ()
    found: list[str] = []
    for part in text.split("|"):
        inner = part.strip()
        if inner.startswith("[") and inner.endswith("]"):
            inner = inner[1:-1]
            quoted = [a or b for a, b in _QUOTED.findall(inner)]
            if quoted:
                found += quoted
                continue
            found += inner.split(",")
        else:
            found += inner.split(";") if ";" in inner else inner.split(",")
    named = (" ".join(item.split()).strip("'\"") for item in found)
    return tuple(dict.fromkeys(item for item in named if item))


def holds(text: str, wanted: Iterable[str]) -> bool:
    """Whether a list has one of these items; capitals do not matter. An item may hold a comma."""
    there = {*items(text), *(" ".join(part.split()) for part in text.split("|"))}
    folded = {item.casefold() for item in there}
    return any(item.casefold() in folded for item in wanted)


def joined(texts: Sequence[str]) -> str:
    """What several lines say of one thing: each text once, in order, joined by ``|``."""
    return "|".join(dict.fromkeys(text for text in texts if text))


def spelling(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """What would make ids of two tables meet; empty where nothing simple would."""
    for what, plain in (
        ("capitals aside", str.casefold),
        ("zeros in front aside", lambda text: text.casefold().lstrip("0")),
        ("endings such as .png aside", lambda text: _ENDING.sub("", text.casefold())),
    ):
        if {plain(one) for one in ours} & {plain(other) for other in theirs}:
            return f"; some would meet, {what}"
    return ""
