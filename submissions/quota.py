"""How often a team may look at the sequestered cases, and what counts as a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Number, Whole
from cohort_selection.benchmark_keys.reading import read_table


class QuotaError(ValueError):
    """The [quota] table is not what it should be, or a team has used its quota up."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The looks of a team: at most ``per_team`` in any ``days`` days, and ``lifetime`` in all.

    A look is a submission that was charged. Times have a time zone.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    per_team: Annotated[
        Whole, Field(ge=1, description="submissions of a team that read sequestered cases")
    ] = 10
    days: Annotated[Whole, Field(ge=1, le=700_000, description="in so many days")] = 7
    lifetime: Annotated[
        Whole | None,
        Absent("no limit"),
        Field(
            ge=1,
            description="submissions of a team that read the sequestered cases of one cohort, "
            "for ever: each tells a little more of the cases",
        ),
    ] = None
    concurrent: Annotated[
        Whole | None,
        Absent("no limit"),
        Field(ge=1, description="submissions of a team that run at the same time"),
    ] = None
    cohort_looks: Annotated[
        Whole | None,
        Absent("no limit"),
        Field(
            ge=1,
            description="submissions of all teams that read the sequestered cases of the cohort; "
            "after them it is spent, and the benchmark takes no more",
        ),
    ] = None
    load_factor: Annotated[
        Number | None,
        Absent("no limit"),
        Field(
            gt=0.0,
            description="looks that may read a case of the cohort, as a mean and over all draws; "
            "from there on the cohort is spent",
        ),
    ] = None

    @property
    def caps_uses(self) -> bool:
        """Whether the uses of a case have an end, over all teams."""
        return self.cohort_looks is not None or self.load_factor is not None

    def remaining(self, charged: Sequence[datetime], now: datetime) -> int:
        """Submissions a team may still make now.

        ``charged`` says when each of its charged ones was received, all that read this cohort.
        """
        left = self.per_team - len(self._recent(charged, now))
        if self.lifetime is not None:
            left = min(left, self.lifetime - len(charged))
        return max(0, left)

    def renews(self, charged: Sequence[datetime], now: datetime) -> datetime | None:
        """When the team has one more than now; None where waiting brings none."""
        recent = self._recent(charged, now)
        if not recent:
            return None
        if self.lifetime is not None and self.lifetime - len(charged) <= self.remaining(
            charged, now
        ):
            return None
        return recent[max(0, len(recent) - self.per_team)] + timedelta(days=self.days)

    def admit(self, team: str, charged: Sequence[datetime], now: datetime) -> None:
        """Raise QuotaError where the team has none left, saying when the next one is free."""
        if self.remaining(charged, now):
            return
        if self.lifetime is not None and len(charged) >= self.lifetime:
            raise QuotaError(
                f"team {team!r} has used all its {self.lifetime} submissions to this cohort, which "
                "never renew; wait for a new cohort, or ask the steward"
            )
        free = self.renews(charged, now)
        raise QuotaError(
            f"team {team!r} has used its {self.per_team} submissions of {self.days} days; "
            f"the next is free on {free:%Y-%m-%d %H:%M} UTC"
        )

    def _recent(self, charged: Sequence[datetime], now: datetime) -> list[datetime]:
        since = now - timedelta(days=self.days)
        return sorted(received for received in charged if received > since)


def read_quota(table: Mapping[str, object], path: Path) -> Quota:
    """Read the [quota] table of the benchmark file at ``path``; raise QuotaError."""
    return read_table(Quota, table, path, "quota", QuotaError)
