"""The [board] table: when the submissions of a board are compared with one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Day, Give, Whole
from cohort_selection.benchmark_keys.reading import read_table
from evaluator.benchmark.about import SpecificationError

FEWEST_NEW = 5
"""The fewest new releases that may bring comparisons: with fewer, a team could enter a submission
to read its neighbours."""


def _rising(days: tuple[date, ...]) -> tuple[date, ...]:
    if len(set(days)) != len(days):
        raise ValueError("has a date twice; give each once")
    return tuple(sorted(days))


@dataclass(frozen=True, slots=True)
class Freezes:
    """The [board] table of a benchmark's file: dates and numbers at which comparisons are made.

    Without either the board has none. Days are those of UTC.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    freeze_on: Annotated[
        tuple[Day, ...],
        Give("a list of dates without quotes, as [2026-06-30, 2026-12-31]"),
        Absent("on no date"),
        Field(
            description="days, as `[2026-06-30, 2026-12-31]`, at whose beginning (UTC) the "
            "submissions released so far are compared; see [ranking](ranking.md)"
        ),
        AfterValidator(_rising),
    ] = ()
    freeze_every: Annotated[
        Whole | None,
        Absent("after no number"),
        Field(
            ge=FEWEST_NEW,
            description="compares them whenever so many submissions, of two teams or more, were "
            "released since the last time",
        ),
    ] = None

    @property
    def declared(self) -> bool:
        """Whether submissions are compared at all."""
        return bool(self.freeze_on) or self.freeze_every is not None


def read_board(table: Mapping[str, object], path: Path) -> Freezes:
    """Read the [board] table of the benchmark file at ``path``; raise SpecificationError."""
    return read_table(Freezes, table, path, "board", SpecificationError)
