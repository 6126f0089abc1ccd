"""How often a team may look at the sequestered cases, and what counts as a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


class QuotaError(ValueError):
    """The [quota] table is not what it should be, or a team has used its quota up."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``per_team`` charged submissions of a team in any ``days`` days."""

    per_team: int = 10
    days: int = 7

    def remaining(self, charged: Sequence[datetime], now: datetime) -> int:
        """Submissions a team may still make, given when its charged ones were received."""
        since = now - timedelta(days=self.days)
        return max(0, self.per_team - sum(received > since for received in charged))

    def admit(self, team: str, charged: Sequence[datetime], now: datetime) -> None:
        """Raise QuotaError where the team has none left, saying when the next one is free."""
        if self.remaining(charged, now):
            return
        since = now - timedelta(days=self.days)
        recent = sorted(received for received in charged if received > since)
        free = recent[len(recent) - self.per_team] + timedelta(days=self.days)
        raise QuotaError(
            f"team {team!r} has used its {self.per_team} submissions of {self.days} days; "
            f"the next is free on {free:%Y-%m-%d %H:%M} UTC"
        )


def read_quota(table: Mapping[str, object], path: Path) -> Quota:
    """Read the [quota] table of the benchmark file at ``path``; raise QuotaError."""
    known = {"per_team", "days"}
    if unknown := sorted(set(table) - known):
        raise QuotaError(
            f"{path.name}: [quota] has {', '.join(unknown)}; "
            f"known keys are {', '.join(sorted(known))}"
        )
    for key, value in table.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise QuotaError(f"{path.name}: [quota] {key} is {value!r}; give a whole number from 1")
    return Quota(**{key: value for key, value in table.items() if isinstance(value, int)})
