"""The rest that a board shows of one release, and what its rows are sorted by of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.glossary import figure
from evaluator.leaderboard.board.ranking import not_released
from metrics.estimate import Estimate
from submissions.ledger.verdicts.told import MET


@dataclass(frozen=True, slots=True)
class Group:
    """A subgroup with its value of a figure."""

    attribute: str
    level: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Details:
    """The rest that a board shows of one release; ``found`` is what the ledger keeps of it."""

    found: Mapping[str, Any]

    @property
    def n_cases(self) -> int:
        """Cases, 0 where the document is not a release."""
        return int(self.found.get("n_cases", 0))

    @property
    def confidence(self) -> float:
        """Of every interval of the release."""
        return float(self.found.get("confidence", 0.95))

    def estimate(self, metric: str, value: float | None) -> Estimate | None:
        """An overall figure with its interval; None where the release has none of this name."""
        kept = self.found.get("intervals", {}).get(metric)
        if kept is None:
            return None
        low, high, n_cases, undefined = kept
        return _estimate(value, low, high, n_cases, undefined)

    @property
    def verdict(self) -> tuple[tuple[str, str], ...]:
        """Name and outcome of each declared claim, in order; empty where none is declared."""
        return tuple((str(name), str(outcome)) for name, outcome in self.found.get("verdict", ()))

    @property
    def n_met(self) -> int:
        """Declared claims that were met."""
        return sum(outcome == MET for _, outcome in self.verdict)

    def primary(self, metric: str, value: float | None) -> Estimate:
        """The primary figure, or an undefined estimate where the release has none."""
        found = self.estimate(metric, value)
        n_patients = self.found.get("n_patients", 0)
        return not_released(self.n_cases, n_patients) if found is None else found

    def worst(self, metric: str) -> Group | None:
        """The shown subgroup with the worst value; None where none has one."""
        ends = self.found.get("ends", {}).get(metric)
        if not ends:
            return None
        attribute, level, value, low, high, n_cases = ends[figure(metric).better == "lower"]
        return Group(attribute, level, _estimate(value, low, high, n_cases, None))


def _estimate(
    value: float | None,
    low: float | None,
    high: float | None,
    n_cases: int,
    undefined: str | None,
) -> Estimate:
    """An estimate as a board shows it: it tells neither positive cases nor the method."""
    return Estimate(
        value=value,
        low=low,
        high=high,
        n_cases=n_cases,
        n_patients=n_cases,
        n_positive=0,
        method="",
        undefined=undefined if value is None else None,
    )


@dataclass(frozen=True, slots=True)
class Sorting:
    """What a row is sorted by that only its details tell; None where it is undefined."""

    cases: int
    met: int | None
    worst: float | None

    @classmethod
    def of(cls, details: Details, primary: str) -> Sorting:
        """Read it; ``primary`` is the board's figure."""
        worst = details.worst(primary)
        return cls(
            cases=details.n_cases,
            met=details.n_met if details.verdict else None,
            worst=None if worst is None else worst.estimate.value,
        )
