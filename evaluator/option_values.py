"""Reads the texts of options that hold several values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from cohort_selection.atomic_files import refuse_unwritable


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
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise OptionError(f"{option} is {text!r}; give NAME=COLUMN, such as {example}")
        found[name] = value
    return found


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """Read rising whole numbers joined by commas; raise OptionError."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise OptionError(f"{option} is {text!r}; give whole numbers and commas, such as 0,18,65")
    found = tuple(int(part) for part in parts)
    if sorted(set(found)) != list(found):
        raise OptionError(f"{option} is {text!r}; give each bound once, the lowest first")
    return found


def file_to_write(*names: str, help: str, parents: bool = False) -> Any:
    """An option that takes a file to write: refused before any work where none can be written.

    ``parents``: folders above it that are missing are made with it.
    """

    def writable(path: Path | None) -> Path | None:
        if path is not None:
            refuse_unwritable(path, parents=parents)
        return path

    return typer.Option(*names, callback=writable, help=help)
