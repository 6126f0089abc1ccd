"""Reads the texts of options that hold several values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path


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


def refuse_unwritable(path: Path, *, parents: bool = False) -> None:
    """Raise OptionError where no file can be written at ``path``.

    ``parents``: folders above it that are missing are made with it.
    """
    if why := _unwritable(path, parents=parents):
        raise OptionError(f"{path} cannot be written: {why}, or give another place")


def _unwritable(path: Path, *, parents: bool) -> str:
    """Why no file can be written at ``path``, and how to mend it; empty where one can be."""
    if path.is_dir():
        return "it is a folder; give the file's name too"
    above = path.parent
    while parents and not above.exists():
        above = above.absolute().parent
    if not above.exists():
        return f"there is no folder {above}; make it"
    if not above.is_dir():
        return f"{above} is a file; rename it"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"you may not write into {above}; ask its owner"
    return ""


def refuse_one_file_twice(written: Sequence[Path | None], read: Sequence[Path | None]) -> None:
    """Raise OptionError where a file would be written over one that is read, or written twice."""
    taken = {path.resolve() for path in read if path is not None}
    for path in filter(None, written):
        if path.resolve() in taken:
            raise OptionError(
                f"{path} is read by this command, or written by it already; give each output a "
                "file of its own"
            )
        taken.add(path.resolve())
