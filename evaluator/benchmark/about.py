"""The [benchmark] table: what a benchmark is called, and when it takes submissions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Day, Give, Text
from cohort_selection.benchmark_keys.reading import read_table
from submissions.period import Period


class SpecificationError(ValueError):
    """The benchmark's file is not what it should be."""


NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""What a benchmark may be called: it names folders and addresses."""


@dataclass(frozen=True, slots=True)
class About:
    """The [benchmark] table of a benchmark's file; the name may be empty."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Annotated[
        Text,
        Give("a name of at most 63 lower-case letters, digits and hyphens"),
        Absent("the file's name"),
        Field(
            pattern=f"^{NAME.pattern}$",
            description="lower-case letters, digits and hyphens; names the cohort, the board and "
            "the address of its page",
        ),
    ] = ""
    title: Annotated[
        Text | None, Absent("the name"), Field(description="the heading of the board")
    ] = None
    description: Annotated[Text, Absent("empty"), Field(description="shown above the board")] = ""
    opens: Annotated[
        Day | None,
        Absent("at once"),
        Field(description="the first day on which it takes submissions, as 2026-01-31, in UTC"),
    ] = None
    closes: Annotated[
        Day | None,
        Absent("never"),
        Field(description="the last day on which it takes submissions, in UTC"),
    ] = None

    def __post_init__(self) -> None:
        """Refuse days in the wrong order."""
        Period(self.opens, self.closes)


def read_about(table: Mapping[str, object], path: Path, *, installed: bool = False) -> About:
    """Read the [benchmark] table of the file at ``path``; raise SpecificationError.

    ``installed``: an earlier version took a title that was no text.
    """
    if installed:
        texts = ("name", "title", "description")
        table = {key: str(value) if key in texts else value for key, value in table.items()}
    return read_table(About, table, path, "benchmark", SpecificationError)
