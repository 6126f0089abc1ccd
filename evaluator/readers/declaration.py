"""The tables [panels.NAME]: readers whose reads are sealed, to show submissions beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Give, Number, Text
from cohort_selection.benchmark_keys.reading import read_table, shown

BETWEEN = "/"
"""Between a panel, what was read and a reader in the names under which reads are sealed."""
FEWEST_READERS = 3
"""A mean and spread of two readers would tell each of them what the other did."""


class PanelError(ValueError):
    """A panel that cannot be declared, or whose table cannot be sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A [panels.NAME] table: several readers, each of whom read every case."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: Annotated[
        Text,
        Field(
            min_length=1,
            max_length=80,
            description="a table beside the benchmark's file, one row a reader and case; sealed "
            "with the labels and never shown to a container",
        ),
    ]
    readers: Annotated[
        Text,
        Absent("`reader`, `rater`, ..."),
        Field(description="its column that names the readers; the names are not sealed"),
    ] = ""
    scores: Annotated[
        Text,
        Absent("`rating`, `score`, ..., where the table has it"),
        Field(description="its column of scores, higher where the label is likelier"),
    ] = ""
    calls: Annotated[
        Text,
        Absent("`call`, `recall`, ..., where the table has it"),
        Field(description="its column of calls, 0 or 1"),
    ] = ""
    call_at: Annotated[
        Number | None,
        Absent("none"),
        Field(
            allow_inf_nan=False,
            description="without calls: scores from here on are calls, for sensitivity and "
            "specificity",
        ),
    ] = None
    cases: Annotated[
        Text,
        Absent("`study_uid`, `case_id`, ..."),
        Field(description="its column that names the studies"),
    ] = ""
    margin: Annotated[
        Number | None,
        Give("a number above 0 and below 1"),
        Absent("none"),
        Field(gt=0, lt=1, description="how much worse than the mean reader is still not inferior"),
    ] = None

    def __post_init__(self) -> None:
        """Raise PanelError where its keys contradict each other."""
        if self.calls and self.call_at is not None:
            raise PanelError("it has calls and also call_at; leave one of the two out")
        if "/" in self.file or "\\" in self.file or self.file in (".", ".."):
            raise PanelError(
                f"file is {self.file!r}; give the name of a table that lies beside the "
                "benchmark's file"
            )


def read_panels(table: object, path: Path) -> dict[str, Panel]:
    """Read the [panels] table of the benchmark at ``path``; raise PanelError."""
    if not isinstance(table, Mapping):
        raise PanelError(f"{path.name}: panels is {shown(table)}; give each a table [panels.NAME]")
    for name in table:
        if BETWEEN in name or not name:
            raise PanelError(
                f"{path.name}: a panel is named {name!r}; give it a name without {BETWEEN}"
            )
    return {
        name: read_table(Panel, each, path, f"panels.{name}", PanelError)
        for name, each in table.items()
    }
