"""The levels of an attribute in the order in which a reader looks for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evaluator.disclosure.suppression import JOINT
from evaluator.scoring.analysis_plan import NOT_REPORTED
from evaluator.scoring.results import OVERALL

if TYPE_CHECKING:
    from evaluator.disclosure.control import Release


def readable(attribute: str) -> str:
    """An attribute's name as a heading: "race x sex" is "Race × sex"."""
    text = attribute.replace("_", " ").replace(" x ", " × ")
    return text[:1].upper() + text[1:]


def readable_level(level: str) -> str:
    """A level as text, its parts joined by a multiplication sign."""
    return level.replace(" x ", " × ")


def attributes_of(release: Release) -> list[str]:
    """Attributes in the order of the plan, those that are withheld whole at the end."""
    shown = (result.attribute for result in release.results)
    hidden = (held.attribute for held in release.withheld)
    return [name for name in dict.fromkeys((*shown, *hidden)) if name != OVERALL[0]]


def in_order(levels: list[str]) -> list[str]:
    """Levels by name, numbers in them by size, so that ages rise; those not reported at the end.

    Whether a level is shown or withheld moves it nowhere.
    """
    return sorted(dict.fromkeys(levels), key=_place)


def _place(level: str) -> tuple[list[tuple[bool, list[tuple[int, float, str]]]]]:
    """Part by part: not reported last, then pieces of text and numbers."""
    parts = []
    for part in level.split(JOINT):
        pieces: list[tuple[int, float, str]] = []
        for piece in re.split(r"(\d+(?:\.\d+)?)", part.casefold()):
            if piece[:1].isdigit():
                pieces.append((1, float(piece), ""))
            elif piece in ("<", "< ", "under ", "below "):
                pieces.append((1, -1.0, ""))  # below every number
            elif piece:
                pieces.append((2, 0.0, piece))
        parts.append((part.casefold() == NOT_REPORTED.casefold(), pieces))
    return (parts,)
