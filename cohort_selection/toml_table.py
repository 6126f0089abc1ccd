"""Typed access to the [cohort] table of a benchmark's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class CohortPlanError(ValueError):
    """The [cohort] table of a benchmark's file is not what it should be."""


@dataclass(frozen=True, slots=True)
class CohortTable:
    """A TOML table read key by key, with one sentence for each wrong value."""

    values: Mapping[str, object]
    path: Path
    name: str = "cohort"

    def refuse(self, key: str, expected: str) -> None:
        """Raise for the value of ``key``."""
        raise CohortPlanError(
            f"{self.path.name}: [{self.name}] {key} is {self.values.get(key)!r}; give {expected}"
        )

    def text(self, key: str, default: str) -> str:
        """Read a string."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            self.refuse(key, "a text in quotes")
        return str(value)

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Read a list of strings."""
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            self.refuse(key, "a list of texts in quotes")
        return tuple(value) if isinstance(value, list | tuple) else ()

    def number(self, key: str, default: float) -> float:
        """Read a number."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, "a number")
        try:
            return float(value) if isinstance(value, int | float) else default
        except OverflowError:
            self.refuse(key, "a number of fewer digits")
            raise

    def whole_number(self, key: str, default: int) -> int:
        """Read a whole number from 0."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.refuse(key, "a whole number, 0 or more")
        return value if isinstance(value, int) else default

    def whole_numbers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Read a list of whole numbers of either sign."""
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or not all(type(v) is int for v in value):
            self.refuse(key, "a list of whole numbers")
        return tuple(value) if isinstance(value, list | tuple) else ()

    def truth(self, key: str) -> bool:
        """Read true or false, false by default."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return bool(value)

    def table(self, key: str, known: tuple[str, ...] = ()) -> CohortTable:
        """Read a table of its own, as [cohort.minimum], with the ``known`` keys, or any."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            self.refuse(key, f"a table, [cohort.{key}]")
            return self
        unknown = sorted(set(value) - set(known)) if known else []
        if unknown:
            raise CohortPlanError(
                f"{self.path.name}: [{self.name}.{key}] has {', '.join(unknown)}; known keys are "
                f"{', '.join(known)}"
            )
        return CohortTable(value, self.path, f"{self.name}.{key}")
