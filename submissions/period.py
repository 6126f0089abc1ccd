"""From which day to which day a benchmark takes submissions; days are those of UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


class PeriodError(ValueError):
    """A benchmark takes no submissions on this day, or its days are in the wrong order."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days of submissions, ``opens`` and ``closes`` included; None for no limit."""

    opens: date | None = None
    closes: date | None = None

    def __post_init__(self) -> None:
        """Raise PeriodError where it closes before it opens."""
        if self.opens is not None and self.closes is not None and self.closes < self.opens:
            raise PeriodError(
                f"closes is {self.closes}, before opens, {self.opens}; exchange or correct them"
            )

    def admit(self, benchmark: str, today: date) -> None:
        """Raise PeriodError where ``benchmark`` takes no submissions on the day ``today``."""
        if self.opens is not None and today < self.opens:
            raise PeriodError(
                f"the benchmark {benchmark} opens on {self.opens} and today is {today} (UTC); "
                "submit from that day on"
            )
        if self.closes is not None and today > self.closes:
            raise PeriodError(
                f"the benchmark {benchmark} closed at the end of {self.closes} (UTC) and takes no "
                "submissions any more; submit to another benchmark, or ask the steward"
            )
