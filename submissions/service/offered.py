"""A benchmark as the web process knows it: what is public, and nothing of its cohort."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from submissions.contract import Contract
from submissions.quota import Quota
from submissions.service.problems import Problem


@dataclass(frozen=True, slots=True)
class Offered:
    """One benchmark that teams may enter.

    ``toml`` is the benchmark's file. ``threshold`` is the declared one, or None where each
    submission brings its own. ``practice``: a practice draw exists; its
    cases, which are public, lie in ``practice_folder``.
    """

    name: str
    title: str
    description: str
    primary: str
    contract: Contract
    quota: Quota
    opens: date | None = None
    closes: date | None = None
    practice: bool = False
    threshold: float | None = None
    toml: bytes = b""
    practice_folder: Path | None = None

    def is_open(self, today: date) -> bool:
        """Whether submissions are taken on a day (UTC); both ends belong to the open time."""
        return (self.opens is None or self.opens <= today) and (
            self.closes is None or today <= self.closes
        )

    def refuse_closed(self) -> None:
        """Raise a 409 Problem where no submission is taken today (UTC)."""
        today = datetime.now(UTC).date()
        if not self.is_open(today):
            raise Problem(
                409,
                "Benchmark closed",
                f"Benchmark {self.name} takes submissions from {self.opens or 'any day'} to "
                f"{self.closes or 'any day'}, and today is {today}; enter on such a day.",
                type="benchmark-closed",
            )
