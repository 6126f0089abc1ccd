"""The practice cases on which a submission is tried before it is queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Whole
from cohort_selection.benchmark_keys.reading import read_table

_CASES = "cases of the open part on which each submission is tried before it is queued; 0 for none"


class PracticeError(ValueError):
    """The [practice] table is not what it should be."""


@dataclass(frozen=True, slots=True)
class Practice:
    """The [practice] table of a benchmark's file."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    cases: Annotated[Whole, Field(ge=0, le=1_000, description=_CASES)] = 0


def read_practice(table: Mapping[str, object], path: Path) -> Practice:
    """Read the [practice] table of the benchmark file at ``path``; raise PracticeError."""
    return read_table(Practice, table, path, "practice", PracticeError)
