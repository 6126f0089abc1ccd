"""What a source gives to the index, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class SourceError(ValueError):
    """A source that cannot be read, or not to its end."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that the index can read, and what the steward has to know of its origin."""

    folder: Path
    notes: tuple[str, ...] = ()


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 study``, ``1,200 studies``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def examples(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and that there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
