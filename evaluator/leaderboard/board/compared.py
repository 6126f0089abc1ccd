"""What a board needs of a comparison of its submissions that was frozen at one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol


class ComparedEntry(Protocol):
    """One submission in a comparison."""

    @property
    def submission_id(self) -> str:
        """Whose it is."""

    @property
    def rank_low(self) -> int:
        """The best rank that the interval of ranks holds."""

    @property
    def rank_high(self) -> int:
        """The worst rank that the interval of ranks holds."""

    @property
    def tier(self) -> int:
        """Group of submissions that the data do not tell from its first; 1 is the best."""

    @property
    def first_share(self) -> float:
        """Share of resamples in which it stands first, to one decimal."""

    @property
    def looks(self) -> int:
        """Looks that its team had at this cohort, all models together."""

    @property
    def corrected_low(self) -> float | None:
        """Lower end of the interval corrected for the choice of the best; None without one."""

    @property
    def corrected_high(self) -> float | None:
        """Upper end of it."""


class NotCompared(Protocol):
    """A submission that was released and took no part."""

    @property
    def submission_id(self) -> str:
        """Whose it is."""

    @property
    def reason(self) -> str:
        """Why it took no part."""


class Comparison(Protocol):
    """Submissions of one benchmark, compared on the same resamples."""

    @property
    def frozen_at(self) -> datetime:
        """When it was made."""

    @property
    def entries(self) -> Sequence[ComparedEntry]:
        """The submissions in it."""

    @property
    def others(self) -> Sequence[NotCompared]:
        """Those that were released and are not in it."""


Comparisons = Callable[[str], Comparison | None]
"""The newest comparison of a benchmark, or None before there is one."""


def none(benchmark: str) -> Comparison | None:
    """No benchmark has a comparison."""
    return None
