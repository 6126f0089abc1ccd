"""Reads the texts of options that hold several values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Modality(StrEnum):
    """What `import-images` may write."""

    DX = "DX"
    CR = "CR"


class Simulated(StrEnum):
    """What `simulate` may write: radiographs (DX and CR), or CT volumes."""

    DX = "DX"
    CT = "CT"


class OptionError(ValueError):
    """An option's text cannot be read."""


def pairs(
    texts: Sequence[str], option: str = "--column", example: str = "patient='Patient ID'"
) -> dict[str, str]:
    """Read NAME=VALUE options; raise OptionError."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise OptionError(f"{option} is {text!r}; give NAME=COLUMN, such as {example}")
        values[name] = value
    return values


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """Read rising whole numbers joined by commas; raise OptionError."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise OptionError(f"{option} is {text!r}; give whole numbers and commas, such as 0,18,65")
    numbers = tuple(int(part) for part in parts)
    if sorted(set(numbers)) != list(numbers):
        raise OptionError(f"{option} is {text!r}; give each bound once, the lowest first")
    return numbers
