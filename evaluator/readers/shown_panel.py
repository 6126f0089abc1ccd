"""What a release tells of a submission beside a panel of readers, and of none of them alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShownPanel:
    """One figure of the model beside the mean reader, rounded as figures are.

    ``mean`` is the mean reader's, ``difference`` the model less the mean reader, for readers and
    cases like these. ``margin`` is how much worse is still not inferior, None where the benchmark
    declares none.
    """

    panel: str
    figure: str
    n_readers: int
    mean: float
    mean_low: float
    mean_high: float
    difference: float
    low: float
    high: float
    margin: float | None = None

    @property
    def superior(self) -> bool:
        """Whether the printed lower bound is above 0."""
        return self.low > 0.0

    @property
    def noninferior(self) -> bool | None:
        """Whether the printed lower bound is above less the margin; None without a margin."""
        return None if self.margin is None else self.low > -self.margin


def read_shown(documents: Iterable[Mapping[str, Any]]) -> tuple[ShownPanel, ...]:
    """Read what a release has stored of panels; TypeError for anything else."""
    return tuple(ShownPanel(**each) for each in documents)
